// The command line: one row for each command, and what its failures become. Exit codes: 0 done, 2 the input was wrong and nothing was
// started, 1 something failed while working, 130 stopped by Ctrl-C.

import { Command, CommanderError } from "commander";

import { WhetstoneError } from "../base/errors.ts";
import { whetstoneVersion } from "../runs/fingerprint.ts";
import { addEval } from "./eval.ts";
import { printError } from "./output.ts";
import { addRescore } from "./rescore.ts";
import { addRuns } from "./runs.ts";
import { addSample } from "./sample.ts";
import { addScore } from "./score.ts";
import { addTrain } from "./train.ts";
import { addVerifier } from "./verifier.ts";

/** Runs one command and sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that has seen enough, such as head, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
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
    .showHelpAfterError("(--help lists what there is)");
  for (const add of [addTrain, addEval, addSample, addRuns, addScore, addRescore, addVerifier]) add(whetstone);
  return whetstone;
}

function report(error: unknown): number {
  // Help and usage errors: commander has printed them.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof WhetstoneError) {
    printError(error.message);
    return error.exitCode;
  }
  printError(`whetstone: something failed that should not: ${error instanceof Error ? error.stack : String(error)}`);
  return 1;
}
