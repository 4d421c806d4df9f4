// Rows of a JSON Lines file: one JSON value a line, UTF-8, blank lines skipped.
// Lines are counted from 1, as editors do.

import { createReadStream } from "node:fs";

import { DataError } from "../base/errors.ts";
import type { Row } from "./rows.ts";

/** Reads as it goes, so that a file may be larger than memory. */
export function jsonlRows(file: string): AsyncGenerator<Row> {
  return rowsOfStream(createReadStream(file), file);
}

/** The rows of bytes from anywhere; `file` is what messages call their source. A row is given as soon as its line has ended. */
export async function* rowsOfStream(chunks: AsyncIterable<Buffer>, file: string): AsyncGenerator<Row> {
  let line = 0;
  for await (const bytes of lines(chunks)) {
    line++;
    const place = `${file}:${line}`;
    const text = decode(bytes, { place, first: line === 1 });
    if (text.trim() !== "") yield { file, place, value: parse(text, place) };
  }
}

const newline = 0x0a;

/** The bytes of each line; a line may span chunks, and a character may too, so text is decoded only when its line is whole. */
async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let started: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      yield Buffer.concat([...started, chunk.subarray(from, end)]);
      started = [];
      from = end + 1;
    }
    started.push(chunk.subarray(from));
  }
  yield Buffer.concat(started);
}

function decode(bytes: Buffer, { place, first }: { place: string; first: boolean }): string {
  try {
    // A byte order mark is dropped at the start of the file and nowhere else.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: !first }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${place}: a line must be UTF-8, got other bytes; convert the file to UTF-8`, cause);
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${place}: a line must be one JSON value, got ${(cause as Error).message}; fix or remove the line`, cause);
  }
}
