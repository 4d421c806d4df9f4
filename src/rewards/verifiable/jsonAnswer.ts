// A JSON value in an answer: bare, or in the one code fence of the answer. Size, depth and number of values are capped before
// anything walks the value, and a key "__proto__" is refused, since code that copies objects would take it for something else.

import type { Json } from "../../base/json.ts";

export const maxAnswerChars = 32_768;
export const maxDepth = 64;
export const maxValues = 4000;

/** The value, or why there is none. */
export type JsonAnswer = { readonly kind: "value"; readonly value: Json } | { readonly kind: "none"; readonly why: string };

export function jsonAnswer(answer: string): JsonAnswer {
  const none = (why: string): JsonAnswer => ({ kind: "none", why });
  if (answer.length > maxAnswerChars) return none(`the answer is beyond the cap of ${maxAnswerChars} characters`);
  const text = unfenced(answer);
  if (text === undefined) return none("the answer has several code fences, or one that is never closed");
  if (text.trim() === "") return none("the answer is empty");
  if (depthOf(text) > maxDepth) return none(`the answer is nested beyond the cap of ${maxDepth}`);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return none(`the answer is not JSON: ${(error as Error).message}`);
  }
  const refused = walk(value);
  return refused === undefined ? { kind: "value", value } : none(refused);
}

/** What stands in the one fence, whatever stands around it; the text itself where there is none; undefined for any other number. */
function unfenced(text: string): string | undefined {
  const fences = [...text.matchAll(/^[ \t]{0,3}```[^\n`]*$/gm)];
  const [open, close] = fences;
  if (open === undefined) return text;
  if (close === undefined || fences.length > 2) return undefined;
  return text.slice(open.index + open[0].length, close.index);
}

/** The deepest bracket outside strings. */
function depthOf(text: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (inString && sign === "\\") at++;
    else if (sign === '"') inString = !inString;
    else if (!inString && (sign === "[" || sign === "{")) deepest = Math.max(deepest, ++depth);
    else if (!inString && (sign === "]" || sign === "}")) depth--;
  }
  return deepest;
}

/** Why the value is refused, if it is. */
function walk(root: Json): string | undefined {
  const left: Json[] = [root];
  for (let count = 1; left.length > 0; count++) {
    if (count > maxValues) return `the answer holds more values than the cap of ${maxValues}`;
    const value = left.pop()!;
    if (typeof value !== "object" || value === null) continue;
    if (Object.hasOwn(value, "__proto__")) return 'the answer has a key "__proto__"';
    for (const inner of Object.values(value)) left.push(inner);
  }
  return undefined;
}
