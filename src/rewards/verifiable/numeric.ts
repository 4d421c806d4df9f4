// Numeric final answers: "... the total is \boxed{1,250}" against { answer: "1250" }. Compared exactly, as fractions; a tolerance is
// a property of the task. Which number is the answer: finalNumber.ts. How numbers are written: number.ts.

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { finalNumber } from "./finalNumber.ts";
import { type ParsedNumber, parseNumber } from "./number.ts";
import { magnitude, multiply, whole, within } from "./rational.ts";

const Reference = z.strictObject({
  answer: z.string().describe("The right number"),
  tolerance: z.number().nonnegative().exactOptional().describe("Largest difference that still counts, absolute; absent: none"),
  relativeTolerance: z
    .number()
    .nonnegative()
    .max(1)
    .exactOptional()
    .describe("Largest difference that still counts, as a share of the right number; absent: none. Either tolerance is enough"),
});

export const numeric = defineVerifier({
  id: "numeric",
  version: 2,
  checks: "correctness",
  reference: Reference,
  verify({ reference, answer }) {
    const gold = parseNumber(reference.answer);
    if (gold.kind !== "number") return { kind: "unscorable", failure: "reference", reason: notGold(reference.answer, gold) };
    const found = finalNumber(answer);
    const against = `reference ${quoteExcerpt(reference.answer)}`;
    if (found.kind === "none") {
      const seen = found.text === undefined ? "" : `: ${quoteExcerpt(found.text)}`;
      return { kind: "scored", score: 0, evidence: `${found.why}${seen}; ${against}` };
    }
    const share = multiply(magnitude(gold.value), toleranceOf(reference.relativeTolerance));
    const right = [toleranceOf(reference.tolerance), share].some((tolerance) => within(found.value, gold.value, tolerance));
    return {
      kind: "scored",
      score: right ? 1 : 0,
      evidence: `${found.source} ${quoteExcerpt(found.text)} ${right ? "equals" : "differs from"} ${against}`,
    };
  },
});

/** The decimal that the number was written as: 0.1 is one tenth. JSON numbers always parse. */
function toleranceOf(tolerance = 0) {
  const parsed = parseNumber(String(tolerance));
  return parsed.kind === "number" ? parsed.value : whole(0n);
}

function notGold(answer: string, gold: Exclude<ParsedNumber, { kind: "number" }>): string {
  const rule = gold.kind === "beyondCaps" ? `is beyond the cap of ${gold.cap}` : "is not a number";
  return `reference answer ${rule}, got ${quoteExcerpt(answer)}`;
}
