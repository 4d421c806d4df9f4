// What a fork may change. It goes on from a checkpoint, so that the policy and the stages that are done stay as they were in the parent,
// and no step that was taken is dropped. Data, rewards and the settings of the stage that goes on may change, from the checkpoint on; but
// where the checkpoint carries rollouts, what those were drawn, sampled and scored by must stay: a group whose members differ in it has no
// baseline, and a rollout that is half sampled cannot go on as another.

import { ConfigError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { valueAt } from "../base/parse.ts";
import { numCarriedRollouts } from "../rl/carried.ts";
import { numHeldOutOfFile } from "./chain.ts";
import { type Checkpoint, checkpointName } from "./checkpoints.ts";
import { asJson } from "./openRun.ts";
import type { Recipe } from "./recipe.ts";
import { type Stage, stages } from "./run.ts";

interface PlannedFork {
  /** Id of the run that is forked. */
  readonly parent: string;
  readonly parentRecipe: Recipe;
  readonly checkpoint: Checkpoint;
  /** All checkpoints of the run that is forked. */
  readonly others: readonly Checkpoint[];
  /** Of the new run. */
  readonly recipe: Recipe;
}

/** What decides what a rollout is and what it earns. */
const decidesRollouts = [
  "seed",
  "data",
  "rewards.verifiers",
  "rewards.terms",
  "rl.advantages.groupSize",
  "rl.sampling",
  "rl.thinking",
  "rl.tasksPerStep",
  "rl.routingReplay",
  "rl.temperature",
  "rl.maxNewTokens",
  "rl.radar.verifier",
];

/** Refuses a recipe that the new run could not follow from the checkpoint on, by the name of the key. */
export function checkFork({ parent, parentRecipe, checkpoint, others, recipe }: PlannedFork): void {
  const { stage, nextStep } = checkpoint.trainer;
  const from = `${checkpointName(checkpoint.trainer)} of ${parent}`;
  const [before, after] = [asJson(parentRecipe), asJson(recipe)];
  const mustStay = (paths: readonly string[], { why, cure }: { why: string; cure: string }): void => {
    for (const each of paths) {
      const changed = firstDifference(jsonAt(before, each), jsonAt(after, each), each);
      if (changed === undefined) continue;
      const { path, was, is } = changed;
      throw new ConfigError(
        `runs fork: ${path} must stay as it was in ${parent}, since ${why}, got ${shown(is)} instead of ${shown(was)}; leave it out, or ${cure}`,
      );
    }
  };
  const behind = ["model", ...stages.slice(0, stages.indexOf(stage as Stage))];
  mustStay(behind, { why: `${from} was made with it`, cure: "start another run with whetstone train" });
  const carried = numCarried(checkpoint);
  if (carried > 0) {
    const why = `${from} carries ${carried} rollouts made with it that are still to be learned from`;
    // One more task that is held out may be one that is carried.
    const heldOut = numHeldOutOfFile(before) === numHeldOutOfFile(after) ? [] : ["eval.finalTasks", "eval.tasks"];
    mustStay([...decidesRollouts, ...heldOut], { why, cure: withoutRollouts(others) });
  }
  const steps = recipe[stage as Stage]?.steps ?? 0;
  if (steps >= nextStep) return;
  throw new ConfigError(
    `runs fork: ${stage}.steps must be at least ${nextStep}, the steps that ${from} has taken, got ${steps}; raise it, or fork from an earlier checkpoint with --from`,
  );
}

function numCarried({ folder, trainer: { stage, carried } }: Checkpoint): number {
  return stage === "rl" && carried !== undefined ? numCarriedRollouts({ folder, carried }) : 0;
}

/** How to come by a fork that may change everything. */
function withoutRollouts(others: readonly Checkpoint[]): string {
  const free = others.filter((checkpoint) => numCarried(checkpoint) === 0).map(({ trainer }) => `${trainer.stage}:${trainer.nextStep}`);
  if (free.length === 0) return "start another run with whetstone train";
  return `fork from a checkpoint that carries none with --from ${free.join(" or ")}`;
}

/** Recipes hold nothing but JSON. */
function jsonAt(recipe: { readonly [key: string]: Json }, path: string): Json | undefined {
  return valueAt(recipe, path.split(".")) as Json | undefined;
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
