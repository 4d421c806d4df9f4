// `whetstone verifier test FILE`: the author's own cases and the laws of every verifier, in the processes that it will work in.
// Exit code 1 when a law is broken, 2 when the file or its cases cannot be used.

import type { Command } from "commander";

import type { Containment } from "../../sandbox/client.ts";
import { maxDeadlineMs, maxWorkers } from "../rewards/config.ts";
import { type Examination, examineVerifier } from "../rewards/examine.ts";
import { quoteExcerpt } from "../rewards/excerpt.ts";
import type { Breach, LawResult } from "../rewards/laws.ts";
import { locateVerifier } from "../rewards/verifiable/open.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { sandboxOption, upTo } from "./options.ts";
import { print, printError, printJson, weakContainmentWarning } from "./output.ts";
import { verdictText } from "./verdictText.ts";

interface Options {
  readonly deadlineMs: number;
  readonly workers: number;
  readonly sandbox: Containment;
  readonly json?: true;
}

export function addTest(verifier: Command): void {
  verifier
    .command("test")
    .description("try a verifier's cases and the laws that every verifier must obey")
    .argument("<file>", "the file that exports the verifier, with its cases")
    .option("--deadline-ms <ms>", "longest time for one answer", upTo(maxDeadlineMs), 2000)
    .option("--workers <count>", "verifier processes", upTo(maxWorkers), 2)
    .addOption(sandboxOption())
    .option("--json", "print JSON, with every breach")
    .action(testVerifier);
}

async function testVerifier(use: string, { deadlineMs, workers, sandbox, json }: Options): Promise<void> {
  using interrupts = catchInterrupts(() => printError("stopping"));
  const file = locateVerifier(use, process.cwd());
  if (sandbox === "weak") printError(weakContainmentWarning);
  try {
    const examination = await examineVerifier(file, { deadlineMs, numWorkers: workers, containment: sandbox }, interrupts.stop);
    if (json) printJson(examination);
    else print(examinationText(examination));
    if (!examination.holds) process.exitCode = 1;
  } catch (error) {
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
}

/** Of each law at most so many breaches are shown; --json has all. */
const maxShown = 3;

function examinationText({ verifier: { id, version, checks }, numCases, laws, holds }: Examination): string {
  const broken = laws.filter(({ breaches }) => breaches.length > 0).length;
  return [
    `verifier ${id}, version ${version}, checks ${checks}, ${numCases} cases`,
    ...laws.flatMap(lawText),
    holds ? "all laws hold" : `${broken} of ${laws.length} laws are broken`,
  ].join("\n");
}

function lawText({ law, excuse, checked, breaches }: LawResult): string[] {
  if (excuse !== undefined) return [`  -       ${law}: not tried, ${excuse}`];
  if (breaches.length === 0) return [`  holds   ${law} (${checked})`];
  const more = breaches.length > maxShown ? [`          and ${breaches.length - maxShown} more; --json shows all`] : [];
  return [`  BROKEN  ${law} (${breaches.length} of ${checked})`, ...breaches.slice(0, maxShown).map(breachText), ...more];
}

function breachText({ question: { reference, answer, thinking }, expected, got }: Breach): string {
  const thought = thinking === "" ? "" : `, thinking ${quoteExcerpt(thinking)}`;
  const lines = [
    `answer ${quoteExcerpt(answer)}${thought}, reference ${excerptOf(JSON.stringify(reference))}`,
    `  expected ${expected}`,
    `  got      ${verdictText(got)}`,
  ];
  return lines.map((line) => `          ${line.replaceAll("\n", "\n            ")}`).join("\n");
}

function excerptOf(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}... (${text.length} characters)`;
}
