// Countdown: any expression that reaches the target with the given numbers, each used at most once. Fractions on the way are
// allowed. The expression is the last \boxed{...}, else the whole answer; "= target" after it is allowed.

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { lastBox } from "./boxed.ts";
import { evaluateExpression } from "./expression.ts";
import { whole, within } from "./rational.ts";

const Reference = z.strictObject({
  numbers: z.array(z.int().nonnegative()).min(1).max(32).describe("Each may be used once"),
  target: z.int().describe("What the expression must be worth"),
});

export const countdown = defineVerifier({
  id: "countdown",
  version: 1,
  checks: "correctness",
  reference: Reference,
  verify({ reference: { numbers, target }, answer }) {
    const wrong = (why: string) => ({ kind: "scored", score: 0, evidence: `${why}; target ${target} from ${numbers.join(", ")}` }) as const;
    const box = lastBox(answer);
    if (box.kind === "unclosed") return wrong("the last box is never closed");
    const written = box.kind === "closed" ? box.content : answer;
    const expression = plainOperators(written).replace(new RegExp(`=\\s*${target}\\s*$`), "");
    const evaluated = evaluateExpression(expression);
    if (evaluated.kind === "refused") return wrong(`${quoteExcerpt(written.trim())}: ${evaluated.why}`);
    const extra = firstExtra(evaluated.numbers, numbers);
    if (extra !== undefined) return wrong(`${quoteExcerpt(written.trim())} uses ${extra} more often than it is given`);
    if (!within(evaluated.value, whole(BigInt(target)), whole(0n))) return wrong(`${quoteExcerpt(written.trim())} misses the target`);
    return { kind: "scored", score: 1, evidence: `${quoteExcerpt(written.trim())} reaches ${target} from ${numbers.join(", ")}` };
  },
});

/** Operators and spacing of LaTeX and typography, in ASCII. */
function plainOperators(text: string): string {
  return text
    .trim()
    .replaceAll(/\\times|\\cdot|×|·/g, "*")
    .replaceAll(/\\div|÷/g, "/")
    .replaceAll("−", "-")
    .replaceAll(/\\left|\\right/g, "");
}

/** The first number used that is not among the given ones left. */
function firstExtra(used: readonly bigint[], given: readonly number[]): bigint | undefined {
  const left = given.map(BigInt);
  for (const number of used) {
    const at = left.indexOf(number);
    if (at === -1) return number;
    left.splice(at, 1);
  }
  return undefined;
}
