// Values that cross from a jailed program to the process that compares: tagged with their type, so that nothing of the program's own code
// takes part in a comparison. An object of a class of its own arrives as its name only, and equals nothing.

import type { z } from "zod";

/** A value of Python or JavaScript, as data. */
export type Value =
  | { readonly type: "none" }
  | { readonly type: "undefined" }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "int"; readonly value: bigint }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "complex"; readonly real: number; readonly imaginary: number }
  | { readonly type: "str"; readonly value: string }
  | { readonly type: "bytes"; readonly hex: string }
  | { readonly type: "list" | "tuple" | "set"; readonly items: readonly Value[] }
  /** "map" is JavaScript's Map, whose keys may be anything; "dict" its plain objects, and Python's dict. */
  | { readonly type: "dict" | "map"; readonly entries: readonly (readonly [Value, Value])[] }
  /** What is no plain value; `traits` names the comparison methods that its class defines. */
  | { readonly type: "object"; readonly name: string; readonly traits: string };

/** How equal is meant. */
export interface Equality {
  /**
   * Python: `==` of the language. JavaScript: deep strict equality, or with numbers as `===` has them, for which -0 is 0. JSON: arrays of any
   * kind, numbers by value, true is not 1.
   */
  readonly kind: "python" | "javascript" | "javascript ===" | "json";
  /** Largest difference of numbers that still counts, absolute. */
  readonly tolerance: number;
}

/** Deeper values are refused by the harness and here. */
const maxDepth = 200;

type Tagged = string | boolean | null | [string, ...unknown[]];

/** Reads the tags of the harnesses; undefined where the text is none of theirs. */
export function decodeValue(tagged: unknown, depth = 0): Value | undefined {
  if (depth > maxDepth) return undefined;
  if (tagged === null) return { type: "none" };
  if (typeof tagged === "boolean") return { type: "bool", value: tagged };
  if (typeof tagged === "string") return { type: "str", value: tagged };
  if (!Array.isArray(tagged)) return undefined;
  const [tag, first, second] = tagged as Exclude<Tagged, string | boolean | null>;
  switch (tag) {
    case "u":
      return { type: "undefined" };
    case "i":
      return typeof first === "string" && /^-?0x[0-9a-f]+$/.test(first) ? { type: "int", value: parseHex(first) } : undefined;
    case "f":
      return typeof first === "string" ? { type: "float", value: Number(first.replace("inf", "Infinity")) } : undefined;
    case "c":
      return {
        type: "complex",
        real: Number(String(first).replace("inf", "Infinity")),
        imaginary: Number(String(second).replace("inf", "Infinity")),
      };
    case "b":
      return typeof first === "string" ? { type: "bytes", hex: first } : undefined;
    case "l":
    case "t":
    case "s": {
      const items = decodeAll(first, depth);
      return items && { type: ({ l: "list", t: "tuple", s: "set" } as const)[tag], items };
    }
    case "m":
    case "d": {
      const pairs = Array.isArray(first) ? first.map((pair) => decodeAll(pair, depth)) : [undefined];
      return pairs.every((pair) => pair?.length === 2)
        ? { type: tag === "d" ? "dict" : "map", entries: pairs as unknown as [Value, Value][] }
        : undefined;
    }
    case "o":
      return { type: "object", name: String(first).slice(0, 80), traits: String(second ?? "").slice(0, 80) };
    default:
      return undefined;
  }
}

function decodeAll(items: unknown, depth: number): Value[] | undefined {
  if (!Array.isArray(items)) return undefined;
  const decoded = items.map((item) => decodeValue(item, depth + 1));
  return decoded.includes(undefined) ? undefined : (decoded as Value[]);
}

