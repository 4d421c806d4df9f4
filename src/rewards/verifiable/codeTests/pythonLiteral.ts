// Python literals as data: numbers, strings, True, False, None, lists, tuples, dicts, sets, with signs. Read by hand from a fixed grammar;
// nothing is evaluated, and an expression that is more than a literal is refused.
// https://docs.python.org/3/reference/lexical_analysis.html#literals

import { type Cursor, NotLiteral } from "./cursor.ts";
import type { Value } from "./values.ts";

/** Spaces, comments and line ends, which mean nothing inside brackets. */
const space = /(?:[ \t\r\n\f]|\\\r?\n|#[^\n]*)*/y;
const number = /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;
const word = /[A-Za-z_]\w*/y;
const stringStart = /([rRuU]|[bB][rR]?|[rR][bB])?("""|'''|"|')/y;

export function skipSpace(cursor: Cursor): void {
  cursor.take(space);
}

/** One literal; stands after it when it returns. */
export function pythonLiteral(cursor: Cursor): Value {
  return cursor.nested(() => {
    skipSpace(cursor);
    if (cursor.skip("-")) return negated(pythonLiteral(cursor));
    if (cursor.skip("+")) return pythonLiteral(cursor);
    if (cursor.skip("[")) return { type: "list", items: items(cursor, "]").items };
    if (cursor.skip("(")) return parenthesised(cursor);
    if (cursor.skip("{")) return braced(cursor);
    const text = string(cursor);
    if (text !== undefined) return text;
    const digits = cursor.take(number);
    if (digits !== undefined) return numeral(digits, cursor);
    const name = cursor.attempt(() => named(cursor));
    if (name === undefined) throw new NotLiteral("no literal");
    return name;
  });
}

function named(cursor: Cursor): Value {
  const name = cursor.take(word);
  if (name === "True" || name === "False") return { type: "bool", value: name === "True" };
  if (name === "None") return { type: "none" };
  if (name === "set" && cursor.skip("()")) return { type: "set", items: [] };
  throw new NotLiteral(`the name ${name}`);
}

function numeral(digits: string, cursor: Cursor): Value {
  if (cursor.take(/[jJ\w.]/y) !== undefined) throw new NotLiteral("a number with a suffix");
  const plain = digits.replaceAll("_", "");
  if (/^0[xXoObB]/.test(plain)) return { type: "int", value: BigInt(plain) };
  if (/^\d+$/.test(plain)) {
    if (/^0\d/.test(plain) && /[1-9]/.test(plain)) throw new NotLiteral("a number with a leading zero");
    return { type: "int", value: BigInt(plain) };
  }
  return { type: "float", value: Number(plain) };
}

function negated(value: Value): Value {
  if (value.type === "int") return { type: "int", value: -value.value };
  if (value.type === "float") return { type: "float", value: -value.value };
  throw new NotLiteral("a sign before what is no number");
}

function items(cursor: Cursor, close: string): { readonly items: Value[]; readonly trailing: boolean } {
  const found: Value[] = [];
  for (;;) {
    skipSpace(cursor);
    if (cursor.skip(close)) return { items: found, trailing: found.length > 0 };
    found.push(pythonLiteral(cursor));
    skipSpace(cursor);
    if (cursor.skip(close)) return { items: found, trailing: false };
    cursor.expect(",");
  }
}

function parenthesised(cursor: Cursor): Value {
  const { items: found, trailing } = items(cursor, ")");
  return found.length === 1 && !trailing ? found[0]! : { type: "tuple", items: found };
}

function braced(cursor: Cursor): Value {
  skipSpace(cursor);
  if (cursor.skip("}")) return { type: "dict", entries: [] };
  const first = pythonLiteral(cursor);
  skipSpace(cursor);
  if (!cursor.skip(":")) {
    const found = [first];
    if (cursor.skip(",")) found.push(...items(cursor, "}").items);
    else cursor.expect("}");
    return { type: "set", items: distinct(found) };
  }
  const entries: [Value, Value][] = [[first, pythonLiteral(cursor)]];
  for (;;) {
    skipSpace(cursor);
    if (cursor.skip("}")) break;
    cursor.expect(",");
    skipSpace(cursor);
    if (cursor.skip("}")) break;
    const key = pythonLiteral(cursor);
    skipSpace(cursor);
    cursor.expect(":");
    entries.push([key, pythonLiteral(cursor)]);
  }
  const byKey = new Map(entries.map((entry) => [keyOf(entry[0]), entry])); // the last value of a key counts
  return { type: "dict", entries: [...byKey.values()] };
}

function distinct(found: readonly Value[]): Value[] {
  return [...new Map(found.map((item) => [keyOf(item), item])).values()];
}

function keyOf(value: Value): string {
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item));
}

/** Neighbouring strings are one. */
function string(cursor: Cursor): Value | undefined {
  let found: string | undefined;
  for (;;) {
    const at = cursor.at;
    if (found !== undefined) skipSpace(cursor);
    const start = cursor.take(stringStart);
    if (start === undefined) {
      if (found !== undefined) cursor.at = at;
      return found === undefined ? undefined : { type: "str", value: found };
    }
    const quote = start.replace(/^[a-zA-Z]+/, "");
    const prefix = start.slice(0, -quote.length).toLowerCase();
    if (prefix.includes("b")) throw new NotLiteral("bytes");
    found = (found ?? "") + stringBody(cursor, { quote, isRaw: prefix === "r" });
  }
}

function stringBody(cursor: Cursor, { quote, isRaw }: { readonly quote: string; readonly isRaw: boolean }): string {
  let text = "";
  while (!cursor.skip(quote)) {
    const char = cursor.text[cursor.at++];
    if (char === undefined || (char === "\n" && quote.length === 1)) throw new NotLiteral("a string without end");
    if (char !== "\\") text += char;
    else if (isRaw) text += char + (cursor.text[cursor.at++] ?? "");
    else text += escaped(cursor);
  }
  return text;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\n": "",
};

function escaped(cursor: Cursor): string {
  const octal = cursor.take(/[0-7]{1,3}/y);
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
  const hex = cursor.take(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
  if (hex !== undefined) return codePoint(Number.parseInt(hex.slice(1), 16));
  const char = cursor.text[cursor.at++];
  if (char === undefined || char === "N") throw new NotLiteral("an escape by name");
  return simpleEscapes[char] ?? `\\${char}`;
}

function codePoint(value: number): string {
  if (value > 0x10ffff) throw new NotLiteral("a character that is none");
  return String.fromCodePoint(value);
}
