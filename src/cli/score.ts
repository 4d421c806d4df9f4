// `whetstone score --verifier ID_OR_FILE --input FILE.jsonl`: what a verifier says about answers in a file, without a policy.
// What a reward author tries a verifier with, and what other trainers may call: one verdict a line, in order, as it is given.

import type { Command } from "commander";

import type { Containment } from "../../sandbox/client.ts";
import { splitResponseText } from "../policy/chat.ts";
import { maxDeadlineMs, maxWorkers } from "../rewards/config.ts";
import { startVerifierPool } from "../rewards/pool.ts";
import { type ScoredRow, scoreRows } from "../rewards/scoreRows.ts";
import { locateVerifier } from "../rewards/verifiable/open.ts";
import { checkInput, inputOption, inputRows } from "./inputRows.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { sandboxOption, upTo } from "./options.ts";
import { print, printError, printJsonLine, shortNumber, weakContainmentWarning } from "./output.ts";
import { verdictText } from "./verdictText.ts";

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
    .description('score answers from a file; a row is {"response" or "answer", "reference" or "task"}')
    .requiredOption("--verifier <use>", "id of a built-in verifier, or the file that exports one")
    .requiredOption(...inputOption)
    .option("--deadline-ms <ms>", "longest time for one answer", upTo(maxDeadlineMs), 2000)
    .option("--workers <count>", "verifier processes", upTo(maxWorkers), 2)
    .addOption(sandboxOption())
    .option("--json", "print one JSON object a line")
    .action(score);
}

async function score({ verifier: use, input, deadlineMs, workers, sandbox, json }: Options): Promise<void> {
  checkInput(input);
  using interrupts = catchInterrupts(() => printError("stopping"));
  const file = locateVerifier(use, process.cwd());
  await using pool = await startVerifierPool({ verifiers: [{ file, deadlineMs }], numWorkers: workers, containment: sandbox });
  if (pool.containment === "weak") printError(weakContainmentWarning);
  const [verifier] = pool.verifiers.keys();
  const totals = { rows: 0, scored: 0, sum: 0 };
  try {
    const rows = inputRows(input, interrupts.stop);
    for await (const row of scoreRows(rows, { pool, verifier: verifier!, split: splitResponseText }, interrupts.stop)) {
      count(totals, row);
      if (json) printJsonLine(row);
      else print(`${row.place}: ${verdictText(row.verdict)}`);
    }
  } catch (error) {
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
  printError(totalsText(totals));
}

interface Totals {
  rows: number;
  scored: number;
  sum: number;
}

function count(totals: Totals, { verdict }: ScoredRow): void {
  totals.rows++;
  if (verdict.kind === "unscorable") return;
  totals.scored++;
  totals.sum += verdict.score;
}

function totalsText({ rows, scored, sum }: Totals): string {
  const mean = scored === 0 ? "" : `, mean score ${shortNumber(sum / scored)}`;
  return `${rows} rows: ${scored} scored, ${rows - scored} unscorable${mean}`;
}
