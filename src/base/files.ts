// Writing files so that a reader sees the old content or the new, never half of one, even after a power cut.
// Two writers of one path are not kept apart: the last to rename wins.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { StorageError } from "./errors.ts";

/** Writes `chunks` to `path` through a temporary name: written, synced, renamed, folder synced. On failure nothing is left behind. */
export function writeFileAtomic(path: string, chunks: Iterable<string | Uint8Array>): void {
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, "w");
    try {
      for (const chunk of chunks) writeWhole(file, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    if (existsSync(temporary)) rmSync(temporary);
    throw new StorageError(`writing "${path}" failed: ${(cause as Error).message}; the previous content, if any, is untouched`, cause);
  }
}

/** Makes a rename or a creation inside `folder` survive a power cut. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
}
