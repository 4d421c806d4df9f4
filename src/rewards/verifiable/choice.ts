// Multiple choice: the one option that a response ends with, against { answer: "B" }. In this order, the first that applies:
//   1. the last \boxed{...};   2. the whole answer;
//   3. what follows the last "answer is", "answer:", "I choose" or "####", up to the end of its line;
//   4. the last line, or its end in brackets or bold: "... so (B)";
//   5. the one option that is said to be correct, where nothing after it takes that back: "Option B is correct."
// "(B)", "B.", "**B**", "\text{B}", "option B" and "B) its text" are B, and so is the text of B alone where the reference gives options. Two
// options named are none chosen. A letter inside a sentence is not an answer: "A" is a word.

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { lastBox } from "./boxed.ts";

/** Longer answers are not searched. */
export const maxAnswerChars = 32_768;
const maxOptions = 26;
/** An answer and what dresses it; a longer text is no choice. */
const maxChoiceChars = 500;

const Reference = z
  .strictObject({
    answer: z
      .string()
      .regex(/^\s*\(?[A-Za-z]\)?\.?\s*$/, "must be the letter of an option")
      .describe("Letter of the right option"),
    options: z
      .union([z.array(z.string().min(1)).min(2).max(maxOptions), z.record(z.string().regex(/^[A-Za-z]$/), z.string().min(1))])
      .exactOptional()
      .describe("Texts of the options: a list from A on, or by letter; absent: any letter is an option and texts are not known"),
  })
  .refine(({ answer, options }) => options === undefined || optionsOf(options).has(letterOf(answer)), {
    path: ["answer"],
    error: "must be one of the options",
  })
  .refine(({ options }) => options === undefined || new Set([...optionsOf(options).values()].map(plain)).size === optionsOf(options).size, {
    path: ["options"],
    error: "must not hold two equal texts, or an answer that gives one has two letters",
  });

type Options = ReadonlyMap<string, string>;

export const choice = defineVerifier({
  id: "choice",
  version: 2,
  checks: "correctness",
  reference: Reference,
  verify({ reference, answer }) {
    const gold = letterOf(reference.answer);
    const options = reference.options === undefined ? new Map<string, string>() : optionsOf(reference.options);
    const found = finalChoice(answer, options);
    if (found.kind === "none") return { kind: "scored", score: 0, evidence: `${found.why}; reference ${gold}` };
    const right = found.letter === gold;
    return {
      kind: "scored",
      score: right ? 1 : 0,
      evidence: `${found.source} ${quoteExcerpt(found.text)} chooses ${found.letter}, reference ${gold}`,
    };
  },
});

type Found =
  | { readonly kind: "found"; readonly letter: string; readonly text: string; readonly source: string }
  | { readonly kind: "none"; readonly why: string };

function finalChoice(answer: string, options: Options): Found {
  if (answer.length > maxAnswerChars) return { kind: "none", why: `the answer is beyond the cap of ${maxAnswerChars} characters` };
  const box = lastBox(answer);
  if (box.kind === "unclosed") return { kind: "none", why: "the last box is never closed" };
  if (box.kind === "closed") return read(box.content, { options, source: "the last box" });
  if (answer.trim() === "") return { kind: "none", why: "the answer is empty" };
  const whole = read(answer, { options, source: "the whole answer" });
  if (whole.kind === "found") return whole;
  const marker = [...answer.matchAll(markers)].at(-1);
  if (marker !== undefined) {
    const rest = answer
      .slice(marker.index + marker[0].length)
      .trimStart()
      .split("\n", 1)[0]!;
    return read(rest, { options, source: `what follows "${marker[0]}"` });
  }
  const lastLine = answer.trimEnd().split("\n").at(-1)!;
  const line = read(lastLine, { options, source: "the last line" });
  if (line.kind === "found") return line;
  const end = /(?:\(([A-Za-z])\)|\*\*\(?([A-Za-z])\)?\.?\*\*)[.!]?$/.exec(lastLine.slice(-maxChoiceChars).trimEnd());
  // Another option in brackets on the same line competes.
  const named = new Set([...lastLine.matchAll(/\(([A-Z])\)/gi)].map(([, letter]) => letter!.toUpperCase()));
  if (named.size > 1) return line;
  return end === null ? (saidToBeCorrect(answer, options) ?? line) : read(end[0], { options, source: "the end of the last line" });
}

/** What is chosen follows. "If I pick B" chooses nothing, and "I do not pick B" is no marker. */
const markers = new RegExp(
  [
    String.raw`####|\b(?:answer|choice|option)\s+(?:is|was)\b|\banswer[\s*]*[:=]`,
    String.raw`(?<!\b(?:if|when|should|had)\s)\b(?:I|we)(?:\s+(?:would|will|shall|can|must|therefore|thus)|['’](?:d|ll))?\s+(?:choose|chose|pick|picked|select|selected|go\s+with)\b`,
  ].join("|"),
  "gi",
);

