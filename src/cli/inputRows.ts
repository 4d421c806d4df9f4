// Rows of answers that a command is given with --input: of a JSON Lines file, or of standard input where it is "-".
// A place that cannot be read is said before a verifier is started; one without rows when that is seen.

import { createReadStream, statSync } from "node:fs";
import { addAbortSignal } from "node:stream";

import { DataError } from "../base/errors.ts";
import { rowsOfStream } from "../data/jsonl.ts";
import type { Row } from "../data/rows.ts";

/** The option of all commands that read answers. */
export const inputOption = ["--input <file>", 'JSON Lines file of answers, "-" for standard input'] as const;

/** Refuses a file that is not there, or is none. */
export function checkInput(input: string): void {
  if (input === "-") return;
  const found = statSync(input, { throwIfNoEntry: false });
  if (found === undefined) throw new DataError(`${input}: no such file; --input must be a JSON Lines file, or - for standard input`);
  if (found.isDirectory()) throw new DataError(`${input}: must be a file, got a folder; name the JSON Lines file in it`);
}

/** The rows as they come. When `signal` is aborted, reading ends with an error. */
export async function* inputRows(input: string, signal: AbortSignal): AsyncGenerator<Row> {
  const stream = input === "-" ? addAbortSignal(signal, process.stdin) : createReadStream(input, { signal });
  const place = input === "-" ? "standard input" : input;
  let isEmpty = true;
  try {
    for await (const row of rowsOfStream(stream as AsyncIterable<Buffer>, place)) {
      isEmpty = false;
      yield row;
    }
    if (isEmpty) throw new DataError(`${place}: must hold at least one row, got none; check that it was written or downloaded whole`);
  } catch (cause) {
    if (signal.aborted || cause instanceof DataError) throw cause;
    throw new DataError(`${input}: could not be read: ${(cause as Error).message}; --input must be a JSON Lines file`, cause);
  }
}
