// npm test [-- FILE or FOLDER ...] [--long] [--test-name-pattern=TEXT ...]: a line for each file, failures in full, a closing count.
//
// Every file runs in a process of its own, since some start workers, kill processes or hold the engine; a crash takes one file along.
// `--long` adds test/**/*.long.ts, which train for minutes. Flags that start with --test- go to Node as they are.
// System packages that tests run are installed first, or the command that does is printed. Ends with 1 when a test failed or none ran.

import { globSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { run } from "node:test";
import { inspect } from "node:util";

import { ensureSystemPackages } from "./systemPackages.ts";

/** A test that waits for longer has failed. One that spins is not interrupted; .ci/run has a limit for the whole. */
const testTimeoutMs = { short: 2 * 60_000, long: 60 * 60_000 };

const args = process.argv.slice(2);
const long = args.includes("--long");
const nodeFlags = args.filter((arg) => arg.startsWith("--test-"));
const places = args.filter((arg) => !arg.startsWith("--"));
const files = (places.length > 0 ? places : ["test"]).flatMap(testFiles).sort();

ensureSystemPackages(files);

const counts = { passed: 0, failed: 0, skipped: 0 };
const output = new Map<string, string[]>();

const stream = run({
  files,
  concurrency: availableParallelism(),
  execArgv: nodeFlags,
  timeout: long ? testTimeoutMs.long : testTimeoutMs.short,
});
for await (const { type, data } of stream) {
  if (type === "test:stdout" || type === "test:stderr") keepOutput(data.file, data.message);
  if (type === "test:pass" && data.details.type !== "suite") {
    // A file passes under its own name when it held no test.
    if (data.name === data.file) noTestsIn(data.file);
    else if (data.skip !== undefined) skip(data);
    else counts.passed++;
  }
  if (type === "test:fail" && !isSubtestsFailed(data.details.error)) {
    // A file fails under its own name when it broke outside its tests.
    if (data.name === data.file) fail({ file: data.file, name: howItEnded(data.details.error), printed: output.get(data.file) });
    else fail({ file: data.file, line: data.line, name: data.name, cause: data.details.error.cause });
  }
  if (type === "test:diagnostic" && data.file !== undefined) keepOutput(data.file, data.message);
  if (type === "test:summary" && data.file !== undefined) {
    const { tests, passed } = data.counts;
    print(`${data.success ? "ok  " : "FAIL"} ${relative(".", data.file)}  ${passed} of ${tests}, ${seconds(data.duration_ms)}`);
  }
}

const { passed, failed, skipped } = counts;
const none = passed + failed === 0;
if (none) print(`no test ran: nothing matched ${places.join(" ") || "test/**/*.test.ts"}`);
print(`${passed} passed, ${none ? 1 : failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = none || failed > 0 ? 1 : 0;

/** The test files of a folder, or the file itself whatever its name. */
function testFiles(place: string): string[] {
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat?.isFile()) return [place];
  return globSync(`${place}/**/*.{${long ? "test,long" : "test"},}.ts`);
}

/** Nothing is skipped silently. */
function skip({ file, line, name, skip: reason }: { file?: string; line?: number; name: string; skip?: string | boolean }): void {
  counts.skipped++;
  print(
    `  - ${relative(".", file ?? "?")}:${line} ${name}: skipped, ${typeof reason === "string" && reason !== "" ? reason : "no reason given"}`,
  );
}

function fail({ file = "?", line, name, cause, printed = [] }: Failure): void {
  counts.failed++;
  const place = line === undefined ? relative(".", file) : `${relative(".", file)}:${line}`;
  print(`\n  x ${place} ${name}\n${indent(cause === undefined ? printed.join("") : describeError(cause))}\n`);
}

interface Failure {
  readonly file: string | undefined;
  readonly line?: number | undefined;
  readonly name: string;
  readonly cause?: unknown;
  readonly printed?: readonly string[] | undefined;
}

/** Without a name pattern, a file that runs no test is a mistake. */
function noTestsIn(file: string | undefined): void {
  if (nodeFlags.length === 0) fail({ file, name: "holds no test" });
}

function howItEnded({ exitCode, signal }: Error & { exitCode?: number; signal?: string | null }): string {
  return `broke outside its tests (${signal ? `signal ${signal}` : `exit code ${exitCode}`})`;
}

/** The error without the test runner's own frames; an assertion's message already says what its properties repeat. */
function describeError(cause: unknown): string {
  const asserted = cause instanceof Error && "code" in cause && cause.code === "ERR_ASSERTION";
  const text = asserted ? cause.stack! : inspect(cause, { depth: 4 });
  return text.replace(/\n +at [^\n]*node:internal[^\n]*/g, "");
}

function isSubtestsFailed(error: Error & { failureType?: string }): boolean {
  return error.failureType === "subtestsFailed";
}

/** What a file printed, shown when it breaks; the last 200 pieces are enough to see why. */
function keepOutput(file: string, message: string): void {
  output.set(file, [...(output.get(file) ?? []).slice(-199), message]);
}

function indent(text: string): string {
  return text.trimEnd().replace(/^(?=.)/gm, "    ");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