/** A letter that stands as an option, or in small "option b", and is called correct. */
const claim =
  /(?<![\p{L}\p{N}'’])(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer) [(*]{0,3}([A-Za-z])[)*]{0,3}|[(*]{0,3}([A-Z])[)*]{0,3}) is (?:the )?(?:(?:only )?(?:correct|right|best)(?: (?:answer|option|choice|one))?|answer)(?![\p{L}\p{N}])/gu;
/** All that may stand between the beginning of its clause and a claim: "Statement B is correct" and "I doubt that B is correct" claim no option. */
const leadIn =
  /^(?:[\s*"“]|\b(?:so|thus|therefore|hence|then|only|clearly|finally|overall|and|that|this means|I think|I believe|we conclude|I conclude)\b)*$/i;
const hypothetical = /\b(?:if|unless|suppos\w+|assum\w+|whether|when|were)\b/i;
const retraction = /\?|\b(?:if|unless|when|but|however|although|except|wait|actually|no|wrong|incorrect|so (?:are|is))\b/i;

/** The last option that is called correct; undefined where none is, or where the text is not of one mind. */
function saidToBeCorrect(answer: string, options: Options): Found | undefined {
  const claims = [...answer.matchAll(claim)].filter(({ index }) => {
    const sentence = answer
      .slice(Math.max(0, index - maxChoiceChars), index)
      .split(/[.!?;\n]/)
      .at(-1)!;
    return leadIn.test(sentence.split(/[,:]/).at(-1)!) && !hypothetical.test(sentence);
  });
  const last = claims.at(-1);
  if (last === undefined) return undefined;
  const named = claims.map((each) => (each[1] ?? each[2])!.toUpperCase());
  const letter = named.at(-1)!;
  const after = answer.slice(last.index + last[0].length);
  if (retraction.test(after) || [...named, ...letters(after)].some((other) => other !== letter)) return undefined;
  return read(letter, { options, source: `"${last[0]}" says so:` });
}

function read(text: string, { options, source }: { readonly options: Options; readonly source: string }): Found {
  const none = (why: string): Found => ({ kind: "none", why: `${source} ${why}: ${quoteExcerpt(text.trim())}` });
  if (text.length > maxChoiceChars) return none("is too long to be a choice");
  const bare = undress(text);
  const byText = [...options].filter(([, option]) => plain(option) === plain(bare)).map(([letter]) => letter);
  if (byText.length === 1) return { kind: "found", letter: byText[0]!, text: text.trim(), source };
  const named = /^\(?\s*([A-Za-z])\s*(?:[).:,;–—-]|\*\*|\\\)|(?<=\s)(?=(?:because|since)\b)|$)\s*(.*)$/s.exec(bare);
  if (named === null) return none("names no option");
  const letter = named[1]!.toUpperCase();
  if (options.size > 0 && !options.has(letter)) return none("names a letter that is no option");
  const rest = undress(named[2]!);
  const others = letters(rest).filter((other) => other !== letter);
  const own = options.get(letter);
  if (rest === "" || (own !== undefined && plain(rest) === plain(own))) return { kind: "found", letter, text: text.trim(), source };
  const otherText = [...options].find(([key, option]) => key !== letter && contains(rest, option));
  if (others.length > 0 || otherText !== undefined) return none("names several options, which are not one");
  return { kind: "found", letter, text: text.trim(), source };
}

/** Letters that stand as options of their own: in brackets, or capital and not the word "A" or "I" in a sentence. */
function letters(text: string): string[] {
  const found = [
    ...text.matchAll(/(?<![\p{L}\p{N}'’])(?:\(([A-Za-z])\)|([B-HJ-Z])|([AI])(?=\s*(?:$|[).:,;]|or\b|and\b)))(?![\p{L}\p{N}'’])/gu),
  ];
  return found.map(([, bracketed, capital, article]) => (bracketed ?? capital ?? article)!.toUpperCase());
}

/** Without what only dresses a choice: math delimiters, \text{...}, emphasis, brackets, a word before it, a full stop. */
function undress(text: string): string {
  let current = text.trim();
  for (let before = ""; current !== before; ) {
    before = current;
    current = current
      .replace(/^\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}/, "$1")
      .replace(/^[\s:=*_`"'$]+/, "")
      .replace(/^\\[([]|\\[)\]][.\s]*$/g, "")
      .replace(/^(?:the\s+)?(?:correct\s+|right\s+|best\s+|final\s+)?(?:answer|option|choice)\b(?:\s+is\b)?\s*[:=]?(?=\W)/i, "")
      .trim();
    const closed = /^[([]\s*([A-Za-z])\s*[)\]][.,;:]?$/.exec(current);
    if (closed !== null) current = closed[1]!;
    current = trimEnd(current);
  }
  return current;
}

/** Character by character, since a pattern that ends in $ goes back and forth. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\n.!*_`\"'$".includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Texts compare without case, spacing and a final full stop. */
function plain(text: string): string {
  return trimEnd(text.toLowerCase().replaceAll(/\s+/g, " ").trim());
}

function contains(text: string, option: string): boolean {
  return plain(option).length > 2 && plain(text).includes(plain(option));
}

function letterOf(answer: string): string {
  // The schema's refinements ask this of an answer that its pattern refused, too.
  return (/[A-Za-z]/.exec(answer)?.[0] ?? "").toUpperCase();
}

function optionsOf(options: readonly string[] | Readonly<Record<string, string>>): Options {
  if (Array.isArray(options)) return new Map(options.map((text, i) => [String.fromCharCode(65 + i), text]));
  return new Map(Object.entries(options).map(([letter, text]) => [letter.toUpperCase(), text]));
}
