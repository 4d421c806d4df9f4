// What every source of groups is made with and what it gives: the loop knows no more of a source than this. A way of sampling is an
// implementation of `Source`, chosen in `source.ts`.

import type { Clock } from "../base/clock.ts";
import type { TaskStream } from "../data/stream.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import type { RlRecord } from "./record.ts";
import type { ScoreRollout } from "./rollout.ts";
import type { SourceState } from "./sourceState.ts";
import type { StepGroups } from "./stepGroups.ts";

/** What groups are made with. */
export interface SourceDeps {
  readonly seed: number;
  readonly policy: PolicyBackend;
  readonly tasks: TaskStream;
  readonly promptTokens: (task: Task) => Int32Array;
  readonly score: ScoreRollout;
  readonly record: Pick<RlRecord, "recordedReward">;
  readonly clock: Clock;
}

/** The groups of one step with what sampling them was like. */
export type SourcedStep = Pick<StepGroups, "groups" | "others" | "mismatch"> & { readonly metrics: StepMetrics };

/** Where a stage's groups come from. Steps are asked for one after another. */
export interface Source {
  next(step: number, signal: AbortSignal): Promise<SourcedStep>;
  /** What the next step's groups depend on beside the policy; waits for verdicts that are still missing. */
  state(): Promise<SourceState>;
}
