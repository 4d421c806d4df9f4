// Arithmetic expressions of whole numbers, the four operations and brackets, computed exactly. A recursive descent over characters:
// nothing is evaluated as code, and length, depth and digits are capped.
//
//     sum     = product { ("+" | "-") product }
//     product = factor { ("*" | "/") factor }
//     factor  = digits | "(" sum ")"

import { add, divide, multiply, type Rational, subtract, whole } from "./rational.ts";

const maxChars = 1000;
const maxDepth = 50;
const maxDigits = 15;

/** What an expression is worth, or why it is none. */
export type Evaluated =
  /** `numbers` are those written in the expression, in order. */
  | { readonly kind: "value"; readonly value: Rational; readonly numbers: readonly bigint[] }
  | { readonly kind: "refused"; readonly why: string };

/** Reads `text` as one expression and nothing else. */
export function evaluateExpression(text: string): Evaluated {
  if (text.length > maxChars) return { kind: "refused", why: `the expression is beyond the cap of ${maxChars} characters` };
  const cursor: Cursor = { text, at: 0, numbers: [] };
  try {
    const value = sum(cursor, 0);
    return peek(cursor) === "" ? { kind: "value", value, numbers: cursor.numbers } : { kind: "refused", why: unexpected(cursor) };
  } catch (error) {
    if (error instanceof Refusal) return { kind: "refused", why: error.message };
    throw error;
  }
}

interface Cursor {
  readonly text: string;
  readonly numbers: bigint[];
  at: number;
}

/** Leaves the descent from any depth; its message says why. */
class Refusal extends Error {}

function sum(cursor: Cursor, depth: number): Rational {
  let value = product(cursor, depth);
  for (let sign = peek(cursor); sign === "+" || sign === "-"; sign = peek(cursor)) {
    cursor.at++;
    value = (sign === "+" ? add : subtract)(value, product(cursor, depth));
  }
  return value;
}

function product(cursor: Cursor, depth: number): Rational {
  let value = factor(cursor, depth);
  for (let sign = peek(cursor); sign === "*" || sign === "/"; sign = peek(cursor)) {
    cursor.at++;
    const right = factor(cursor, depth);
    const result = sign === "*" ? multiply(value, right) : divide(value, right);
    if (result === undefined) throw new Refusal("division by zero");
    value = result;
  }
  return value;
}

function factor(cursor: Cursor, depth: number): Rational {
  if (peek(cursor) !== "(") return literal(cursor);
  if (depth === maxDepth) throw new Refusal(`brackets are nested beyond the cap of ${maxDepth}`);
  cursor.at++;
  const inner = sum(cursor, depth + 1);
  if (peek(cursor) !== ")") throw new Refusal(unexpected(cursor));
  cursor.at++;
  return inner;
}

function literal(cursor: Cursor): Rational {
  const digits = peek(cursor) === "" ? undefined : /^[0-9]+/.exec(cursor.text.slice(cursor.at))?.[0];
  if (digits === undefined) throw new Refusal(unexpected(cursor));
  if (digits.length > maxDigits) throw new Refusal(`a number is beyond the cap of ${maxDigits} digits`);
  cursor.at += digits.length;
  cursor.numbers.push(BigInt(digits));
  return whole(BigInt(digits));
}

/** The next character that is not blank, which the cursor moves to; "" at the end. */
function peek(cursor: Cursor): string {
  while (cursor.text[cursor.at] === " ") cursor.at++;
  return cursor.text[cursor.at] ?? "";
}

function unexpected(cursor: Cursor): string {
  const next = peek(cursor);
  return next === "" ? "the expression ends too early" : `unexpected ${JSON.stringify(next)} at character ${cursor.at + 1}`;
}
