// The language of the whole response. A response whose language cannot be told does not follow: the published checker
// takes it for followed, which pays for noise.

import { z } from "zod";

import { knownLanguages, languageOf } from "../languageOf.ts";
import { defineInstruction, type Finding } from "./instruction.ts";

export const responseLanguage = defineInstruction({
  arguments: z.strictObject({ language: z.enum(knownLanguages) }),
  check: (response, { language }) => inLanguage(response, language),
});

/** Whether `response` is in the language with this ISO 639-1 code. */
export function inLanguage(response: string, language: string): Finding {
  const detected = languageOf(response);
  if (detected.kind === "unknown") return { followed: false, saw: `cannot tell the language: ${detected.why}` };
  return { followed: detected.language === language, saw: `language ${detected.language}, asked for ${language}` };
}
