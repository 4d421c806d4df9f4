// How a response ends, and what it is wrapped in. The end is compared without regard to letter case and to quotation marks around
// the whole, so that both instructions can hold at once.

import { z } from "zod";

import { quoteExcerpt } from "../../excerpt.ts";
import { defineInstruction, none } from "./instruction.ts";

export const endChecker = defineInstruction({
  arguments: z.strictObject({
    end_phrase: z.string().refine((text) => text.trim() !== "", "must not be blank, or every response would end with it"),
  }),
  check(response, { end_phrase: phrase }) {
    // Quotation marks around the whole may follow the phrase.
    const text = trimQuotes(response.trim()).toLowerCase();
    const followed = text.endsWith(phrase.trim().toLowerCase());
    return { followed, saw: `${followed ? "ends" : "does not end"} with ${quoteExcerpt(phrase.trim())}` };
  },
});

export const quotation = defineInstruction({
  arguments: none,
  check(response) {
    const text = response.trim();
    const followed = text.length > 1 && text.startsWith('"') && text.endsWith('"');
    return { followed, saw: `${followed ? "is" : "is not"} wrapped in double quotation marks` };
  },
});

function trimQuotes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '"') end--;
  return text.slice(0, end);
}
