// The final answer must be one text, character for character; only blanks around it are ignored, and letter case if the
// reference says so. For answers with one right spelling: "true", "4,17,31".

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { AnswerPlace, finalText } from "./finalText.ts";

const Reference = z.strictObject({
  answer: z
    .string()
    .refine((text) => text.trim() !== "", "must not be blank, or saying nothing would be right")
    .describe("The right text"),
  from: AnswerPlace,
  ignoreCase: z.boolean().default(false).describe("Whether upper and lower case are the same"),
});

export const exact = defineVerifier({
  id: "exact",
  version: 1,
  checks: "correctness",
  reference: Reference,
  verify({ reference, answer }) {
    const fold = (text: string) => (reference.ignoreCase ? text.trim().toLowerCase() : text.trim());
    const found = finalText(answer, reference.from);
    if (found.kind === "none") return { kind: "scored", score: 0, evidence: `${found.why}; reference ${quoteExcerpt(reference.answer)}` };
    const right = fold(found.text) === fold(reference.answer);
    return {
      kind: "scored",
      score: right ? 1 : 0,
      evidence: `answer ${quoteExcerpt(found.text)} ${right ? "equals" : "differs from"} reference ${quoteExcerpt(reference.answer)}`,
    };
  },
});