function parseHex(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

/** From here on, numbers are written with an exponent: as a float of Python's. */
const leastFloat = 1e21;

/** A JSON value of a task. Whole numbers are integers in Python, as in its json module; JavaScript has one kind of number. */
export function valueOfJson(json: z.core.util.JSONType, language: "python" | "javascript"): Value {
  if (json === null) return { type: "none" };
  if (typeof json === "boolean") return { type: "bool", value: json };
  if (typeof json === "string") return { type: "str", value: json };
  if (typeof json === "number") {
    const isInt = language === "python" && Number.isInteger(json) && Math.abs(json) < leastFloat;
    return isInt ? { type: "int", value: BigInt(json) } : { type: "float", value: json };
  }
  if (Array.isArray(json)) return { type: "list", items: json.map((item) => valueOfJson(item, language)) };
  return { type: "dict", entries: Object.entries(json).map(([key, item]) => [{ type: "str", value: key }, valueOfJson(item, language)]) };
}

/** Whether two values are equal in the sense of `equality`. NaN equals nothing in Python and JSON, and itself in JavaScript. */
export function equals(a: Value, b: Value, equality: Equality): boolean {
  const [x, y] = [numberOf(a, equality), numberOf(b, equality)];
  if (x !== undefined && y !== undefined) return numbersEqual(x, y, equality);
  if (a.type === "complex" || b.type === "complex") return complexEqual(a, b);
  const pair = sequenceKind(a, equality) === sequenceKind(b, equality);
  if ((a.type === "list" || a.type === "tuple") && (b.type === "list" || b.type === "tuple")) {
    return pair && a.items.length === b.items.length && a.items.every((item, i) => equals(item, b.items[i]!, equality));
  }
  if (a.type !== b.type) return false;
  switch (a.type) {
    case "none":
    case "undefined":
      return true;
    case "bool":
    case "str":
      return a.value === (b as typeof a).value;
    case "bytes":
      return a.hex === (b as typeof a).hex;
    case "set":
      return matchAll(a.items, (b as typeof a).items, (p, q) => equals(p, q, equality));
    case "dict":
    case "map":
      return matchAll(a.entries, (b as typeof a).entries, (p, q) => equals(p[0], q[0], equality) && equals(p[1], q[1], equality));
    default:
      return false; // objects
  }
}

/** Booleans are numbers in Python, and nowhere else. */
function numberOf(value: Value, { kind }: Equality): bigint | number | undefined {
  if (value.type === "int" || value.type === "float") return value.value;
  return value.type === "bool" && kind === "python" ? BigInt(value.value) : undefined;
}

function numbersEqual(a: bigint | number, b: bigint | number, { kind, tolerance }: Equality): boolean {
  if (tolerance > 0) return Math.abs(Number(a) - Number(b)) <= tolerance || Object.is(Number(a), Number(b));
  // JSON was read as doubles: of a whole number beyond 2^53 a task holds no more than that.
  if (kind === "json" && [a, b].every((x) => Math.abs(Number(x)) > Number.MAX_SAFE_INTEGER)) return Number(a) === Number(b);
  if (kind === "javascript") return Object.is(a, b);
  if (kind === "javascript ===") return a === b || Object.is(a, b);
  if (typeof a === typeof b) return a === b;
  const [whole, float] = typeof a === "bigint" ? [a, b as number] : [b as bigint, a];
  return Number.isInteger(float) && BigInt(float) === whole;
}

function complexEqual(a: Value, b: Value): boolean {
  const parts = (value: Value) =>
    value.type === "complex"
      ? [value.real, value.imaginary]
      : value.type === "int" || value.type === "float"
        ? [Number(value.value), 0]
        : [Number.NaN, Number.NaN];
  const [p, q] = [parts(a), parts(b)];
  return p[0] === q[0] && p[1] === q[1];
}

function sequenceKind({ type }: Value, { kind }: Equality): string {
  return kind === "python" ? type : "sequence";
}

/** A one-to-one matching, tried by printed form first so that large sets take no quadratic time. */
function matchAll<T>(left: readonly T[], right: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (left.length !== right.length) return false;
  const key = (item: T) => JSON.stringify(item, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const byKey = new Map<string, T[]>();
  for (const item of right) byKey.set(key(item), [...(byKey.get(key(item)) ?? []), item]);
  const unmatched = left.filter((item) => byKey.get(key(item))?.pop() === undefined);
  const rest = [...byKey.values()].flat();
  if (unmatched.length > maxLooseMatches) return false;
  return unmatched.every((item) => {
    const at = rest.findIndex((other) => same(item, other));
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}

/** Members that are equal but not written alike, such as 1 and 1.0. */
const maxLooseMatches = 1000;

/** As a person reads it, in the notation of `language`, cut to a line. */
export function showValue(value: Value, language: "python" | "javascript", depth = 0): string {
  if (depth > 20) return "...";
  const python = language === "python";
  const inner = (items: readonly Value[]) =>
    items
      .slice(0, 40)
      .map((item) => showValue(item, language, depth + 1))
      .join(", ") + (items.length > 40 ? ", ..." : "");
  switch (value.type) {
    case "none":
      return python ? "None" : "null";
    case "undefined":
      return "undefined";
    case "bool":
      return python ? (value.value ? "True" : "False") : String(value.value);
    case "int":
      return value.value > 10n ** 60n || value.value < -(10n ** 60n)
        ? `an integer of ${value.value.toString(16).length} hexadecimal digits`
        : String(value.value);
    case "float":
      return python && Number.isInteger(value.value) && Math.abs(value.value) < 1e16
        ? `${Object.is(value.value, -0) ? "-0" : value.value}.0`
        : String(value.value);
    case "complex":
      return `(${value.real}+${value.imaginary}j)`;
    case "str":
      return JSON.stringify(value.value.length > 200 ? `${value.value.slice(0, 200)}...` : value.value);
    case "bytes":
      return `bytes ${value.hex.slice(0, 80)}`;
    case "list":
      return `[${inner(value.items)}]`;
    case "tuple":
      return value.items.length === 1 ? `(${inner(value.items)},)` : `(${inner(value.items)})`;
    case "set":
      return value.items.length === 0 ? "set()" : `{${inner(value.items)}}`;
    case "dict":
    case "map":
      return `{${value.entries
        .slice(0, 40)
        .map(([key, item]) => `${showValue(key, language, depth + 1)}: ${showValue(item, language, depth + 1)}`)
        .join(", ")}}`;
    case "object":
      return `an object of the program's own type ${value.name}${value.traits === "" ? "" : ` with ${value.traits}`}`;
    default:
      return value satisfies never;
  }
}
