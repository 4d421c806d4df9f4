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
import { type Recipe, withoutDerived } from "../runs/recipe.ts";
import { parseRecipe } from "../runs/recipeFile.ts";
import { hasReference, stages } from "../runs/run.ts";
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
  const checkpoint = findCheckpoint(id, { folder: join(runs, id), from });
  const file = `recipe of run ${id}`;
  const parentRecipe = parseRecipe(row.recipe, { file });
  const recipe = parseRecipe(withoutDerived(parentRecipe), { file, overrides: set });
  checkFork({ parent: id, parentRecipe, checkpoint, recipe });
  const folder = dirname(row.recipeFile);
  const prepared = await prepare(recipe, folder);
  await using pool = await openRewards(recipe, { folder, prepared });
  const place = { store, clock: systemClock, fingerprint: fingerprintHere(asJson(recipe), prepared.inputs) };
  using run = await forkRun(
    { parent: id, checkpoint, ...referenceOf(parentRecipe, { folder: join(runs, id), checkpoint }), recipe, recipeFile: row.recipeFile },
    place,
  );
  if (start) return await superviseRun(run, { prepared, pool, json: json === true });
  if (json) printJson({ run: run.id, folder: run.folder, hash: run.hash });
  else {
    const goOn = withRuns(`whetstone runs resume ${run.id}`, runs);
    print(`run ${run.id} forked from ${checkpointName(checkpoint.trainer)} of ${id}; start it with: ${goOn}`);
  }
}

/** The checkpoint that the parent's policy is held near, for the child to be held near it too. */
function referenceOf(parent: Recipe, { folder, checkpoint }: { folder: string; checkpoint: Checkpoint }): { first?: Checkpoint } {
  if (!hasReference(parent) || checkpoint.trainer.stage !== "rl") return {};
  const first = listCheckpoints(folder, stages).find(({ trainer }) => trainer.stage === "rl")!;
  return first.trainer.nextStep === checkpoint.trainer.nextStep ? {} : { first };
}

function findCheckpoint(id: string, { folder, from }: { folder: string; from: Options["from"] }): Checkpoint {
  const all = listCheckpoints(folder, stages);
  const found = all.findLast(
    ({ trainer }) =>
      (from?.stage === undefined || trainer.stage === from.stage) && (from?.step === undefined || trainer.nextStep === from.step),
  );
  if (found !== undefined) return found;
  const names = all.map(({ trainer }) => `${trainer.stage}:${trainer.nextStep}`).join(", ") || "none";
  const wanted = from === undefined ? "any" : [from.stage, from.step].filter((part) => part !== undefined).join(":");
  throw new RunError(`run ${id}: a fork starts from a checkpoint, got ${wanted}; there are: ${names}`);
}
