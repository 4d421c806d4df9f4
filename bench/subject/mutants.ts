// One small mistake in a Python program, by rules over its text: what a test suite should notice. Kinds take turns over the programs, so
// that each is tried often; the first kind, from its turn on, that fits a program is taken.

export interface Mutant {
  readonly text: string;
  /** What was changed, and in which line. */
  readonly what: string;
}

interface Kind {
  readonly name: string;
  readonly pattern: RegExp;
  readonly replace: (found: string) => string;
}

const kinds: readonly Kind[] = [
  { name: "a sum turned round", pattern: / [+-] /g, replace: (found) => (found === " + " ? " - " : " + ") },
  {
    name: "a comparison off by one",
    pattern: / (?:<=?|>=?) /g,
    replace: (found) => (found.includes("=") ? found.replace("=", "") : found.replace(/[<>]/, "$&=")),
  },
  { name: "an equality turned round", pattern: / (?:==|!=) /g, replace: (found) => (found === " == " ? " != " : " == ") },
  { name: "a number off by one", pattern: /(?<![\w.'"])\d+(?![\w.'"])/g, replace: (found) => String(Number(found) + 1) },
  { name: "and for or", pattern: / (?:and|or) /g, replace: (found) => (found === " and " ? " or " : " and ") },
  { name: "a truth turned round", pattern: /\b(?:True|False)\b/g, replace: (found) => (found === "True" ? "False" : "True") },
  { name: "nothing returned", pattern: /\breturn [^\n\r]+/g, replace: () => "return None" },
];

/** Undefined where no kind fits. `from` leaves the beginning of the text alone; the last place that fits is changed. */
export function mutantOf(text: string, { from, kind }: { readonly from: number; readonly kind: number }): Mutant | undefined {
  for (let turn = 0; turn < kinds.length; turn++) {
    const { name, pattern, replace } = kinds[(kind + turn) % kinds.length]!;
    const place = [...text.matchAll(pattern)].findLast(({ index }) => index >= from && !isProse(text, index));
    if (place === undefined) continue;
    const changed = replace(place[0]);
    if (changed === place[0]) continue;
    const line = text
      .slice(text.lastIndexOf("\n", place.index) + 1)
      .split("\n", 1)[0]!
      .trim();
    return { text: text.slice(0, place.index) + changed + text.slice(place.index + place[0].length), what: `${name} in "${line}"` };
  }
  return undefined;
}

/** Comments and strings over several lines. */
function isProse(text: string, index: number): boolean {
  const before = text.slice(0, index);
  const inText = ['"""', "'''"].some((quote) => before.split(quote).length % 2 === 0);
  return inText || before.slice(before.lastIndexOf("\n") + 1).includes("#");
}
