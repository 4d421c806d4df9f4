// The answer, or a part of it, must match the task's pattern. Patterns run in linear time; one that such an engine refuses
// (lookaround, back references) is a broken reference, not a wrong answer.

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { AnswerPlace, finalText } from "./finalText.ts";
import { compilePattern } from "./linearRegex.ts";

/** Longer answers score 0: the time of a match is linear in the answer, and this bounds it. */
export const maxAnswerChars = 32_768;

const Reference = z.strictObject({
  pattern: z.string().min(1).describe("In the syntax of JavaScript as far as RE2 has it: no lookaround, no back references"),
  flags: z.string().default("").describe("Of i (any case), s (a dot matches line ends), m (^ and $ at each line) and u (always on)"),
  from: AnswerPlace,
  match: z.enum(["full", "search"]).default("full").describe("Whether the whole answer must match, or a part of it"),
});

export const regex = defineVerifier({
  id: "regex",
  version: 2,
  checks: "correctness",
  reference: Reference,
  verify({ reference: { pattern, flags, from, match }, answer }) {
    const compiled = compilePattern(pattern, flags);
    if (compiled.kind === "refused") {
      return { kind: "unscorable", failure: "reference", reason: `pattern ${quoteExcerpt(pattern)}: ${compiled.why}` };
    }
    const wrong = (why: string) => ({ kind: "scored", score: 0, evidence: why }) as const;
    if (answer.length > maxAnswerChars) return wrong(`the answer is beyond the cap of ${maxAnswerChars} characters`);
    const found = finalText(answer, from);
    if (found.kind === "none") return wrong(found.why);
    const { text } = found;
    if (text === "") return wrong("the answer is empty");
    const against = `pattern ${quoteExcerpt(pattern)}`;
    if (match === "search") {
      const part = compiled.find(text);
      if (part === undefined) return wrong(`no part of ${quoteExcerpt(text)} matches ${against}`);
      return { kind: "scored", score: 1, evidence: `${quoteExcerpt(part)} matches ${against}` };
    }
    if (!compiled.matches(text)) return wrong(`${quoteExcerpt(text)} does not match ${against} as a whole`);
    return { kind: "scored", score: 1, evidence: `${quoteExcerpt(text)} matches ${against}` };
  },
});
