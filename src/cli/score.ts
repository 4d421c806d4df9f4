// `whetstone score --verifier ID_OR_FILE --input FILE.jsonl`: what a verifier says about answers in a file, without a policy.
// What a reward author tries a verifier with, and what other trainers may call.

import { existsSync } from "node:fs";

import { type Command, Option } from "commander";

import type { Containment } from "../../sandbox/client.ts";
import { DataError } from "../base/errors.ts";
import { jsonlRows } from "../data/jsonl.ts";
import { startVerifierPool } from "../rewards/pool.ts";
import { type ScoredRow, scoreRows } from "../rewards/scoreRows.ts";
import { locateVerifier } from "../rewards/verifiable/open.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { atLeastOne } from "./options.ts";
import { print, printError, printJsonLine, shortNumber } from "./output.ts";

interface Options {
  readonly verifier: string;
  readonly input: string;
  readonly deadlineMs: number;
  readonly workers: number;
  readonly sandbox: Containment;
  readonly json?: true;
}

export function addScore(whetstone: Command): void {
  whetstone
    .command("score")
    .description('score answers from a file; a row is {"reference" or "task", "answer", "thinking"?}')
    .requiredOption("--verifier <use>", "id of a built-in verifier, or the file that exports one")
    .requiredOption("--input <file>", "JSON Lines file")
    .option("--deadline-ms <ms>", "longest time for one answer", atLeastOne, 2000)
    .option("--workers <count>", "verifier processes", atLeastOne, 2)
    .addOption(
      new Option("--sandbox <containment>", "what holds the programs that verifiers run; weak is a plain child process")
        .choices(["jail", "weak"])
        .default("jail"),
    )
    .option("--json", "print one JSON object a line")
    .action(score);
}

async function score({ verifier: use, input, deadlineMs, workers, sandbox, json }: Options): Promise<void> {
  if (!existsSync(input)) throw new DataError(`${input}: no such file; --input must be a JSON Lines file`);
  using interrupts = catchInterrupts(() => printError("stopping"));
  const file = locateVerifier(use, process.cwd());
  await using pool = await startVerifierPool({ verifiers: [{ file, deadlineMs }], numWorkers: workers, containment: sandbox });
  const [verifier] = pool.verifiers.keys();
  const scored: ScoredRow[] = [];
  try {
    for await (const row of scoreRows(jsonlRows(input), { pool, verifier: verifier! }, interrupts.stop)) {
      scored.push(row);
      if (json) printJsonLine(row);
      else print(line(row));
    }
  } catch (error) {
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
  printError(totals(scored));
}

function line({ place, verdict }: ScoredRow): string {
  if (verdict.kind === "unscorable") return `${place}: could not tell: ${verdict.failure}, ${verdict.reason}`;
  return `${place}: ${shortNumber(verdict.score)}, ${verdict.evidence}`;
}

function totals(rows: readonly ScoredRow[]): string {
  const scores = rows.flatMap(({ verdict }) => (verdict.kind === "scored" ? [verdict.score] : []));
  const mean = scores.length === 0 ? "" : `, mean score ${shortNumber(scores.reduce((sum, value) => sum + value, 0) / scores.length)}`;
  return `${rows.length} rows: ${scores.length} scored, ${rows.length - scores.length} unscorable${mean}`;
}
