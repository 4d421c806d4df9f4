// Capital and small letters. "All" is of the letters that have a case, and there must be one: digits alone are in neither. The two
// instructions about all letters ask for English too, by their published meaning.

import { z } from "zod";

import { Count, compareCount, defineInstruction, none, Relation } from "./instruction.ts";
import { inLanguage } from "./language.ts";

export const englishCapital = defineInstruction({
  arguments: none,
  check(response) {
    if (!isUpper(response)) return { followed: false, saw: "is not all in capital letters" };
    return inLanguage(response, "en");
  },
});

export const englishLowercase = defineInstruction({
  arguments: none,
  check(response) {
    if (/[\p{Lu}\p{Lt}]/u.test(response) || !/\p{Lowercase}/u.test(response)) {
      return { followed: false, saw: "is not all in small letters" };
    }
    return inLanguage(response, "en");
  },
});

export const capitalWordFrequency = defineInstruction({
  arguments: z.strictObject({ capital_frequency: Count, capital_relation: Relation }),
  check(response, { capital_frequency: bound, capital_relation: relation }) {
    const count = treebankWords(response).filter(isUpper).length;
    return compareCount({ count, what: "words in capital letters" }, { relation, bound });
  },
});

/** `str.isupper` of Python. */
function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

const separators = /[\s;@#$%&?!*"“”«»()<>[\]{}…]+|[,:](?!\d)|--+|\.{2,}/u;
/** Words that the Penn Treebank's rules cut in two: CAN|NOT, DO|N'T, I|'LL. */
const joints =
  /(?<=^can)(?=not$)|(?<=^gim)(?=me$)|(?<=^gon)(?=na$)|(?<=^got)(?=ta$)|(?<=^lem)(?=me$)|(?<=^wan)(?=na$)|(?=n['’]t$)|(?=['’](?:ll|re|ve|s|m|d)$)/i;

/** Words as the published checker cuts them: a hyphen joins, a contraction is two words. Punctuation does not matter for their case. */
function treebankWords(text: string): string[] {
  return text
    .split(separators)
    .map((word) => word.replace(/\.$/, ""))
    .flatMap((word) => word.split(joints));
}
