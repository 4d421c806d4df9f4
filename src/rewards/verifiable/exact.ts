// The answer must be one text, character for character; only blanks around it are ignored, and letter case if the
// reference says so. For answers with one right spelling: "true", "4,17,31".

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";

const Reference = z.strictObject({
  answer: z
    .string()
    .refine((text) => text.trim() !== "", "must not be blank, or saying nothing would be right")
    .describe("The right text"),
  ignoreCase: z.boolean().default(false).describe("Whether upper and lower case are the same"),
});

export const exact = defineVerifier({
  id: "exact",
  version: 1,
  checks: "correctness",
  reference: Reference,
  verify({ reference, answer }) {
    const fold = (text: string) => (reference.ignoreCase ? text.trim().toLowerCase() : text.trim());
    const right = fold(answer) === fold(reference.answer);
    return {
      kind: "scored",
      score: right ? 1 : 0,
      evidence: `answer ${quoteExcerpt(answer.trim())} ${right ? "equals" : "differs from"} reference ${quoteExcerpt(reference.answer)}`,
    };
  },
});
