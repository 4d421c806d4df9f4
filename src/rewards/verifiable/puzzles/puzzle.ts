// What the checkers of puzzles have in common: a solution that is whole, or why it is none; and how lists, grids and pairs are
// read from an answer. Readers take the answer's last box, else its last code fence, else all of it, and nothing may stand around
// the solution there: a checker never searches prose for one.

import { lastBox } from "../boxed.ts";

/** What a checker says of a solution: right, or the first rule that it breaks. */
export type Checked = { readonly right: true; readonly evidence: string } | { readonly right: false; readonly evidence: string };

/** Entries of a solution at most. */
export const maxEntries = 5000;

export function right(evidence: string): Checked {
  return { right: true, evidence };
}

export function wrong(evidence: string): Checked {
  return { right: false, evidence };
}

/** Where the solution stands in an answer. */
export function solutionText(answer: string): string {
  const box = lastBox(answer);
  if (box.kind === "closed") return box.content.trim();
  const fences = [...answer.matchAll(/^```[^\n`]*$/gm)];
  const [open, close] = fences.slice(-2);
  if (open === undefined || close === undefined || fences.length % 2 !== 0) return answer.trim();
  return answer.slice(open.index + open[0].length, close.index).trim();
}

/** Words or numbers between commas, blanks, semicolons and arrows, in brackets or not; undefined where more than `most` stand. */
export function entriesOf(text: string, most = maxEntries): string[] | undefined {
  const entries = text
    .replaceAll(/[[\](){}"'`$]|\\[()[\]{}]/g, " ")
    .split(/(?:\s|,|;|->|→|\\\\)+/)
    .filter((entry) => entry !== "");
  return entries.length > most ? undefined : entries;
}

/** As `entriesOf`, where each is a whole number; undefined where one is not. */
export function integersOf(text: string, most = maxEntries): number[] | undefined {
  const entries = entriesOf(text.replaceAll("−", "-"), most);
  return entries?.every((entry) => /^[+-]?\d{1,15}$/.test(entry)) ? entries.map(Number) : undefined;
}

/** Rows of whole numbers, one a line or one in each inner bracket; undefined where anything else stands among them. */
export function gridOf(text: string): number[][] | undefined {
  const lines = /\[\s*\[/.test(text) ? text.split("]") : text.split(/\n|\\\\/);
  const rows = lines.map((line) => line.replaceAll(/[|[\],;]/g, " ").trim()).filter((line) => !/^[-+=\s]*$/.test(line));
  const read = rows.map((row) => {
    const integers = integersOf(row);
    // Rows of single digits may be written without blanks.
    return integers?.length === 1 && /^\d{2,}$/.test(row) ? [...row].map(Number) : integers;
  });
  return read.every((row) => row !== undefined) ? read : undefined;
}
