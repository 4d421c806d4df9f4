// Task files: JSON Lines and Parquet, in this project's own form or with a column mapping. A file is read whole or not at all:
// the first bad row ends it with a DataError that names file, row, column and cure.

import { statSync } from "node:fs";
import { extname } from "node:path";

import { DataError } from "../base/errors.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { Columns } from "./columns.ts";
import { jsonlRows } from "./jsonl.ts";
import { parquetRows } from "./parquet.ts";
import { demonstrationFromRow, type Row, taskFromRow } from "./rows.ts";
import type { Demonstration, Task } from "./task.ts";

const formats: ReadonlyMap<string, (file: string, columns?: Columns) => AsyncIterable<Row>> = new Map([
  [".jsonl", jsonlRows],
  [".ndjson", jsonlRows],
  [".parquet", parquetRows],
]);

/** All tasks of a file, in its order; every id occurs once. */
export async function readTasks(file: string, columns?: Columns): Promise<Task[]> {
  const tasks: Task[] = [];
  const firstPlace = new Map<string, string>();
  for await (const row of rowsOf(file, columns)) {
    const task = taskFromRow(row, columns);
    const first = firstPlace.get(task.id);
    if (first !== undefined) {
      throw new DataError(
        `${row.place}: a task's id must be its own, got "${task.id}" as at ${first}; remove one, or map a column with distinct ids`,
      );
    }
    firstPlace.set(task.id, row.place);
    tasks.push(task);
  }
  return notEmpty(file, tasks);
}

/** All demonstrations of a file, in its order. One task may be demonstrated several times, but one id is one task. */
export async function readDemonstrations(file: string, columns?: Columns): Promise<Demonstration[]> {
  const demonstrations: Demonstration[] = [];
  const seen = new Map<string, { readonly content: string; readonly place: string }>();
  for await (const row of rowsOf(file, columns)) {
    const demonstration = demonstrationFromRow(row, columns);
    const { task } = demonstration;
    const content = canonicalJson(task as unknown as Json); // a Task holds nothing but JSON
    const first = seen.get(task.id);
    if (first !== undefined && first.content !== content) {
      throw new DataError(
        `${row.place}: one id must mean one task, got "${task.id}" for another task at ${first.place}; give them different ids`,
      );
    }
    if (first === undefined) seen.set(task.id, { content, place: row.place });
    demonstrations.push(demonstration);
  }
  return notEmpty(file, demonstrations);
}

/** The rows of a file as they are, each with its place; the extension decides how it is read. */
function rowsOf(file: string, columns?: Columns): AsyncIterable<Row> {
  const read = formats.get(extname(file).toLowerCase());
  if (read === undefined) {
    throw new DataError(
      `${file}: the extension must be one of ${[...formats.keys()].join(", ")}, got "${extname(file)}"; rename or convert the file`,
    );
  }
  if (!isFile(file)) throw new DataError(`${file}: must be a file, got a folder; name the file in it`);
  return columns === undefined ? read(file) : read(file, columns);
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch (cause) {
    throw new DataError(`${file}: must be a file that can be read, got ${(cause as Error).message}; check the path`, cause);
  }
}

function notEmpty<T>(file: string, items: T[]): T[] {
  if (items.length > 0) return items;
  throw new DataError(`${file}: must hold at least one row, got none; check that it was written or downloaded whole`);
}
