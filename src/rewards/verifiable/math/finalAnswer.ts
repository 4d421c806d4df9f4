// Which part of a response is its final answer. In this order, the first that applies:
//   1. the last \boxed{...} or \fbox{...}, with those joined to it by "and", "or" or a comma;   2. the whole answer, if it reads as mathematics;
//   3. what follows the last "the answer is", "answer:" or "####";   4. the last formula between $ signs or \( \), unless a number comes later;
//   5. members in brackets at the end, else the last number, with the operators around it;   6. a whole answer of a few words.
// A box that holds nothing readable is final: nothing else is tried.

import { lastBox } from "../boxed.ts";
import { finalNumber, maxAnswerChars } from "../finalNumber.ts";
import { maxItems } from "./caps.ts";
import { readsAsMathematics } from "./normal.ts";

/** The final answer, or why there is none. */
export type FinalAnswer =
  /** `several` is what to read where several answers are wanted: boxes with commas between them. */
  | { readonly kind: "found"; readonly text: string; readonly several?: string; readonly source: string }
  | { readonly kind: "none"; readonly why: string };

/** The text that `answer` ends with, by the rules above. */
export function finalAnswer(answer: string): FinalAnswer {
  if (answer.length > maxAnswerChars) return { kind: "none", why: `the answer is beyond the cap of ${maxAnswerChars} characters` };
  const box = lastBox(answer);
  if (box.kind === "unclosed") return { kind: "none", why: "the last box is never closed" };
  if (box.kind === "closed") return boxed(answer, box.content);
  const whole = answer.trim();
  if (whole === "") return { kind: "none", why: "the answer is empty" };
  if (whole.length <= maxPlainChars && !isProse(whole) && readsAsMathematics(whole)) return found(resultOf(whole), "the whole answer");
  return afterMarker(answer) ?? lastFormula(answer) ?? lastGroup(whole) ?? lastNumber(answer) ?? fewWords(whole);
}

function found(text: string, source: string): FinalAnswer {
  return text.trim() === "" ? { kind: "none", why: `${source} is empty` } : { kind: "found", text, source };
}

