// How long a response is, in words, sentences and paragraphs. A word is a run of word characters, so that "re-used" is two and "it's"
// is two; sentences are counted as in ../sentences.ts.

import { z } from "zod";

import { quoteExcerpt } from "../../excerpt.ts";
import { countSentences } from "../sentences.ts";
import { Count, compareCount, defineInstruction, Relation, wordCharacter } from "./instruction.ts";

export const numberWords = defineInstruction({
  arguments: z.strictObject({ num_words: Count, relation: Relation }),
  check(response, { num_words: bound, relation }) {
    const count = response.match(new RegExp(`${wordCharacter}+`, "gu"))?.length ?? 0;
    return compareCount({ count, what: "words" }, { relation, bound });
  },
});

export const numberSentences = defineInstruction({
  arguments: z.strictObject({ num_sentences: Count, relation: Relation }),
  check(response, { num_sentences: bound, relation }) {
    return compareCount({ count: countSentences(response), what: "sentences" }, { relation, bound });
  },
});

/** Paragraphs between `***`. The first and the last may be blank and do not count; a blank one between two dividers is a mistake. */
export const numberParagraphs = defineInstruction({
  arguments: z.strictObject({ num_paragraphs: Count }),
  check(response, { num_paragraphs: asked }) {
    const paragraphs = response.split("***").map((paragraph) => paragraph.trim());
    if (paragraphs.slice(1, -1).includes("")) return { followed: false, saw: "nothing between two dividers ***" };
    const count = paragraphs.filter((paragraph) => paragraph !== "").length;
    return { followed: count === asked, saw: `${count} paragraphs between ***, asked for ${asked}` };
  },
});

/** Paragraphs between blank lines; the same ones are counted and looked at. */
export const nthParagraphFirstWord = defineInstruction({
  arguments: z
    .strictObject({
      num_paragraphs: z.int().min(1),
      nth_paragraph: z.int().min(1),
      first_word: z.string().refine((text) => text.trim() !== "", "must not be blank"),
    })
    .refine(({ num_paragraphs: all, nth_paragraph: nth }) => nth <= all, {
      path: ["nth_paragraph"],
      error: "must be at most num_paragraphs",
    }),
  check(response, { num_paragraphs: asked, nth_paragraph: nth, first_word: wanted }) {
    const paragraphs = response.split("\n\n").filter((paragraph) => paragraph.trim() !== "");
    const word = firstWord(paragraphs[nth - 1] ?? "");
    return {
      followed: paragraphs.length === asked && word === wanted.toLowerCase(),
      saw: `${paragraphs.length} paragraphs, asked for ${asked}; number ${nth} begins with ${quoteExcerpt(word)}, asked for ${quoteExcerpt(wanted)}`,
    };
  },
});

/** Without quotation marks before it, and up to the first punctuation mark in it. */
function firstWord(paragraph: string): string {
  const word = /\S+/.exec(paragraph)?.[0] ?? "";
  return word
    .replace(/^'*"*/, "")
    .split(/[.,?!'"]/, 1)[0]!
    .toLowerCase();
}
