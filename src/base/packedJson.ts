// Plain data with typed arrays as JSON, so that it can lie in a JSON file and come back in the same bits. An array becomes
// {"$array": its type, "base64": its bytes}, a number that JSON cannot say {"$number": its name}. Keys of plain data that begin with a
// dollar get another one, so that nobody's data is taken for either.

import type { Json } from "./json.ts";

/** The typed arrays that can be packed, by name. Their bytes are little-endian, as on every machine that Node runs on. */
const arrays = { Int32Array, Uint8Array, Uint16Array, Float32Array };

type ArrayName = keyof typeof arrays;

/** JSON that `unpackJson` turns back into an equal value. Keys whose value is undefined are left out. */
export function packJson(value: unknown): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: nameOf(value) };
  if (Array.isArray(value)) return value.map(packJson);
  if (ArrayBuffer.isView(value)) return packArray(value);
  if (typeof value !== "object") throw new TypeError(`packJson: values must be plain data, got a ${typeof value}`);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key.startsWith("$") ? `$${key}` : key, packJson(item)]));
}

/** The value that was packed. What its shape is, is for the caller to know. */
export function unpackJson(json: Json): unknown {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map(unpackJson);
  const { $array: array, base64, $number: number } = json as { readonly [key: string]: Json };
  if (typeof array === "string" && array in arrays && typeof base64 === "string") {
    // A copy: a view into Node's pool of small buffers need not be aligned.
    return new arrays[array as ArrayName](Uint8Array.from(Buffer.from(base64, "base64")).buffer);
  }
  if (typeof number === "string") return Number(number);
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key.startsWith("$") ? key.slice(1) : key, unpackJson(item)]));
}

/** As `Number` reads it. */
function nameOf(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function packArray(view: ArrayBufferView): Json {
  const { name } = view.constructor;
  if (!(name in arrays)) throw new TypeError(`packJson: a typed array must be one of ${Object.keys(arrays).join(", ")}, got ${name}`);
  return { $array: name, base64: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64") };
}
