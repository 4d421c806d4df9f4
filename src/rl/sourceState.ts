// What the source of groups carries from step to step: the curriculum's pass rates, and the groups that were sampled ahead or are half
// sampled, with what they earned. `savedSource.ts` has its form in a checkpoint.

import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { CurriculumState } from "./curriculum.ts";
import type { Group } from "./rollout.ts";
import type { StepGroups } from "./stepGroups.ts";

/** A group of partial rollouts that was not learned from yet. */
export interface GroupInFlight {
  /** The `group` of its rollouts, which no other group has that is in flight. */
  readonly place: number;
  readonly startedAt: number;
  readonly task: Task;
  /** By index. */
  readonly finished: Group;
  readonly paused: readonly Rollout[];
}

/** Everything that the next step's groups depend on, beside policy and configuration. */
export interface SourceState {
  readonly curriculum: CurriculumState;
  /** Of the steps to come, in order and without a gap. */
  readonly ahead: readonly StepGroups[];
  readonly inFlight: readonly GroupInFlight[];
  /** Last step at which each version of the policy sampled something that is still to be learned from. */
  readonly sampledAt: ReadonlyMap<string, number>;
}

/** Of a stage that has taken no step. */
export const initialSource: SourceState = { curriculum: new Map(), ahead: [], inFlight: [], sampledAt: new Map() };

/** The state with no more versions than its rollouts need. */
export function withVersions(state: SourceState): SourceState {
  const used = new Set(rolloutsOf(state).flatMap(({ policy }) => policy.map(({ version }) => version)));
  return { ...state, sampledAt: new Map([...state.sampledAt].filter(([version]) => used.has(version))) };
}

/** All rollouts that are carried, paused ones too. */
export function rolloutsOf({ ahead, inFlight }: Pick<SourceState, "ahead" | "inFlight">): Rollout[] {
  const sampled = ahead.flatMap(({ groups, others }) => [...groups, ...others].flat());
  const finished = inFlight.flatMap((group) => group.finished);
  return [...[...sampled, ...finished].map(({ rollout }) => rollout), ...inFlight.flatMap(({ paused }) => paused)];
}
