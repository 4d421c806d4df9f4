// Digests of values, for hash chains and version stamps. Equal values have equal digests on every machine; nothing here
// keeps a secret.

import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

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

/** SHA-256 of a file's content, in hexadecimal. Read in pieces: files of weights may be larger than a buffer can be. */
export function digestFile(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const piece = Buffer.allocUnsafe(2 ** 20);
    for (let length = readSync(file, piece); length > 0; length = readSync(file, piece)) hash.update(piece.subarray(0, length));
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}
