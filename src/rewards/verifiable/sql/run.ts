// Queries on a database, run in the jail: what is handed in, the caps, and how the way a program ended is read. Lines of the program are
// data from somebody who is not trusted.

import { z } from "zod";

import type { RunResult, Sandbox } from "../../../../sandbox/client.ts";
import type { Json } from "../../../base/json.ts";
import { parseJsonWith } from "../../../base/parse.ts";
import type { Verdict } from "../../../data/verdict.ts";
import { queryProgram } from "./program.ts";

/** Of one result. */
export const maxRows = 10_000;
export const maxColumns = 100;
export const maxCellBytes = 65_536;
export const maxResultBytes = 1 << 20;
/** Of SQLite's virtual machine for one query: 0.15 s of a busy processor, so that time is met first only where one step takes long. */
export const maxSteps = 5_000_000;
/** For the schema and the rows of one database. */
export const maxFillSteps = 50_000_000;
/** Of a value on the way, such as a concatenation that is only measured. */
const maxValueBytes = 1_000_000;
const maxHeapBytes = 128 << 20;
/** For one database: a loop inside one step, such as a search in a long text, is met by the time only. */
export const maxQueryCpuMs = 500;
/** Starting Python and filling the databases: time is a backstop there. */
const fillCpuMs = 1000;
const memoryMiB = 384;
/** A backstop: nothing in SQL sleeps, so that this much time without the processor's is a machine that has none to give. */
export const maxWallMs = 20_000;

/** Entries of each table, by position or by column. */
export type Rows = Readonly<Record<string, readonly (readonly Json[] | { readonly [column: string]: Json })[]>>;

/** A value with its type before it: `i` whole, `r` real, `t` text, `b` bytes in hexadecimal; null is NULL. */
export type Cell = string | null;
export type Row = readonly Cell[];

export interface Result {
  readonly names: readonly string[];
  readonly rows: readonly Row[];
}

const RowsLine = z.strictObject({
  kind: z.literal("rows"),
  names: z.array(z.string()),
  rows: z.array(z.array(z.union([z.null(), z.string().regex(/^(?:i-?\d+$|r[-+.\deinf]+$|t|b[\da-f]*$)/)]))),
});
const FailedLine = z.strictObject({ kind: z.literal("failed"), why: z.string() });
const Line = z.discriminatedUnion("kind", [
  RowsLine,
  FailedLine,
  z.strictObject({ kind: z.literal("filled") }),
  z.strictObject({ kind: z.literal("unusable"), why: z.string() }),
]);

/** What a query gave on one database. */
export type Outcome = z.output<typeof RowsLine> | z.output<typeof FailedLine>;

/** What a checker says that cannot tell. */
export type Unscorable = Extract<Verdict, { kind: "unscorable" }>;

/** What came of a program: an outcome for each database, of which the last is a failure where the query ended the program. */
export type Ran = { readonly kind: "ran"; readonly outcomes: readonly Outcome[] } | Unscorable;

export interface Job {
  readonly schema: string;
  readonly databases: readonly Rows[];
  readonly query: string;
  /** The moment that "now" stands for. */
  readonly now: string;
}

export interface Where {
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
}

/** Runs the query on each database in turn, in one program. Rejects as the sandbox does. */
export async function runQuery(job: Job, { sandbox, signal }: Where): Promise<Ran> {
  const caps = {
    rows: maxRows,
    columns: maxColumns,
    cellBytes: maxCellBytes,
    resultBytes: maxResultBytes,
    steps: maxSteps,
    fillSteps: maxFillSteps,
    valueBytes: maxValueBytes,
    heapBytes: maxHeapBytes,
    cpuMs: maxQueryCpuMs,
  };
  const files = { "main.py": queryProgram, "task.json": JSON.stringify({ ...job, caps }) };
  // The same for every job, so that an interpreter that waits can take any.
  const outputBytes = (maxResultBytes + 65_536) * maxDatabases;
  const cpuMs = fillCpuMs + maxQueryCpuMs * maxDatabases;
  const limits = { cpuMs, wallMs: maxWallMs, memoryMiB, outputBytes };
  return read(await sandbox.run({ language: "python", files, entry: "main.py", limits }, signal), job.databases.length);
}

/** Of one reference. */
export const maxDatabases = 8;

function read({ end, stdout, stderr }: RunResult, numDatabases: number): Ran {
  const outcomes: Outcome[] = [];
  let isFilled = false;
  for (const text of stdout.text.split("\n").slice(0, -1)) {
    const line = parseJsonWith(Line, text);
    if (!line.success) return unscorable("sandbox", `the program said something else than rows: ${line.path} ${line.rule}`);
    if (line.data.kind === "unusable") return unscorable("reference", `the database cannot be filled: ${line.data.why}`);
    if (line.data.kind === "filled") isFilled = true;
    else outcomes.push(line.data);
  }
  if (outcomes.length === numDatabases) return { kind: "ran", outcomes };
  if (end.kind === "limit" && end.limit === "wall") return unscorable("timeout", `no end within ${maxWallMs} ms: the machine is too busy`);
  const how = howEnded(end);
  // What ends the program once the databases are there is the query.
  if (isFilled && outcomes.length < numDatabases) return { kind: "ran", outcomes: [...outcomes, { kind: "failed", why: how }] };
  if (end.kind === "limit") return unscorable("reference", `the database cannot be filled: ${how}`);
  return unscorable("sandbox", `${how} before the query ran; it said ${stderr.text.trim().slice(-500) || "nothing"}`);
}

function unscorable(failure: Unscorable["failure"], reason: string): Unscorable {
  return { kind: "unscorable", failure, reason };
}

function howEnded(end: RunResult["end"]): string {
  if (end.kind === "exit") return `the program ended with exit code ${end.code}`;
  if (end.kind === "signal") return `the program was ended by ${end.signal}`;
  return `it goes beyond the jail's cap on ${end.limit}`;
}
