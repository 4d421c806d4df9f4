// What commands print: plain text for people on standard output, one JSON value where a program reads. Progress and errors go to
// standard error, so that output can be piped.

import { type Json, nameOddNumbers } from "../base/json.ts";

export function print(text: string): void {
  write(`${text}\n`);
}

/** As it is, without an end of line. Throws `OutputLost` once standard output takes nothing any more, which ends the command. */
export function write(text: string): void {
  if (lost !== undefined) throw lost;
  process.stdout.write(text);
}

/** What ends a command whose standard output is gone; the user knows already. */
export class OutputLost extends Error {
  readonly exitCode: 0 | 1;

  constructor(cause: NodeJS.ErrnoException) {
    super(`standard output: must take what is printed, got ${cause.message}; free some space, or write it elsewhere`, { cause });
    // A reader that has seen enough, such as head, is no failure.
    this.exitCode = cause.code === "EPIPE" ? 0 : 1;
  }
}

/** Of this process, as standard output is. */
let lost: OutputLost | undefined;

/**
 * What happens when standard output or standard error take nothing any more. Never the end of the process: an engine may be inside a
 * graph. Progress and errors that nobody reads are no reason to stop working; results are, when the next one is printed.
 */
export function watchOutput(): void {
  process.stderr.on("error", () => {});
  process.stdout.on("error", (cause) => {
    if (lost !== undefined) return;
    lost = new OutputLost(cause);
    if (lost.exitCode === 0) return;
    printError(lost.message);
    process.exitCode = lost.exitCode;
  });
}

/** Indented for a whole answer. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, writable, 2));
}

/** One line for each of many values, so that a reader need not wait for the last. */
export function printJsonLine(value: unknown): void {
  print(JSON.stringify(value, writable));
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Told once by each command whose verifiers may run programs without a boundary; their verdicts say it too. */
export const weakContainmentWarning =
  "sandbox: weak containment, programs of the policy can read and write your files and reach the network; install bubblewrap to contain them";

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(cell.length, most[i] ?? 0)), []);
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A number as people read it: three digits that matter. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return value.toLocaleString("en-US");
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** "2 h 05 min", "3 min 12 s", "8 s". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes > 0 ? `${minutes} min ${String(seconds % 60).padStart(2, "0")} s` : `${seconds} s`;
}

/** "2026-11-23 19:40", in UTC, so that it means the same to everybody. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

/**
 * Typed arrays as lists, in which a number that is none is null, such as the log-probability of a forced token. Elsewhere, numbers that
 * JSON lacks are their names, which `null` would hide.
 */
function writable(key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as unknown as ArrayLike<number>, (item) => (Number.isNaN(item) ? null : (nameOddNumbers(key, item) as Json)))
    : nameOddNumbers(key, value);
}
