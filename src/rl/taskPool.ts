// Where a stage's tasks are drawn from, and what is learned of them: all alike, or by a curriculum. A draw is a function of (seed, step,
// round) and of the curriculum's state, which the checkpoints carry.

import { ConfigError } from "../base/errors.ts";
import { rngFor } from "../base/rng.ts";
import type { TaskStream } from "../data/stream.ts";
import type { Task } from "../data/task.ts";
import type { StepMetrics } from "../policy/backend.ts";
import { afterDraw, afterGroups, type CurriculumState, countTasks, drawTasks } from "./curriculum.ts";
import type { Group } from "./rollout.ts";
import type { CurriculumConfig } from "./samplingConfig.ts";

/** A draw of tasks within a step. Round 0 is the first. */
export interface TaskDraw {
  readonly round: number;
  readonly count: number;
  /** Ids that the step has already. */
  readonly taken: ReadonlySet<string>;
}

/** Where tasks are drawn from, and what is learned of them. */
export interface TaskPool {
  draw(step: number, asked: TaskDraw): readonly Task[];
  learnOf(groups: readonly Group[]): StepMetrics;
  curriculum(): CurriculumState;
}

/** Opens the tasks of a stage where `restored` left them. */
export function openPool(
  settings: CurriculumConfig,
  { seed, tasks, restored }: { readonly seed: number; readonly tasks: TaskStream; readonly restored: CurriculumState },
): TaskPool {
  switch (settings.kind) {
    case "none":
      return {
        draw: (step, asked) => (asked.round === 0 ? tasks.batch(step, asked.count) : tasks.further(step, asked)),
        learnOf: () => ({}),
        curriculum: () => new Map(),
      };
    case "pass-rate": {
      const all = tasksOf(tasks);
      const ids = new Set(all.map(({ id }) => id));
      let state: CurriculumState = new Map([...restored].filter(([id]) => ids.has(id)));
      return {
        draw(step, asked) {
          const drawn = drawTasks(all, { state, settings, step, ...asked, rng: rngFor("curriculum", seed, step, asked.round) });
          state = afterDraw(state, { tasks: drawn, step });
          return drawn;
        },
        learnOf(groups) {
          const { state: after, returned } = afterGroups(state, { groups, settings });
          state = after;
          const { active, retired } = countTasks(all, { state, settings });
          return { "curriculum/active": active, "curriculum/retired": retired, "curriculum/returned": returned };
        },
        curriculum: () => state,
      };
    }
    default:
      return settings satisfies never;
  }
}

function tasksOf({ all }: TaskStream): readonly Task[] {
  if (all !== undefined) return all;
  throw new ConfigError(
    "rl.sampling.curriculum: a pass rate is kept for tasks that come again, got a source that never ends; give it a finite pool of tasks",
  );
}
