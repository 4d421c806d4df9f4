// Parts that a response must contain: placeholders to fill in, a postscript.
// A postscript counts wherever it stands, as the published checker has it.

import { z } from "zod";

import { quoteExcerpt } from "../../excerpt.ts";
import { Count, compareCount, defineInstruction } from "./instruction.ts";

export const numberPlaceholders = defineInstruction({
  arguments: z.strictObject({ num_placeholders: Count }),
  check(response, { num_placeholders: bound }) {
    const count = response.split("\n").reduce((sum, line) => sum + placeholdersOf(line), 0);
    return compareCount({ count, what: "placeholders in [brackets]" }, { relation: "at least", bound });
  },
});

export const postscript = defineInstruction({
  arguments: z.strictObject({
    postscript_marker: z.string().refine((text) => text.trim() !== "", "must not be blank, or it would be found anywhere"),
  }),
  check(response, { postscript_marker: given }) {
    const marker = given.trim();
    const text = response.toLowerCase();
    const followed = spacedMarkers[marker]?.test(text) ?? text.includes(marker.toLowerCase());
    return { followed, saw: `${followed ? "has" : "lacks"} a postscript after ${quoteExcerpt(marker)}` };
  },
});

/** `\[.*?\]` of the published checker, found without going back: each bracket closes at the next one on its line. */
function placeholdersOf(line: string): number {
  let count = 0;
  for (let open = line.indexOf("["); open !== -1; count++) {
    const close = line.indexOf("]", open);
    if (close === -1) break;
    open = line.indexOf("[", close);
  }
  return count;
}

/** The two markers that are published may have blanks inside. */
const spacedMarkers: Readonly<Record<string, RegExp>> = Object.assign(Object.create(null), {
  "P.S.": /p\.\s?s\./,
  "P.P.S": /p\.\s?p\.\s?s/,
});
