// Rows of a Parquet file. Rows are counted from 1. Cells that are null are left out of the row, text is decoded strictly,
// 64-bit integers become numbers where that loses nothing and decimal text where it would.

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";

import { DataError } from "../base/errors.ts";
import { type Columns, columnsUsed } from "./columns.ts";
import type { Row } from "./rows.ts";

/** hyparquet brings snappy; the other common codecs are in Node. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
};

const json = Symbol("JSON text");

/** Text and JSON are left as bytes here and decoded in `plain`, where a fault has a row and a column. */
const parsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes: Uint8Array) => bytes,
  jsonFromBytes: (bytes: Uint8Array) => ({ [json]: bytes }),
};

/** Reads one row group at a time, and of it only the mapped columns if there is a mapping. */
export async function* parquetRows(file: string, mapping?: Columns): AsyncGenerator<Row> {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await decoded(file, parquetMetadataAsync(buffer));
  const columns = presentColumns(file, { metadata, mapping });
  let rowStart = 0;
  for (const rowEnd of groupEnds(metadata)) {
    const rows = await decoded(file, parquetReadObjects({ file: buffer, metadata, columns, rowStart, rowEnd, compressors, parsers }));
    for (const [index, row] of rows.entries()) {
      const place = `${file} row ${rowStart + index + 1}`;
      const cells = Object.entries(row).filter(([, cell]) => cell !== null && cell !== undefined);
      yield { file, place, value: Object.fromEntries(cells.map(([column, cell]) => [column, plain(cell, { place, column })])) };
    }
    rowStart = rowEnd;
  }
}

function presentColumns(file: string, { metadata, mapping }: { metadata: FileMetaData; mapping: Columns | undefined }): string[] {
  const known = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (mapping === undefined) return known;
  const wanted = columnsUsed(mapping);
  const missing = wanted.find((column) => !known.includes(column));
  if (missing === undefined) return wanted;
  throw new DataError(`${file}: column "${missing}" must be there, got only: ${known.join(", ")}; map another column`);
}

function groupEnds(metadata: FileMetaData): number[] {
  let end = 0;
  return metadata.row_groups.map((group) => {
    end += Number(group.num_rows);
    return end;
  });
}

async function decoded<T>(file: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new DataError(`${file}: must be a whole Parquet file, got ${(cause as Error).message}; write or download it again`, cause);
  }
}

interface Place {
  readonly place: string;
  readonly column: string;
}

/** What JSON can say of a decoded cell. */
function plain(cell: unknown, at: Place): unknown {
  if (cell instanceof Uint8Array) return decodeText(cell, at);
  if (typeof cell === "bigint") return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
  if (cell instanceof Date) return cell.toISOString();
  if (Array.isArray(cell)) return cell.map((item) => plain(item, at));
  if (typeof cell !== "object" || cell === null) return cell;
  if (json in cell) return parseJson(decodeText(cell[json] as Uint8Array, at), at);
  return Object.fromEntries(Object.entries(cell).map(([key, item]) => [key, plain(item, at)]));
}

function decodeText(bytes: Uint8Array, { place, column }: Place): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${place}: column "${column}" must be UTF-8 text, got other bytes; convert it, or map another column`, cause);
  }
}

function parseJson(text: string, { place, column }: Place): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(
      `${place}: column "${column}" must be JSON, got ${(cause as Error).message}; fix the row or map another column`,
      cause,
    );
  }
}
