// Digests of values, for hash chains and version stamps. Equal values have equal digests on every machine; nothing here
// keeps a secret.

import { createHash } from "node:crypto";

import { canonicalJson, type Json } from "./json.ts";

/** SHA-256 of the canonical JSON of `value`, in hexadecimal. */
export function digestJson(value: Json): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

/** SHA-256 of the bytes of `data`, in hexadecimal. Little-endian machines only, which all supported ones are. */
export function digestBytes(...parts: readonly ArrayBufferView[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest("hex");
}
