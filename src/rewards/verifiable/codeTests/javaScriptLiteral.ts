// JavaScript literals as data: numbers, big integers, strings without substitutions, true, false, null, undefined, arrays, plain objects.
// Read by hand from a fixed grammar; nothing is evaluated, and an expression that is more than a literal is refused.

import { type Cursor, NotLiteral } from "./cursor.ts";
import type { Value } from "./values.ts";

const space = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const number = /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)n?/y;
const word = /[A-Za-z_$][\w$]*/y;

export function skipJavaScriptSpace(cursor: Cursor): void {
  cursor.take(space);
}

/** One literal; stands after it when it returns. */
export function javaScriptLiteral(cursor: Cursor): Value {
  return cursor.nested(() => {
    skipJavaScriptSpace(cursor);
    if (cursor.skip("-")) return negated(javaScriptLiteral(cursor));
    if (cursor.skip("(")) {
      const inner = javaScriptLiteral(cursor);
      skipJavaScriptSpace(cursor);
      cursor.expect(")");
      return inner;
    }
    if (cursor.skip("[")) return { type: "list", items: list(cursor, "]", javaScriptLiteral) };
    if (cursor.skip("{")) return { type: "dict", entries: unique(list(cursor, "}", entry)) };
    const text = string(cursor);
    if (text !== undefined) return { type: "str", value: text };
    const digits = cursor.take(number);
    if (digits !== undefined) return numeral(digits);
    switch (cursor.take(word)) {
      case "true":
        return { type: "bool", value: true };
      case "false":
        return { type: "bool", value: false };
      case "null":
        return { type: "none" };
      case "undefined":
        return { type: "undefined" };
      case "NaN":
        return { type: "float", value: Number.NaN };
      case "Infinity":
        return { type: "float", value: Number.POSITIVE_INFINITY };
      default:
        throw new NotLiteral("no literal");
    }
  });
}

function list<T>(cursor: Cursor, close: string, read: (cursor: Cursor) => T): T[] {
  const found: T[] = [];
  for (;;) {
    skipJavaScriptSpace(cursor);
    if (cursor.skip(close)) return found;
    found.push(read(cursor));
    skipJavaScriptSpace(cursor);
    if (cursor.skip(close)) return found;
    cursor.expect(",");
  }
}

function entry(cursor: Cursor): [Value, Value] {
  const key = string(cursor) ?? cursor.take(word) ?? cursor.take(/\d+/y);
  if (key === undefined || key === "__proto__") throw new NotLiteral("a key that is no name");
  skipJavaScriptSpace(cursor);
  cursor.expect(":");
  return [{ type: "str", value: key }, javaScriptLiteral(cursor)];
}

/** The last value of a key counts. */
function unique(entries: readonly [Value, Value][]): [Value, Value][] {
  return [...new Map(entries.map((pair) => [(pair[0] as { readonly value: string }).value, pair])).values()];
}

function numeral(digits: string): Value {
  const plain = digits.replaceAll("_", "");
  if (plain.endsWith("n")) return { type: "int", value: BigInt(plain.slice(0, -1)) };
  if (/^0\d/.test(plain)) throw new NotLiteral("a number with a leading zero");
  return { type: "float", value: Number(plain) };
}

function negated(value: Value): Value {
  if (value.type === "int") return { type: "int", value: -value.value };
  if (value.type === "float") return { type: "float", value: -value.value };
  throw new NotLiteral("a sign before what is no number");
}

function string(cursor: Cursor): string | undefined {
  const quote = cursor.take(/["'`]/y);
  if (quote === undefined) return undefined;
  let text = "";
  while (!cursor.skip(quote)) {
    const char = cursor.text[cursor.at++];
    if (char === undefined || (char === "\n" && quote !== "`")) throw new NotLiteral("a string without end");
    if (char === "$" && quote === "`" && cursor.text[cursor.at] === "{") throw new NotLiteral("a substitution");
    text += char === "\\" ? escaped(cursor) : char;
  }
  return text;
}

const simpleEscapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "0": "\0", "\n": "" };

function escaped(cursor: Cursor): string {
  const hex = cursor.take(/x[\da-fA-F]{2}|u[\da-fA-F]{4}/y);
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex.slice(1), 16));
  if (cursor.take(/u\{/y) !== undefined) throw new NotLiteral("a code point escape");
  const char = cursor.text[cursor.at++];
  if (char === undefined) throw new NotLiteral("a string without end");
  return simpleEscapes[char] ?? char;
}
