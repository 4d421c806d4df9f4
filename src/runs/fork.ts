// What a fork may change. It goes on from a checkpoint, so that the policy and the stages that are done stay as they were in the parent,
// and no step that was taken is dropped. Data, rewards and the settings of the stage that goes on may change: from the checkpoint on.

import { ConfigError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { type Checkpoint, checkpointName } from "./checkpoints.ts";
import { asJson } from "./openRun.ts";
import type { Recipe } from "./recipe.ts";
import { type Stage, stages } from "./run.ts";

interface PlannedFork {
  /** Id of the run that is forked. */
  readonly parent: string;
  readonly parentRecipe: Recipe;
  readonly checkpoint: Checkpoint;
  /** Of the new run. */
  readonly recipe: Recipe;
}

/** Refuses a recipe that the new run could not follow from the checkpoint on, by the name of the key. */
export function checkFork({ parent, parentRecipe, checkpoint, recipe }: PlannedFork): void {
  const { stage, nextStep } = checkpoint.trainer;
  const from = `${checkpointName(checkpoint.trainer)} of ${parent}`;
  const [before, after] = [asJson(parentRecipe), asJson(recipe)];
  for (const section of ["model", ...stages.slice(0, stages.indexOf(stage as Stage))]) {
    const changed = firstDifference(before[section], after[section], section);
    if (changed === undefined) continue;
    const { path, was, is } = changed;
    throw new ConfigError(
      `runs fork: ${path} must stay as it was in ${parent}, since ${from} was made with it, got ${shown(is)} instead of ${shown(was)}; leave it out, or start another run with whetstone train`,
    );
  }
  const steps = recipe[stage as Stage]?.steps ?? 0;
  if (steps >= nextStep) return;
  throw new ConfigError(
    `runs fork: ${stage}.steps must be at least ${nextStep}, the steps that ${from} has taken, got ${steps}; raise it, or fork from an earlier checkpoint with --from`,
  );
}

interface Difference {
  readonly path: string;
  readonly was: Json | undefined;
  readonly is: Json | undefined;
}

/** The first place where two values are not the same. */
function firstDifference(was: Json | undefined, is: Json | undefined, path: string): Difference | undefined {
  if (!isTree(was) || !isTree(is)) return was === is ? undefined : { path, was, is };
  for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const found = firstDifference(was[key], is[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Lists by the number of the entry. */
function isTree(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null;
}

function shown(value: Json | undefined): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
