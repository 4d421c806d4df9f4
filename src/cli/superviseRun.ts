// What `train`, `resume` and `fork` share: a run with progress on standard error, Ctrl-C, and words on how to go on.
// Its result goes to standard output, all else to standard error.

import { systemClock } from "../base/clock.ts";
import { TrainingError } from "../base/errors.ts";
import type { VerifierPool } from "../rewards/pool.ts";
import { withRuns } from "../runs/commandText.ts";
import { executeRun } from "../runs/execute.ts";
import type { Preparation } from "../runs/prepare.ts";
import type { RunReport } from "../runs/report.ts";
import type { Run } from "../runs/run.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { print, printError, printJson, weakContainmentWarning } from "./output.ts";
import { progressObserver } from "./progress.ts";

/** Takes `run` to its end and prints what came of it; sets the exit code where it was stopped. */
export async function superviseRun(
  run: Run,
  { prepared, pool, json }: { prepared: Preparation; pool: VerifierPool; json: boolean },
): Promise<void> {
  const goOn = withRuns(`whetstone runs resume ${run.id}`, run.store.folder);
  const withSettings = withRuns(`whetstone runs fork ${run.id} --set KEY=VALUE`, run.store.folder);
  const progress = progressObserver(process.stderr, systemClock);
  using interrupts = catchInterrupts(() => progress.note("finishing the step and saving; Ctrl-C again stops at once"));
  progress.note(`run ${run.id} in ${run.folder}`);
  if (pool.containment === "weak") progress.note(weakContainmentWarning);
  const deps = { prepared, pool, observer: progress, clock: systemClock, stop: interrupts.stop };
  try {
    const outcome = await executeRun(run, deps, interrupts.signal);
    progress.done();
    if (outcome.kind === "stopped") {
      printError(`stopped and saved; go on with: ${goOn}`);
      process.exitCode = interruptedExitCode;
    } else printResult({ run: run.id, folder: run.folder, hash: run.hash, report: outcome.report }, { json });
  } catch (error) {
    progress.done();
    if (!interrupts.signal.aborted) {
      printError(`the run failed and is kept as it was recorded; once the cause is gone, go on with: ${goOn}`);
      if (error instanceof TrainingError) printError(`with other settings, go on with: ${withSettings}`);
      throw error;
    }
    printError(`go on from the last checkpoint with: ${goOn}`);
    process.exitCode = interruptedExitCode;
  }
}

/** What a finished run has to say. */
export interface RunResult {
  readonly run: string;
  readonly folder: string;
  readonly hash: string;
  readonly report: RunReport;
}

/** The result on standard output: for a program, or for a person. */
export function printResult(result: RunResult, { json }: { json: boolean }): void {
  if (json) printJson(result);
  else print(`run ${result.run} finished, hash ${result.hash}\n${JSON.stringify(result.report, null, 2)}`);
}
