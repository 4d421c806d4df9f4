// Sampling the groups of one step and rewarding each rollout as it finishes, while others are still being sampled. Whatever the order
// of completion, the result is in the order of tasks and members.

import type { Clock } from "../base/clock.ts";
import { TrainingError } from "../base/errors.ts";
import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, SampleRequest } from "../policy/backend.ts";
import type { Verdicts } from "../rewards/compose.ts";
import type { RlConfig } from "./config.ts";

/** What a rollout earned. */
export interface RolloutReward {
  readonly verdicts: Verdicts;
  /** The number learned from; undefined where the verdicts do not allow one. */
  readonly reward: number | undefined;
  /** Of the verifiers that gave the verdicts, where an earlier attempt at the step recorded them; absent: as they are now. */
  readonly verifierVersions?: Readonly<Record<string, number>>;
}

/** A rollout, its task and what it earned. */
export interface RewardedRollout extends RolloutReward {
  readonly task: Task;
  readonly rollout: Rollout;
}

/** Gives a rollout its reward; called while others are still being sampled. */
export type RewardRollout = (asked: { readonly task: Task; readonly rollout: Rollout }, signal: AbortSignal) => Promise<RolloutReward>;

/** What the rollouts of a step are a function of, beside the policy's parameters. */
export interface SampleSettings {
  readonly seed: number;
  readonly step: number;
  readonly groupSize: number;
  readonly temperature: number;
  readonly maxNewTokens: number;
  readonly promptTokens: (task: Task) => Int32Array;
  /** Absent: off. */
  readonly routingReplay?: RlConfig["routingReplay"];
}

/** One request for each member of each task's group. Streams are keyed by position, so a task that is drawn twice gets new rollouts. */
export function sampleRequests(tasks: readonly Task[], settings: SampleSettings): SampleRequest[] {
  const { seed, step, groupSize, temperature, maxNewTokens, routingReplay } = settings;
  return tasks.flatMap((task, group) => {
    const promptTokens = settings.promptTokens(task);
    const budget = task.thinkingBudget === undefined ? {} : { thinkingBudget: task.thinkingBudget };
    return Array.from({ length: groupSize }, (_, index) => ({
      id: `${step}.${group}.${index}`,
      taskId: task.id,
      group,
      index,
      seed: rngFor(seed, "rollout", step, group, index).seed,
      promptTokens,
      temperature,
      maxNewTokens,
      ...budget,
      ...(routingReplay === "rollout" ? { recordExperts: true } : {}),
    }));
  });
}

/** The rollouts of a step, as groups in the order of the tasks and members in the order of their index. */
export interface SampledStep {
  readonly groups: readonly (readonly RewardedRollout[])[];
  readonly samplingMs: number;
  /** Spent waiting for verdicts after the last rollout was sampled. */
  readonly scoringMs: number;
}

/** Samples `requests` and rewards each rollout as it finishes. The result does not depend on the order in which they finish. */
export async function sampleAndReward(
  requests: readonly SampleRequest[],
  { tasks, policy, reward, clock }: { tasks: readonly Task[]; policy: PolicyBackend; reward: RewardRollout; clock: Clock },
  signal: AbortSignal,
): Promise<SampledStep> {
  const startMs = clock.elapsedMs();
  const pending: Promise<RewardedRollout>[] = [];
  for await (const rollout of policy.sample(requests, signal)) {
    signal.throwIfAborted(); // what comes now is cancelled: nobody finished it
    if (rollout.finish === "paused") throw unfinished(rollout);
    const task = tasks[rollout.group]!;
    const rewarded = reward({ task, rollout }, signal).then((earned) => ({ task, rollout, ...earned }));
    rewarded.catch(() => {}); // awaited below; until then a failure must not count as unhandled
    pending.push(rewarded);
  }
  signal.throwIfAborted();
  const sampledMs = clock.elapsedMs();
  const groups: RewardedRollout[][] = tasks.map(() => []);
  for (const rewarded of await Promise.all(pending)) groups[rewarded.rollout.group]![rewarded.rollout.index] = rewarded;
  return { groups, samplingMs: sampledMs - startMs, scoringMs: clock.elapsedMs() - sampledMs };
}

function unfinished({ id }: Rollout): TrainingError {
  return new TrainingError(`rl: only a response that is at its end can be scored, got paused rollout "${id}"; let it go on first`);
}
