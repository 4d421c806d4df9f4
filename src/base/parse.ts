// Parsing at an edge, with what zod finds wrong in the words of this project's messages: a rule that goes on from the key, and what
// stands there instead. `steps must be at least 1, got 0`. The place (file, line, row) and the cure are the caller's.

import type { z } from "zod";

/** What came out of parsing. A failure is the first thing that is wrong. */
export type Parsed<T> = { readonly success: true; readonly data: T } | ParseFailure;

export interface ParseFailure {
  readonly success: false;
  /** Keys that lead to the place; none where the whole value is wrong. */
  readonly keys: readonly string[];
  /** The keys with dots between them. */
  readonly path: string;
  /** `must be at least 1, got 0`. */
  readonly rule: string;
  readonly cause: unknown;
}

/** What `schema` makes of `input`, or the first thing that is wrong with it. */
export function parseWith<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  const parsed = schema.safeParse(input, { error: ruleText });
  if (parsed.success) return parsed;
  const issue = parsed.error.issues[0]!;
  const keys = issue.path.map(String);
  return { success: false, keys, path: keys.join("."), rule: withValue(issue, valueAt(input, keys)), cause: parsed.error };
}

/** As `parseWith`, from JSON text. */
export function parseJsonWith<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    return { success: false, keys: [], path: "", rule: `must be JSON, got ${(cause as Error).message}`, cause };
  }
  return parseWith(schema, input);
}

/** The rule an issue is about, as the words between a key and `got ...`. A schema's own words come before these. */
export function ruleText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is required" : `must be ${article(issue.expected)}`;
    case "too_small":
      return `must ${bound(issue.origin, { inclusive: issue.inclusive ?? true, limit: Number(issue.minimum), side: "least" })}`;
    case "too_big":
      return `must ${bound(issue.origin, { inclusive: issue.inclusive ?? true, limit: Number(issue.maximum), side: "most" })}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return issue.pattern === undefined ? `must be of the form ${issue.format}` : `must match ${issue.pattern}`;
    case "invalid_value":
      return `must be ${oneOf(issue.values)}`;
    case "invalid_union":
      return Array.isArray(issue["options"]) ? `must be ${oneOf(issue["options"])}` : "fits none of the allowed forms";
    case "unrecognized_keys":
      return `must not have the key ${issue.keys.map((key) => `"${key}"`).join(", ")}`;
    default:
      return "breaks a rule";
  }
}

/** The issue's rule with `value`, the one it is about; rules across fields say themselves which values they met. */
export function withValue({ code, message }: z.core.$ZodIssue, value: unknown): string {
  const isSaid = message.includes(", got ") || value === undefined || code === "unrecognized_keys";
  return isSaid ? message : `${message}, got ${showValue(value)}`;
}

/** What lies at `path` below `input`; undefined where there is nothing. */
export function valueAt(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined), input);
}

function showValue(value: unknown): string {
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? String(value);
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return Number.isNaN(value) ? "NaN" : shown;
}

function article(expected: string): string {
  const word = { int: "integer", array: "list", record: "object" }[expected] ?? expected;
  if (word === "null") return word;
  return `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? showValue(values[0]) : `one of ${values.map(showValue).join(", ")}`;
}

function bound(origin: string, { inclusive, limit, side }: { inclusive: boolean; limit: number; side: "least" | "most" }): string {
  if (origin === "string") return `have at ${side} ${limit} ${limit === 1 ? "character" : "characters"}`;
  if (origin === "array" || origin === "set") return `have at ${side} ${limit} ${limit === 1 ? "entry" : "entries"}`;
  if (inclusive) return `be at ${side} ${limit}`;
  return side === "least" ? `be greater than ${limit}` : `be less than ${limit}`;
}
