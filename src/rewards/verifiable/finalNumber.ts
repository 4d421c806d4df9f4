// Which number in a response is its final answer. In this order, the first that applies:
//   1. the last \boxed{...};   2. the whole answer, if it is a number;   3. what follows the last "the answer is", "answer:" or "####";
//   4. as a last resort, the last number.
// Several competing answers ("41 or 42", "41, 42") are not one. Outside a box and of a longer text, neither is a number that is plainly a part
// of something else: digits or members go on ("13...", "1, 2, ..., 13"), it is denied ("not 13"), or has a sign of measure (60'). A box that holds no number is final: nothing else is tried.

import { lastBox } from "./boxed.ts";
import { parseNumber } from "./number.ts";
import type { Rational } from "./rational.ts";

/** Longer answers are not searched: no final number needs that much. */
export const maxAnswerChars = 32_768;

/** The final answer, or why there is none. */
export type FinalNumber =
  /** `source` says where `text` stood, for evidence. */
  | { readonly kind: "found"; readonly value: Rational; readonly text: string; readonly source: string }
  | { readonly kind: "none"; readonly why: string; readonly text?: string };

/** The number that `answer` ends with, by the rules above. */
export function finalNumber(answer: string): FinalNumber {
  if (answer.length > maxAnswerChars) return { kind: "none", why: `the answer is beyond the cap of ${maxAnswerChars} characters` };
  const box = lastBox(answer);
  if (box.kind === "unclosed") return { kind: "none", why: "the last box is never closed" };
  if (box.kind === "closed") return read(box.content, "the last box");
  if (answer.trim() === "") return { kind: "none", why: "the answer is empty" };
  const alone = read(answer, "the whole answer");
  if (alone.kind === "found") return alone;
  return afterMarker(answer) ?? lastNumber(answer);
}

function read(text: string, source: string): FinalNumber {
  const parsed = parseNumber(text);
  switch (parsed.kind) {
    case "number":
      return { kind: "found", value: parsed.value, text, source };
    case "notNumber":
      return { kind: "none", why: `${source} is not a number`, text };
    case "beyondCaps":
      return { kind: "none", why: `${source} is beyond the cap of ${parsed.cap}`, text };
    default:
      return parsed satisfies never;
  }
}

const marker = /####|\banswer\s+(?:is|was)\b|\banswer\s*[:=]/gi;
/** What may stand between a marker and its number. */
const opening = /^[\s:=*_`"'~≈(]*(?:\\[([]\s*)?(?:[a-z]\s*=\s*)?$/i;

/** Undefined when no marker has a number right after it. */
function afterMarker(answer: string): FinalNumber | undefined {
  const last = [...answer.matchAll(marker)].at(-1);
  if (last === undefined) return undefined;
  const line = answer.slice(last.index + last[0].length).split("\n", 1)[0]!;
  const [first, second] = numberTokens(line);
  if (first === undefined || !opening.test(line.slice(0, first.index))) return undefined;
  return choose(line, { token: first, neighbour: second, source: `the number after "${last[0]}"` });
}

function lastNumber(answer: string): FinalNumber {
  const tokens = numberTokens(answer);
  const token = tokens.at(-1);
  if (token === undefined) return { kind: "none", why: "no number in the answer" };
  return choose(answer, { token, neighbour: tokens.at(-2), source: "the last number" });
}

interface Token {
  readonly text: string;
  readonly index: number;
}

const digits = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)`;
const decimal = String.raw`(?:${digits}(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?`;
const fraction = String.raw`\\[dt]?frac\{-?${decimal}\}\{${decimal}\}`;
// Not inside a word, a power, or a longer number; a sign counts only where it is not a minus between two operands.
const token = new RegExp(
  String.raw`(?<![\w^.\\{])(?:[-+−](?<![)\]%]\s*[-+−]))?(?:\\?[$€£¥]\s?)?-?(?:${fraction}|${decimal}(?:\s?\/\s?${decimal})?)(?!\w|\.\d|\^|,\d{3})(?:\\?%)?`,
  "g",
);

function numberTokens(text: string): Token[] {
  return [...text.matchAll(token)].map((match) => ({ text: match[0], index: match.index }));
}

const scaleWord = /^[\s-]*(?:hundred|thousand|[mb]illion|trillion|dozen)/i;
/** More between two numbers is not looked at: it joins nothing, and the pattern below would be slow on it. */
const maxJoinChars = 60;
/** Between two competing numbers stands a joining word or sign, perhaps with a unit before and a hedge after it. */
const joined = /^\s*[a-z%€°*]{0,15}\s*(?:,\s*or|,\s*and|[,;/|–-]|\bor\b|\band\b|\bto\b)\s*(?:maybe|perhaps|possibly|even)?\s*\W{0,4}$/i;

function choose(
  text: string,
  { token, neighbour, source }: { readonly token: Token; readonly neighbour: Token | undefined; readonly source: string },
): FinalNumber {
  if (scaleWord.test(text.slice(token.index + token.text.length))) {
    return { kind: "none", why: `${source} has a word of scale after it, which is not read`, text: token.text };
  }
  if (neighbour !== undefined) {
    const [left, right] = token.index < neighbour.index ? [token, neighbour] : [neighbour, token];
    const between = text.slice(left.index + left.text.length, right.index);
    if (between.trim() === "" || (between.length <= maxJoinChars && joined.test(between)))
      return { kind: "none", why: "several competing answers are not one", text: left.text + between + right.text };
  }
  if (isPartial(text, token)) return { kind: "none", why: `${source} is only a part of what stands there`, text: token.text };
  return read(token.text, source);
}

const ellipsis = String.raw`(?:\.{3}|…|\\[lc]?dots(?![a-z]))`;
const goesOn = new RegExp(`^[\\s,]*${ellipsis}`);
const endsMembers = new RegExp(String.raw`${ellipsis}\s*,\s*$`);
const denied = /(?:\bnot(?:\s+(?:be|equal\s+to))?|n['’]t(?:\s+(?:be|equal))?|\bnever|\\text\s*\{\s*not\s*\}|\\neq?|≠|!=)[\s$(*~]*$/i;
/** Feet, inches and minutes. Where a quotation mark before the number opens one, the mark after it closes that. */
const measured = /^(?:['’](?!['’])|[′″]|'')/;
/** So much before a number is looked at, and after it. */
const maxNearChars = 40;

function isPartial(text: string, { text: number, index }: Token): boolean {
  const before = text.slice(Math.max(0, index - maxNearChars), index);
  const after = text.slice(index + number.length, index + number.length + maxNearChars);
  const isMeasured = measured.test(after) && !/['‘]$/.test(before);
  return goesOn.test(after) || endsMembers.test(before) || denied.test(before) || isMeasured || /\d['’′]\s*$/.test(before);
}
