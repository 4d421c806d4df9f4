// A run as one value to look at: how far each stage is, its latest numbers, its measurements, events and checkpoints. For the
// command line and the dashboard; reads only what runs recorded.

import { basename, join } from "node:path";

import { type Checkpoint, surveyCheckpoints } from "./checkpoints.ts";
import { isLocked } from "./lock.ts";
import type { EvaluationRow, EventRow, RunRow, RunState } from "./rows.ts";
import { stages } from "./run.ts";
import type { RunStore } from "./store.ts";

/** How far a stage is. */
export interface StageSummary {
  readonly stage: string;
  /** Steps taken; of a fork, with those that its checkpoint had taken. */
  readonly done: number;
  /** Steps that the recipe asks for. */
  readonly steps: number;
  /** Of the newest step. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A run as it is shown. */
export interface RunSummary extends Omit<RunRow, "state"> {
  /** "interrupted": it was running when its process ended. */
  readonly state: RunState | "interrupted";
  readonly stages: readonly StageSummary[];
  /** Head of the hash chain. */
  readonly hash: string;
  readonly evaluations: readonly EvaluationRow[];
  readonly events: readonly EventRow[];
  readonly checkpoints: readonly { readonly name: string; readonly folder: string; readonly accuracy?: number }[];
  /** What is wrong with checkpoints that are not listed, and what to do; one message each. */
  readonly damaged: readonly string[];
}

/** Puts together what is known of a run; reads the disk, changes nothing. */
export function summariseRun(store: RunStore, id: string): RunSummary {
  const run = store.run(id);
  const folder = join(store.folder, id);
  const { checkpoints, damaged } = surveyCheckpoints(folder, stages);
  return {
    ...run,
    state: run.state === "running" && !isLocked(folder) ? "interrupted" : run.state,
    stages: stages.flatMap((stage) => stageSummary(store, { run, stage })),
    hash: store.lastStep(id)?.hash ?? run.startHash,
    evaluations: store.evaluations(id),
    events: store.events(id),
    checkpoints: checkpoints.map(checkpointSummary),
    damaged: damaged.map(({ message }) => message),
  };
}

/** A stage that the recipe leaves out has no summary. */
function stageSummary(store: RunStore, { run, stage }: { run: RunRow; stage: string }): StageSummary[] {
  const config = run.recipe[stage] as { readonly steps: number } | undefined;
  if (config === undefined) return [];
  const last = store.lastStep(run.id, stage);
  const done = last === undefined ? stepsOfParent(run, { stage, steps: config.steps }) : last.step + 1;
  return [{ stage, done, steps: config.steps, metrics: last?.metrics ?? {} }];
}

/** Steps that the policy of a fork had taken before the fork took its own: all of the stages before the one that it was forked in. */
function stepsOfParent({ parent }: RunRow, { stage, steps }: { stage: string; steps: number }): number {
  if (parent === undefined) return 0;
  const order: readonly string[] = stages;
  if (stage === parent.stage) return parent.step;
  return order.indexOf(stage) < order.indexOf(parent.stage) ? steps : 0;
}

function checkpointSummary({ folder, trainer }: Checkpoint): RunSummary["checkpoints"][number] {
  return { name: basename(folder), folder, ...(trainer.accuracy === undefined ? {} : { accuracy: trainer.accuracy }) };
}
