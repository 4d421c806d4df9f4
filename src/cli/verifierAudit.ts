// `whetstone verifier audit A B --input FILE.jsonl`: two verifiers on the same answers, and where they differ. A second opinion on a
// verifier, or its next version against the present one: each runs in processes of its own, so that both may have the same id.

import type { Command } from "commander";

import type { Containment } from "../../sandbox/client.ts";
import { splitResponseText } from "../policy/chat.ts";
import { type Audit, type AuditedRow, audit, outcomes } from "../rewards/audit.ts";
import { maxDeadlineMs, maxWorkers } from "../rewards/config.ts";
import { startVerifierPool } from "../rewards/pool.ts";
import { answerRows } from "../rewards/scoreRows.ts";
import { locateVerifier } from "../rewards/verifiable/open.ts";
import { checkInput, inputOption, inputRows } from "./inputRows.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { sandboxOption, upTo, wholeNumber } from "./options.ts";
import { print, printError, printJson, table, weakContainmentWarning } from "./output.ts";
import { verdictText } from "./verdictText.ts";

interface Options {
  readonly input: string;
  readonly limit: number;
  readonly deadlineMs: number;
  readonly workers: number;
  readonly sandbox: Containment;
  readonly json?: true;
}

export function addAudit(verifier: Command): void {
  verifier
    .command("audit")
    .description("run two verifiers over the same answers and show where they differ")
    .argument("<a>", "id of a built-in verifier, or the file that exports one")
    .argument("<b>", "the verifier to compare it with")
    .requiredOption(...inputOption)
    .option("--limit <count>", "show at most so many answers", wholeNumber, 20)
    .option("--deadline-ms <ms>", "longest time for one answer", upTo(maxDeadlineMs), 2000)
    .option("--workers <count>", "processes for each of the two", upTo(maxWorkers), 1)
    .addOption(sandboxOption())
    .option("--json", "print JSON")
    .action(auditVerifiers);
}

async function auditVerifiers(useA: string, useB: string, options: Options): Promise<void> {
  const { input, limit, deadlineMs, workers, sandbox, json } = options;
  checkInput(input);
  using interrupts = catchInterrupts(() => printError("stopping"));
  const open = (use: string) =>
    startVerifierPool({ verifiers: [{ file: locateVerifier(use, process.cwd()), deadlineMs }], numWorkers: workers, containment: sandbox });
  if (sandbox === "weak") printError(weakContainmentWarning);
  await using poolA = await open(useA);
  await using poolB = await open(useB);
  try {
    const rows = answerRows(inputRows(input, interrupts.stop), splitResponseText);
    const found = await audit(rows, { a: poolA, b: poolB, limit }, interrupts.stop);
    if (json) printJson(found);
    else print(auditText(found));
  } catch (error) {
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
}

function auditText({ a, b, rows, differ, table: counts, differing }: Audit): string {
  const name = ({ id, version }: Audit["a"]) => `${id} (version ${version})`;
  const more = differ > differing.length ? [`the first ${differing.length} of ${differ}; --limit shows more`] : [];
  return [
    `A is ${name(a)}, ${a.file}`,
    `B is ${name(b)}, ${b.file}`,
    "",
    table([
      ["", ...outcomes.map((outcome) => `B ${outcome}`)],
      ...outcomes.map((of) => [`A ${of}`, ...outcomes.map((to) => String(counts[of][to]))]),
    ]),
    "",
    `${rows} rows, ${differ} differ`,
    ...differing.flatMap(rowText),
    ...more,
  ].join("\n");
}

function rowText({ place, id, answer, a, b }: AuditedRow): string[] {
  const name = id === undefined ? place : `${place} (${id})`;
  return ["", `${name}: ${answer}`, `  A ${verdictText(a)}`, `  B ${verdictText(b)}`];
}
