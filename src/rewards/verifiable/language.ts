// Whether a response is in the language asked for. A language that cannot be told is not the one asked for. How it is told, and which
// there are: languageOf.ts.

import { z } from "zod";

import { defineVerifier } from "../verifier.ts";
import { knownLanguages, languageOf } from "./languageOf.ts";

/** Longer texts score 0. */
export const maxTextChars = 131_072;

const Reference = z.strictObject({
  language: z.enum(knownLanguages).describe("ISO 639-1 code"),
  of: z
    .enum(["answer", "thinking", "both"])
    .default("answer")
    .describe("Which part of the response must be in it; blank thinking is in every language"),
});

export const language = defineVerifier({
  id: "language",
  version: 1,
  checks: "form",
  reference: Reference,
  verify({ reference: { language: wanted, of }, answer, thinking }) {
    const findings = [
      ...(of === "thinking" ? [] : [find("answer", { text: answer, wanted })]),
      ...(of === "answer" || thinking.trim() === "" ? [] : [find("thinking", { text: thinking, wanted })]),
    ];
    return {
      kind: "scored",
      score: findings.every(({ right }) => right) ? 1 : 0,
      evidence: findings.map(({ saw }) => saw).join("; ") || "the thinking is blank",
    };
  },
});

function find(part: string, { text, wanted }: { readonly text: string; readonly wanted: string }): { right: boolean; saw: string } {
  if (text.length > maxTextChars) return { right: false, saw: `the ${part} is beyond the cap of ${maxTextChars} characters` };
  const detected = languageOf(text);
  if (detected.kind === "unknown") return { right: false, saw: `the ${part}: ${detected.why}` };
  return { right: detected.language === wanted, saw: `the ${part} is in ${detected.language}, asked for ${wanted}` };
}
