// Words and letters that must, must not, or must so often occur. Words are literal text, whatever characters they hold; letter case
// does not count. A keyword may stand inside a longer word, a forbidden word is only found whole: so the published checkers have it.

import { z } from "zod";

import { quoteExcerpt } from "../../excerpt.ts";
import { Count, compareCount, defineInstruction, Relation, wordCharacter } from "./instruction.ts";

const Word = z.string().refine((text) => text.trim() !== "", "must not be blank, or it would be found anywhere");

export const existence = defineInstruction({
  arguments: z.strictObject({ keywords: z.array(Word).min(1) }),
  check(response, { keywords }) {
    const missing = keywords.filter((keyword) => !literal(keyword).test(response));
    return missing.length === 0 ? { followed: true, saw: `has ${listed(keywords)}` } : { followed: false, saw: `lacks ${listed(missing)}` };
  },
});

export const frequency = defineInstruction({
  arguments: z.strictObject({ keyword: Word, frequency: Count, relation: Relation }),
  check(response, { keyword, frequency: bound, relation }) {
    const count = [...response.matchAll(literal(keyword.trim()))].length;
    return compareCount({ count, what: `times ${quoteExcerpt(keyword)}` }, { relation, bound });
  },
});

export const forbiddenWords = defineInstruction({
  arguments: z.strictObject({ forbidden_words: z.array(Word).min(1) }),
  check(response, { forbidden_words: words }) {
    const found = words.filter((word) => new RegExp(`${boundary}${escapePattern(word)}${boundary}`, "iu").test(response));
    return found.length === 0 ? { followed: true, saw: `has none of ${listed(words)}` } : { followed: false, saw: `has ${listed(found)}` };
  },
});

export const letterFrequency = defineInstruction({
  arguments: z.strictObject({
    letter: z.string().refine((text) => text.trim() !== "" && [...text].length === 1, "must be one character that is not blank"),
    let_frequency: Count,
    let_relation: Relation,
  }),
  check(response, { letter, let_frequency: bound, let_relation: relation }) {
    const count = response.toLowerCase().split(letter.toLowerCase()).length - 1;
    return compareCount({ count, what: `times ${quoteExcerpt(letter)}` }, { relation, bound });
  },
});

/** `\b` of Python's `re`, which knows the letters of all scripts. */
const boundary = `(?:(?<=${wordCharacter})(?!${wordCharacter})|(?<!${wordCharacter})(?=${wordCharacter}))`;

function literal(text: string): RegExp {
  return new RegExp(escapePattern(text), "giu");
}

/** `text` as a pattern that matches only itself. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function listed(words: readonly string[]): string {
  return words.map((word) => quoteExcerpt(word)).join(", ");
}
