// Markdown and other marks that give a response its form: bullets, highlights, sections, a title, JSON, one of three set phrases.
// Lines are looked at one by one where a pattern over the whole text would go back and forth on hostile ones.

import { z } from "zod";

import { Count, compareCount, defineInstruction, none } from "./instruction.ts";
import { escapePattern } from "./keywords.ts";

const phrases = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

export const constrainedResponse = defineInstruction({
  arguments: none,
  check(response) {
    const found = phrases.find((phrase) => response.includes(phrase));
    return { followed: found !== undefined, saw: found === undefined ? "has none of the three set answers" : `has "${found}"` };
  },
});

export const jsonFormat = defineInstruction({
  arguments: none,
  check(response) {
    const text = response
      .trim()
      .replace(/^```(?:json|Json|JSON)?/, "")
      .replace(/```$/, "");
    try {
      JSON.parse(text);
      return { followed: true, saw: "is JSON" };
    } catch (error) {
      return { followed: false, saw: `is not JSON: ${(error as Error).message}` };
    }
  },
});

export const multipleSections = defineInstruction({
  arguments: z.strictObject({
    section_spliter: z.string().refine((text) => text.trim() !== "", "must not be blank, or every number would begin a section"),
    num_sections: Count,
  }),
  check(response, { section_spliter: splitter, num_sections: bound }) {
    const count = [...response.matchAll(new RegExp(`${escapePattern(splitter.trim())}\\s?\\p{Nd}+`, "gu"))].length;
    return compareCount({ count, what: `sections that begin with "${splitter.trim()}" and a number` }, { relation: "at least", bound });
  },
});

export const numberBulletLists = defineInstruction({
  arguments: z.strictObject({ num_bullets: Count }),
  check(response, { num_bullets: asked }) {
    const lines = response.split("\n").map((line) => line.trimStart());
    // A single asterisk makes a bullet, two are bold text. An asterisk alone is a bullet only where a line follows.
    const isBullet = (line: string, i: number) =>
      line.startsWith("-") || (line.startsWith("*") && line[1] !== "*" && (line !== "*" || i < lines.length - 1));
    const count = lines.filter(isBullet).length;
    return { followed: count === asked, saw: `${count} bullets, asked for ${asked}` };
  },
});

export const numberHighlightedSections = defineInstruction({
  arguments: z.strictObject({ num_highlights: Count }),
  check(response, { num_highlights: bound }) {
    const single = response.match(/\*[^\n*]*\*/g) ?? [];
    const double = response.match(/\*\*[^\n*]*\*\*/g) ?? [];
    const count = [...single, ...double].filter((text) => text.replaceAll("*", "").trim() !== "").length;
    return compareCount({ count, what: "highlights between asterisks" }, { relation: "at least", bound });
  },
});

export const title = defineInstruction({
  arguments: none,
  check(response) {
    const followed = response.split("\n").some(hasTitle);
    return { followed, saw: `${followed ? "has" : "lacks"} a title in <<double angular brackets>>` };
  },
});

/** From the first "<<" of the line to its last ">>", more than brackets and blanks. */
function hasTitle(line: string): boolean {
  let [from, to] = [line.indexOf("<<"), line.lastIndexOf(">>")];
  if (from === -1 || to === -1) return false;
  while (line[from] === "<") from++;
  while (line[to - 1] === ">") to--;
  return from < to && line.slice(from, to).trim() !== "";
}
