// JSON values, and the one textual form of a value that digests are taken of: keys sorted, no spaces.
// Reading JSON from outside is the business of whoever reads it, with a schema.

/** A JSON value, read-only. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** For `JSON.stringify`: a number that JSON lacks becomes its name, such as "NaN", which `Number` reads; JSON alone would make null of it. */
export function nameOddNumbers(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** JSON with object keys sorted, so that equal values have equal text. Non-finite numbers are refused: JSON would turn them into null. */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`canonicalJson: numbers must be finite, got ${value}`);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const entries = Object.entries(value as { readonly [key: string]: Json }).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}
