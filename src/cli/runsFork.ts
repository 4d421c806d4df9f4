// `whetstone runs fork RUN`: a new run from another one's checkpoint, with the same recipe or with changes to it.
// The parent stays as it is; the child records whose it is.

import { dirname, join } from "node:path";

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { RunError } from "../base/errors.ts";
import { type Checkpoint, checkpointName, listCheckpoints } from "../runs/checkpoints.ts";
import { withRuns } from "../runs/commandText.ts";
import { fingerprintHere } from "../runs/fingerprint.ts";
import { checkFork } from "../runs/fork.ts";
import { asJson, forkRun } from "../runs/openRun.ts";
import { openRewards, prepare } from "../runs/prepare.ts";
import { withoutDerived } from "../runs/recipe.ts";
import { parseRecipe } from "../runs/recipeFile.ts";
import { stages } from "../runs/run.ts";
import { openStore } from "../runs/store.ts";
import { collect, runsFolder, stepReference } from "./options.ts";
import { print, printJson } from "./output.ts";
import { superviseRun } from "./superviseRun.ts";

interface Options {
  readonly runs: string;
  readonly from?: { readonly stage?: string; readonly step?: number };
  readonly set: readonly string[];
  readonly start: boolean;
  readonly json?: true;
}

export function addFork(runs: Command): void {
  runs
    .command("fork")
    .description("start a new run from a checkpoint of another")
    .argument("<run>", "id of the run to fork")
    .option(...runsFolder)
    .option("--from <step>", "steps done, such as 40 or rl:40; there must be a checkpoint (default: the newest)", stepReference)
    .option("--set <key=value>", "set one key of the recipe; may be given several times", collect, [])
    .option("--no-start", "only make the run; runs resume starts it")
    .option("--json", "print the result as JSON")
    .action(fork);
}

async function fork(id: string, { runs, from, set, start, json }: Options): Promise<void> {
  using store = openStore(runs, systemClock);
  const row = store.run(id);
  const file = `recipe of run ${id}`;
  const parentRecipe = parseRecipe(row.recipe, { file });
  const recipe = parseRecipe(withoutDerived(parentRecipe), { file, overrides: set });
  const choose = (): Checkpoint => {
    const others = listCheckpoints(join(runs, id), stages);
    const checkpoint = findCheckpoint(id, { others, from });
    checkFork({ parent: id, parentRecipe, checkpoint, others, recipe });
    return checkpoint;
  };
  choose(); // what cannot be forked is said before verifiers are opened
  const folder = dirname(row.recipeFile);
  const prepared = await prepare(recipe, folder);
  await using pool = await openRewards(recipe, { folder, prepared });
  const place = { store, clock: systemClock, fingerprint: fingerprintHere(asJson(recipe), prepared.inputs) };
  using run = await forkRun({ parent: id, choose, recipe, recipeFile: row.recipeFile }, place);
  if (start) return await superviseRun(run, { prepared, pool, json: json === true });
  if (json) printJson({ run: run.id, folder: run.folder, hash: run.hash });
  else {
    const goOn = withRuns(`whetstone runs resume ${run.id}`, runs);
    print(`run ${run.id} forked from ${checkpointName(run.latest!.trainer)} of ${id}; start it with: ${goOn}`);
  }
}

function findCheckpoint(id: string, { others, from }: { others: readonly Checkpoint[]; from: Options["from"] }): Checkpoint {
  const found = others.findLast(
    ({ trainer }) =>
      (from?.stage === undefined || trainer.stage === from.stage) && (from?.step === undefined || trainer.nextStep === from.step),
  );
  if (found !== undefined) return found;
  const names = others.map(({ trainer }) => `${trainer.stage}:${trainer.nextStep}`).join(", ") || "none";
  const wanted = from === undefined ? "any" : [from.stage, from.step].filter((part) => part !== undefined).join(":");
  throw new RunError(`run ${id}: a fork starts from a checkpoint, got ${wanted}; there are: ${names}`);
}