/** Longer answers are not read as one formula. */
const maxPlainChars = 500;
/** Between two boxes or formulas that are one answer. */
const joint = /^[\s$]*(?:\\[)\]]\s*)?((?:,|;|\bor\b|\band\b|\\text\{\s*(?:or|and)\s*\}|\s)+?)(?:\\[([]\s*)?[\s$]*$/;

/** The last box, and those joined to it: \boxed{1} and \boxed{2} are two answers; with a comma between, two where two are wanted. */
function boxed(text: string, last: string): FinalAnswer {
  const contents = [last];
  let start = [...text.matchAll(/\\(?:boxed|fbox)\s*\{/g)].at(-1)!.index;
  let joints = "";
  while (contents.length < maxItems) {
    const before = text.slice(Math.max(0, start - 40), start);
    const close = before.lastIndexOf("}");
    const between = joint.exec(before.slice(close + 1))?.[1]?.trim();
    if (close === -1 || !between) break;
    const end = start - before.length + close;
    const open = openingOf(text, end);
    if (open === undefined) break;
    contents.unshift(text.slice(open.brace + 1, end));
    joints += between;
    start = open.start;
  }
  if (contents.length === 1) return found(last, "the last box");
  const joined = contents.join(joints.includes("or") ? " \\text{ or } " : " , ");
  if (/or|and/.test(joints)) return found(joined, "the last boxes");
  return { kind: "found", text: last, several: joined, source: "the last box" };
}

/** The \boxed{ that the brace at `end` closes. */
function openingOf(text: string, end: number): { readonly start: number; readonly brace: number } | undefined {
  let depth = 0;
  for (let at = end; at >= 0; at--) {
    if (text[at - 1] === "\\") continue;
    if (text[at] === "}") depth++;
    else if (text[at] === "{" && --depth === 0) {
      const command = /\\(?:boxed|fbox)\s*$/.exec(text.slice(Math.max(0, at - 20), at));
      return command === null ? undefined : { start: at - command[0].length, brace: at };
    }
  }
  return undefined;
}

const commonWords =
  /(?<![\\a-zA-Z{])(?:is|the|so|we|get|are|to|of|that|this|it|as|answer|then|thus|hence|therefore|if|for|with|which|equals?|have|has|be|by|not|was|were|would|can|since|because|but|there|their|our|my|you|what|find|compute|let|given|from|than|at|on|think|maybe|ignore|score)(?![a-zA-Z])/i;

/** Whether the text has words of a sentence outside \text{...}. */
function isProse(text: string): boolean {
  const bare = text.replace(/\\(?:text|mbox|textbf|mathrm)\s*\{[^{}]*\}/g, " ");
  return commonWords.test(bare) || (bare.match(/(?<!\\)\b[a-zA-Z]{4,}\b/g) ?? []).length > 4;
}

const marker = /####|\banswer\s+(?:is|was)\b|\banswers\s+(?:are|were)\b|\banswers?\s*[:=]/gi;

/** What may stand between a marker and its answer. */
const opening = /^(?:[\s:=*_`>"“‘]|\bthat\b)+/;

/** Undefined when no marker has an answer after it. */
function afterMarker(answer: string): FinalAnswer | undefined {
  const last = [...answer.matchAll(marker)].at(-1);
  if (last === undefined) return undefined;
  const source = `what follows "${last[0]}"`;
  const written = answer.slice(last.index + last[0].length);
  const rest = written.replace(opening, "");
  const formulas = leadingFormulas(rest);
  if (formulas !== undefined) return found(formulas, source);
  const line = rest
    .split("\n", 1)[0]!
    .slice(0, maxPlainChars)
    .replace(/(?<=^|\s)\*\*|\*\*(?=\s|[.,]|$)/g, "");
  const sentence = line
    .split(/(?<!\bapprox)[.!?](?=\s|$)|,?\s(?:because|since|so|which|where|when|not)\b/, 1)[0]!
    .replace(/["“‘]/.test(opening.exec(written)?.[0] ?? "") ? /[\s*_`"'”’]+$/ : /(?:[\s*_`]|(?<!\d)["'”’])+$/, ""); // 60' is a measure
  if (sentence === "") return undefined;
  if (readsAsMathematics(sentence) && !isProse(sentence)) return found(sentence, source);
  const first = finalNumber(`the answer is ${line}`);
  if (first.kind === "found" && first.source.startsWith("the number after") && !touchesOperator(line, first.text))
    return found(first.text, source);
  if (sentence.split(/\s+/).length <= maxWords) return found(sentence, source);
  return /\d/.test(sentence) ? undefined : { kind: "none", why: `${source} is no answer that is read` };
}

const formula = /\$\$([\s\S]{1,500}?)\$\$|(?<!\\)\$([^$]{1,500}?)(?<!\\)\$|\\\(([\s\S]{1,500}?)\\\)|\\\[([\s\S]{1,500}?)\\\]/g;

interface Formula {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function formulasOf(text: string): Formula[] {
  return [...text.matchAll(formula)].map((match) => ({
    text: (match[1] ?? match[2] ?? match[3] ?? match[4])!,
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** The formula that a text begins with, and those joined to it. */
function leadingFormulas(text: string): string | undefined {
  const all = formulasOf(text.slice(0, 4 * maxPlainChars));
  const [first, ...others] = all;
  if (first === undefined || first.start !== 0) return undefined;
  let joined = first.text;
  let end = first.end;
  for (const next of others) {
    const between = joint.exec(text.slice(end, next.start))?.[1]?.trim();
    if (!between) break;
    joined += ` ${textual(between)} ${next.text}`;
    end = next.end;
  }
  const unit = /^\s*([a-z]{2,}(?:\s[a-z]+){0,2})?\s*(?:[.,;]|$)/i.exec(text.slice(end).split("\n", 1)[0]!)?.[1];
  return unit === undefined || isProse(unit) ? joined : `${joined} \\text{ ${unit}}`;
}

function textual(between: string): string {
  return /or/.test(between) ? "\\text{ or }" : ",";
}

/** The last formula, when no number follows it. */
function lastFormula(answer: string): FinalAnswer | undefined {
  const all = formulasOf(answer);
  const last = all.at(-1);
  if (last === undefined || /\d/.test(answer.slice(last.end))) return undefined;
  let text = last.text;
  let start = last.start;
  for (const previous of all.slice(0, -1).reverse()) {
    const between = joint.exec(answer.slice(previous.end, start))?.[1]?.trim();
    if (!between) break;
    text = `${previous.text} ${textual(between)} ${text}`;
    start = previous.start;
  }
  return found(resultOf(text), "the last formula");
}

/** Of "2 + 3 = 5" and "A = 4 r = 12", what stands after the last equals sign; "x = 5", "y = 2x" and "7 = 7" stay. */
function resultOf(text: string): string {
  if (/[,;<>]|\b(?:or|and)\b|\\(?:le|ge|leq|geq|in|text)\b/.test(text)) return text;
  const parts = text.split(/(?<![<>!\\])=/);
  const sides = new Set(parts.map((part) => part.replace(/\s/g, "")));
  const isLabelled = parts.length === 2 && /[a-zA-Z]/.test(text.replace(/\\[a-zA-Z]+/g, ""));
  return sides.size < 2 || isLabelled ? text : parts.at(-1)!;
}

/** (1, 2), {1, 2} or [0, 1) at the very end, as one answer and not as two numbers. */
function lastGroup(whole: string): FinalAnswer | undefined {
  const group = /(?:[([⟨]|\\?\{)[^()[\]{}\n]*,[^()[\]{}\n]*(?:[)\]⟩]|\\?\})(?=[.!\s]*$)/.exec(whole.slice(-maxPlainChars))?.[0];
  return group !== undefined && readsAsMathematics(group) ? found(group, "the last expression") : undefined;
}

const operatorsAround = "\\d\\s.,:+\\-*/^()×·÷√π";
const functionBefore = String.raw`(?:\b(?:sqrt|cbrt|sin|cos|tan|ln|log|exp)(?=\())`;

function lastNumber(answer: string): FinalAnswer | undefined {
  const number = finalNumber(answer);
  if (number.kind === "none") return /competing|scale/.test(number.why) ? { kind: "none", why: number.why } : undefined;
  if (!touchesOperator(answer, number.text)) return found(number.text, number.source);
  const at = answer.lastIndexOf(number.text);
  const before = new RegExp(`(?:${functionBefore}|[${operatorsAround}]){0,100}$`).exec(answer.slice(Math.max(0, at - 100), at))![0];
  const after = new RegExp(`^[${operatorsAround}]{0,100}`).exec(answer.slice(at + number.text.length))![0];
  return found((before + number.text + after).replace(/^[\s.,:]+|[\s.,:]+$/g, ""), "the last expression");
}

/** Whether the number is only a part of an expression. */
function touchesOperator(text: string, number: string): boolean {
  const at = text.lastIndexOf(number);
  const before = text.slice(Math.max(0, at - 8), at);
  const after = text.slice(at + number.length, at + number.length + 8).trimStart();
  return /[-+*/^×·÷√π(]\s*$|\d:$/.test(before) || /^(?::\d|[-+*/^×·÷√π]|\\(?!%)[a-zA-Z])/.test(after);
}

const maxWords = 5;

function fewWords(whole: string): FinalAnswer {
  const isShort = whole.length <= 100 && whole.split(/\s+/).length <= maxWords;
  return isShort ? found(whole, "the whole answer") : { kind: "none", why: "no final answer was found" };
}
