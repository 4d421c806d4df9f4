// The command line: one row for each command, and what its failures become. Exit codes: 0 done, 2 the input was wrong and nothing was
// started, 1 something failed while working, 130 stopped by Ctrl-C.

import { Command, CommanderError } from "commander";

import { WhetstoneError } from "../base/errors.ts";
import { asStorageError } from "../runs/database.ts";
import { whetstoneVersion } from "../runs/fingerprint.ts";
import { memoryText } from "../train/engineClient.ts";
import { addEval } from "./eval.ts";
import { usageText } from "./options.ts";
import { OutputLost, printError, watchOutput } from "./output.ts";
import { addRescore } from "./rescore.ts";
import { addRuns } from "./runs.ts";
import { addSample } from "./sample.ts";
import { addSandbox } from "./sandbox.ts";
import { addScore } from "./score.ts";
import { addTrain } from "./train.ts";
import { addVerifier } from "./verifier.ts";

/** Runs one command and sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  watchOutput();
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

function program(): Command {
  const whetstone = new Command("whetstone")
    .description("Reinforcement-learning post-training: train, measure and sample policies, and see every step.")
    .version(whetstoneVersion(), "--version", "print the version")
    .exitOverride()
    .configureOutput({ outputError: (said, write) => write(usageText(said)) })
    .showHelpAfterError("(--help lists what there is)");
  for (const add of [addTrain, addEval, addSample, addRuns, addScore, addRescore, addVerifier, addSandbox]) add(whetstone);
  return whetstone;
}

function report(error: unknown): number {
  // Help and usage errors: commander has printed them.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof OutputLost) {
    process.stdin.destroy(); // else whoever still writes to it would be waited for
    return error.exitCode;
  }
  if (error instanceof WhetstoneError) {
    printError(error.message);
    return error.exitCode;
  }
  // A damaged store shows itself wherever its pages are read.
  const storage = asStorageError(error, "whetstone.sqlite");
  if (storage !== error) return report(storage);
  const wantsMemory = error instanceof RangeError ? memoryText(error.message) : undefined;
  if (wantsMemory !== undefined) {
    printError(wantsMemory);
    return 1;
  }
  printError(`whetstone: something failed that should not: ${error instanceof Error ? error.stack : String(error)}`);
  return 1;
}
