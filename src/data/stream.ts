// Endless batches of tasks and demonstrations drawn from families. A batch is a pure function of (seed, step): resuming a run needs
// no cursor, and nothing depends on which batches were drawn before.

import { DataError } from "../base/errors.ts";
import { rngFor } from "../base/rng.ts";
import { type BudgetMix, drawBudget } from "./budgets.ts";
import { drawDemonstration, type MixtureEntry } from "./families.ts";
import { questionText, type Side, sideOf } from "./split.ts";
import type { Demonstration, Task } from "./task.ts";

/** Tasks to practise, step by step. */
export interface TaskStream {
  /** Distinct tasks; a smaller batch of the same step is a prefix of a larger one where the source is endless. */
  batch(step: number, count: number): Task[];
  /** Tasks beside those that the step has, `taken` by id; fewer where there are no more in any family. */
  further(step: number, more: FurtherTasks): Task[];
  /** All there are, where the source is a file or a pool; families by themselves never end. */
  readonly all?: readonly Task[];
}

/** What is asked for beyond a step's batch. `round` names the random streams: the same step may ask more than once. */
export interface FurtherTasks {
  readonly round: number;
  readonly count: number;
  readonly taken: ReadonlySet<string>;
}

/** Demonstrations to learn from, step by step. */
export interface DemonstrationStream {
  /** May hold one task more than once: the same question may be worked in several ways. */
  batch(step: number, count: number): Demonstration[];
}

interface Mixture {
  readonly families: readonly MixtureEntry[];
  readonly seed: number;
  /** Question texts that are never drawn, whatever their side: an evaluation set that does not come from the split. */
  readonly heldOut?: ReadonlySet<string>;
}

const nothing: ReadonlySet<string> = new Set();

/** Tasks of one side of the split. */
export function taskStream({ families, seed, side, heldOut = nothing }: Mixture & { readonly side: Side }): TaskStream {
  return {
    batch: (step, count) => drawDistinct({ families, side, heldOut, count, purpose: ["tasks", seed, side, step] }),
    further: (step, { round, count, taken }) =>
      drawUpTo({ families, side, heldOut, count, taken, purpose: ["further-tasks", seed, side, step, round] }),
  };
}

/** `count` distinct training tasks, drawn once. */
export function taskPool({ families, seed, heldOut = nothing, count }: Mixture & { readonly count: number }): Task[] {
  return drawDistinct({ families, side: "train", heldOut, count, purpose: ["task-pool", seed] });
}

/**
 * Demonstrations of training tasks; no seed, step or setting makes one of an evaluation task. `budgets` asks some of them for a thinking
 * budget, and changes nothing else of what is drawn.
 */
export function demonstrationStream({
  families,
  seed,
  heldOut = nothing,
  budgets,
}: Mixture & { readonly budgets?: BudgetMix }): DemonstrationStream {
  const draw = (step: number, index: number): Demonstration => {
    const drawn = drawNew({ families, side: "train", heldOut, purpose: ["demonstrations", seed, step, index] }, nothing);
    if (budgets === undefined) return drawn;
    const thinkingBudget = drawBudget(rngFor("demonstration-budget", seed, step, index), budgets);
    return thinkingBudget === undefined ? drawn : { ...drawn, task: { ...drawn.task, thinkingBudget } };
  };
  return { batch: (step, count) => Array.from({ length: count }, (_, index) => draw(step, index)) };
}

/** `count` distinct tasks of the evaluation side. */
export function evaluationSet({ families, seed, heldOut = nothing, count }: Mixture & { readonly count: number }): Task[] {
  return drawDistinct({ families, side: "evaluation", heldOut, count, purpose: ["evaluation-set", seed] });
}

interface Draw {
  readonly families: readonly MixtureEntry[];
  readonly side: Side;
  readonly heldOut: ReadonlySet<string>;
  /** Names the random streams of the draw. */
  readonly purpose: readonly (string | number)[];
}

function drawDistinct({ count, ...draw }: Draw & { readonly count: number }): Task[] {
  const tasks = new Map<string, Task>();
  while (tasks.size < count) {
    const { task } = drawNew({ ...draw, purpose: [...draw.purpose, tasks.size] }, tasks);
    tasks.set(task.id, task);
  }
  return [...tasks.values()];
}

/** As many distinct tasks as there are, `count` at most, none of them in `taken`. A family that has no more leaves its place to the others. */
function drawUpTo({
  families,
  count,
  taken,
  purpose,
  ...draw
}: Draw & { readonly count: number; readonly taken: ReadonlySet<string> }): Task[] {
  const tasks = new Map<string, Task>();
  const isKnown = { has: (id: string) => taken.has(id) || tasks.has(id) };
  let left = families;
  while (tasks.size < count && left.length > 0) {
    // A new stream once a family is gone: the number that chose it would not choose the others by their weights.
    const missing = left === families ? [] : [left.length];
    const drawn = findNew({ ...draw, families: left, purpose: [...purpose, tasks.size, ...missing] }, isKnown);
    if (drawn.kind === "found") tasks.set(drawn.demonstration.task.id, drawn.demonstration.task);
    else left = left.filter((entry) => entry !== drawn.entry);
  }
  return [...tasks.values()];
}

/** At most so many draws without a new task: a space of 1000 equally likely tasks is then drawn whole but once in e^20 times. */
const maxDraws = 20_000;

type Found = { readonly kind: "found"; readonly demonstration: Demonstration } | { readonly kind: "none"; readonly entry: MixtureEntry };

/** A task of the right side whose id is not in `taken`. The family is drawn once, so that a small family keeps its weight or is reported. */
function findNew({ families, side, heldOut, purpose }: Draw, taken: { has(id: string): boolean }): Found {
  const entry = weightedPick(families, rngFor("family", ...purpose).uniform());
  for (let attempt = 0; attempt < maxDraws; attempt++) {
    const demonstration = drawDemonstration(rngFor("task", ...purpose, attempt), entry);
    const { task } = demonstration;
    if (!taken.has(task.id) && sideOf(task) === side && !heldOut.has(questionText(task))) return { kind: "found", demonstration };
  }
  return { kind: "none", entry };
}

/** As `findNew`, where there must be one. */
function drawNew(draw: Draw, taken: { has(id: string): boolean }): Demonstration {
  const found = findNew(draw, taken);
  if (found.kind === "found") return found.demonstration;
  const { family, settings } = found.entry;
  throw new DataError(
    `family "${family}": needs more distinct tasks on the ${draw.side} side of the split, got no new one in ${maxDraws} draws with settings ` +
      `${JSON.stringify(settings)}; widen its settings, lower its weight or ask for fewer tasks`,
  );
}

function weightedPick(families: readonly MixtureEntry[], uniform: number): MixtureEntry {
  let left = uniform * families.reduce((sum, { weight }) => sum + weight, 0);
  for (const entry of families) {
    left -= entry.weight;
    if (left < 0) return entry;
  }
  return families.at(-1)!; // rounding, when the draw is next to 1
}
