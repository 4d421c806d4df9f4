// Scoring answers from a file, with one verifier and no policy. A row is either of
//
//     {"task": {"id"?, "family", "messages", "verifier", "reference", "thinkingBudget"?}, "answer": "...", "thinking"?: "..."}
//     {"reference": {...}, "answer": "...", "thinking"?: "..."}
//
// `reference` is what the verifier's own schema asks for. The verifier is the caller's; the one that a task names is not looked at.

import { z } from "zod";

import { DataError } from "../base/errors.ts";
import { parseWith } from "../base/parse.ts";
import { rngFor } from "../base/rng.ts";
import { type Row, taskFromRow } from "../data/rows.ts";
import { questionTask, type Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { VerifierPool } from "./pool.ts";

const ScoreRow = z
  .strictObject({
    task: z.unknown().optional(),
    reference: z.json().optional(),
    answer: z.string(),
    thinking: z.string().default(""),
  })
  .refine(({ task, reference }) => (task === undefined) !== (reference === undefined), "must have either a task or a reference");

/** A row and what the verifier said of it. */
export interface ScoredRow {
  /** Of the row, e.g. "answers.jsonl:3". */
  readonly place: string;
  readonly verdict: Verdict;
}

/** The verdict of each row, in the order of the rows. A row that cannot be read is a DataError with its place. */
export async function* scoreRows(
  rows: AsyncIterable<Row>,
  { pool, verifier, numAhead = 64 }: { readonly pool: VerifierPool; readonly verifier: string; readonly numAhead?: number },
  signal: AbortSignal,
): AsyncGenerator<ScoredRow> {
  const score = async (row: Row): Promise<ScoredRow> => {
    const { task, answer, thinking } = parseRow(row, verifier);
    const { seed } = rngFor(verifier, task.id, row.place);
    return { place: row.place, verdict: await pool.verify({ verifier, task, answer, thinking, seed }, signal) };
  };
  const ahead: Promise<ScoredRow>[] = [];
  for await (const row of rows) {
    const scored = score(row);
    scored.catch(() => {}); // awaited in its turn
    ahead.push(scored);
    if (ahead.length === numAhead) yield await ahead.shift()!;
  }
  for (const scored of ahead) yield await scored;
}

function parseRow(row: Row, verifier: string): { readonly task: Task; readonly answer: string; readonly thinking: string } {
  const parsed = parseWith(ScoreRow, row.value);
  if (!parsed.success) {
    const { path, rule } = parsed;
    throw new DataError(`${row.place}: ${path === "" ? "the row" : path} ${rule}; a row is {"reference" or "task", "answer", "thinking"?}`);
  }
  const { task, reference, answer, thinking } = parsed.data;
  if (reference === undefined) return { task: taskFromRow({ ...row, value: task }, undefined), answer, thinking };
  return { task: questionTask({ family: "rows", question: "", verifier, reference }), answer, thinking };
}
