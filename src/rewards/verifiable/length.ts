// How long a response is, in a unit of choice: within bounds 1, outside 0, or falling from 1 to 0 over a margin, as DAPO's soft
// punishment of overlong responses does (Yu et al. 2025, arXiv:2503.14476, equation 13, with the margin outside the bound).

import { z } from "zod";

import { defineVerifier } from "../verifier.ts";
import { countSentences } from "./sentences.ts";
import { countPreTokens, countWords } from "./words.ts";

/** Longer texts score 0 in every unit: bounds lie below. */
export const maxTextChars = 262_144;

const bound = z.int().nonnegative().max(maxTextChars);

const Reference = z
  .strictObject({
    unit: z
      .enum(["characters", "words", "sentences", "approximate-tokens"])
      .describe("Characters are code points; approximate tokens are what byte-level tokenizers cut before they merge"),
    min: bound.default(0).describe("Fewest"),
    max: bound.default(maxTextChars).describe("Most"),
    margin: bound.default(0).describe("Over so many units beyond a bound the score falls from 1 to 0; 0: at once"),
    of: z.enum(["answer", "thinking"]).default("answer").describe("Which part of the response is measured"),
  })
  .refine(({ min, max }) => min <= max, { path: ["max"], error: "must be at least min, or no length is right" })
  .refine(({ min, max }) => min > 0 || max < maxTextChars, {
    path: ["min"],
    error: "must be above 0 where there is no max, or nothing is asked",
  });

export const length = defineVerifier({
  id: "length",
  version: 1,
  checks: "form",
  reference: Reference,
  verify({ reference: { unit, min, max, margin, of }, answer, thinking }) {
    const text = of === "answer" ? answer : thinking;
    const wrong = (evidence: string) => ({ kind: "scored", score: 0, evidence }) as const;
    if (text.length > maxTextChars) return wrong(`the ${of} is beyond the cap of ${maxTextChars} characters`);
    // Nothing is no short answer. Thinking may be left out where no least is asked for.
    if (text.trim() === "" && (of === "answer" || min > 0)) return wrong(`the ${of} is blank`);
    const count = counters[unit](text);
    const beyond = Math.max(min - count, count - max, 0);
    const score = beyond === 0 ? 1 : Math.max(0, 1 - beyond / (margin + 1));
    return { kind: "scored", score, evidence: `${count} ${unit}, asked for ${min} to ${max}`, components: { [unit]: count } };
  },
});

const counters: Readonly<Record<z.output<typeof Reference>["unit"], (text: string) => number>> = {
  characters: (text) => [...text].length,
  words: countWords,
  sentences: countSentences,
  "approximate-tokens": countPreTokens,
};
