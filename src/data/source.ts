// From a recipe's data source to batches. Training sources are told which tasks are evaluated (`heldOut`): a family never draws
// one of them, and a file that holds one is refused.

import { DataError } from "../base/errors.ts";
import { rngFor } from "../base/rng.ts";
import type { DataSource, DemonstrationSource, TrainingSource } from "./config.ts";
import { readDemonstrations, readTasks } from "./readers.ts";
import { assertDisjoint, questionText, type Side, sideOf } from "./split.ts";
import { type DemonstrationStream, demonstrationStream, evaluationSet, type TaskStream, taskPool, taskStream } from "./stream.ts";
import type { Task } from "./task.ts";

interface TrainingOptions {
  readonly seed: number;
  /** The tasks that the run is evaluated on. */
  readonly heldOut: readonly Task[];
}

/** Tasks to train on. */
export async function openTasks(source: TrainingSource, { seed, heldOut }: TrainingOptions): Promise<TaskStream> {
  switch (source.kind) {
    case "families": {
      const mixture = { families: source.families, seed, heldOut: new Set(heldOut.map(questionText)) };
      if (source.poolTasks === undefined) return taskStream({ ...mixture, side: "train" });
      return poolStream(taskPool({ ...mixture, count: source.poolTasks }), { name: "data.training.poolTasks", seed });
    }
    case "file": {
      const tasks = onSide(await readTasks(source.path, source.columns), { source, side: "train", taskOf: (task) => task });
      assertDisjoint(tasks, heldOut);
      return poolStream(tasks, { name: source.path, seed });
    }
    default:
      return source satisfies never;
  }
}

/** Demonstrations to train on. */
export async function openDemonstrations(source: DemonstrationSource, { seed, heldOut }: TrainingOptions): Promise<DemonstrationStream> {
  switch (source.kind) {
    case "families":
      return demonstrationStream({ ...source, seed, heldOut: new Set(heldOut.map(questionText)) });
    case "file": {
      const read = await readDemonstrations(source.path, source.columns);
      const demonstrations = onSide(read, { source, side: "train", taskOf: ({ task }) => task });
      assertDisjoint(
        demonstrations.map(({ task }) => task),
        heldOut,
      );
      return epochs(demonstrations, { name: source.path, seed });
    }
    default:
      return source satisfies never;
  }
}

/** `count` distinct tasks to evaluate on: of a file, a random choice. */
export async function evaluationTasks(
  source: DataSource,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<Task[]> {
  switch (source.kind) {
    case "families":
      return evaluationSet({ families: source.families, seed, count });
    case "file": {
      const tasks = onSide(await readTasks(source.path, source.columns), { source, side: "evaluation", taskOf: (task) => task });
      if (tasks.length < count) {
        throw new DataError(
          `${source.path}: must hold the ${count} tasks asked for, got ${tasks.length} to evaluate on; lower eval.tasks and eval.finalTasks, or add rows`,
        );
      }
      return rngFor("evaluation-file", seed).shuffle(tasks).slice(0, count);
    }
    default:
      return source satisfies never;
  }
}

type FileSource = Extract<DataSource, { kind: "file" }>;

function onSide<Item>(items: Item[], { source, side, taskOf }: { source: FileSource; side: Side; taskOf: (item: Item) => Task }): Item[] {
  if (source.rows === "all") return items;
  const kept = items.filter((item) => sideOf(taskOf(item)) === side);
  if (kept.length > 0) return kept;
  throw new DataError(
    `${source.path}: rows: "split" must leave rows on the ${side} side, got none of ${items.length}; add rows, or use two files with rows: "all"`,
  );
}

/** Tasks of a finite pool, in epochs. */
function poolStream(tasks: readonly Task[], { name, seed }: { name: string; seed: number }): TaskStream {
  return {
    ...epochs(tasks, { name, seed }),
    further: (step, { round, count, taken }) =>
      rngFor("further-tasks", seed, step, round)
        .shuffle(tasks.filter(({ id }) => !taken.has(id)))
        .slice(0, count),
  };
}

/** Whole batches of a new random order in every epoch; what does not fill a batch at the end of an epoch is left for the next one. */
function epochs<Item>(
  items: readonly Item[],
  { name, seed }: { name: string; seed: number },
): { batch(step: number, count: number): Item[]; readonly all: readonly Item[] } {
  return {
    all: items,
    batch(step, count) {
      const perEpoch = Math.floor(items.length / count);
      if (perEpoch === 0) {
        throw new DataError(
          `${name}: must hold at least one batch, got ${items.length} rows for a batch of ${count}; add rows, or lower rl.tasksPerStep or sft.batch`,
        );
      }
      const order = rngFor("epoch", seed, Math.floor(step / perEpoch)).shuffle(items);
      const first = (step % perEpoch) * count;
      return order.slice(first, first + count);
    },
  };
}
