// `whetstone runs resume RUN`: goes on from the newest checkpoint, to the same hashes as if nothing had happened.
// The recipe is the one that was recorded, not the file as it is today.

import { dirname, join } from "node:path";

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { withRuns } from "../runs/commandText.ts";
import { fingerprintHere } from "../runs/fingerprint.ts";
import { asJson, resumeRun } from "../runs/openRun.ts";
import { openRewards, prepare } from "../runs/prepare.ts";
import { parseRecipe } from "../runs/recipeFile.ts";
import { readReport } from "../runs/report.ts";
import { openStore } from "../runs/store.ts";
import { summariseRun } from "../runs/summary.ts";
import { runsFolder } from "./options.ts";
import { printError } from "./output.ts";
import { printResult, superviseRun } from "./superviseRun.ts";

interface Options {
  readonly runs: string;
  readonly newChain?: true;
  readonly json?: true;
}

export function addResume(runs: Command): void {
  runs
    .command("resume")
    .description("go on with a run that was stopped or killed")
    .argument("<run>", "id of the run")
    .option(...runsFolder)
    .option(
      "--new-chain",
      "go on where code, Node, ONNX Runtime, CPU or a file differ, such as a repaired verifier: a new hash chain from the last checkpoint",
    )
    .option("--json", "print the result as JSON")
    .action(resume);
}

async function resume(id: string, { runs, newChain, json }: Options): Promise<void> {
  using store = openStore(runs, systemClock);
  const row = store.run(id);
  const report = row.state === "finished" ? readReport(join(runs, id)) : undefined;
  if (report !== undefined) {
    const { hash, stages } = summariseRun(store, id);
    const { stage, steps } = stages.at(-1)!;
    const fork = withRuns(`whetstone runs fork ${id} --set ${stage}.steps=${2 * steps}`, runs);
    printError(`run ${id} is finished, so there is nothing to resume; to train on, fork it with more steps: ${fork}`);
    return printResult({ run: id, folder: join(runs, id), hash, report }, { json: json === true });
  }
  const recipe = parseRecipe(row.recipe, { file: `recipe of run ${id}` });
  const folder = dirname(row.recipeFile);
  const prepared = await prepare(recipe, folder);
  await using pool = await openRewards(recipe, { folder, prepared });
  const fingerprint = fingerprintHere(asJson(recipe), prepared.inputs);
  const asked = { id, recipe, allowNewChain: newChain === true };
  using run = resumeRun(asked, { store, clock: systemClock, fingerprint });
  await superviseRun(run, { prepared, pool, json: json === true });
}
