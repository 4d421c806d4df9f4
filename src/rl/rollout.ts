// Sampling rollouts and rewarding each as it finishes, while others are still being sampled. Whatever the order of completion, the
// result is in the order of tasks and members.

import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, SampleRequest } from "../policy/backend.ts";
import type { Verdicts } from "../rewards/compose.ts";
import type { RolloutScore } from "../rewards/score.ts";
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

/** The rollouts of one task, in the order of their index. */
export type Group = readonly RewardedRollout[];

/** Gives a rollout its reward; called while others are still being sampled. */
export type RewardRollout = (asked: { readonly task: Task; readonly rollout: Rollout }, signal: AbortSignal) => Promise<RolloutReward>;

/** Asks a rollout's verifiers. */
export type ScoreRollout = (asked: { readonly task: Task; readonly rollout: Rollout }, signal: AbortSignal) => Promise<RolloutScore>;

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
  /** Group of the first task. Absent: 0. */
  readonly firstGroup?: number;
}

/** The settings of a stage, which are the same in each of its steps. */
export function sampleSettings(
  { temperature, maxNewTokens, routingReplay, advantages }: RlConfig,
  { seed, promptTokens }: Pick<SampleSettings, "seed" | "promptTokens">,
): Omit<SampleSettings, "step" | "firstGroup"> {
  return { seed, promptTokens, groupSize: advantages.groupSize, temperature, maxNewTokens, routingReplay };
}

/** One request for each member of each task's group. Streams are keyed by position, so a task that is drawn twice gets new rollouts. */
export function sampleRequests(tasks: readonly Task[], settings: SampleSettings): SampleRequest[] {
  const { seed, step, groupSize, temperature, maxNewTokens, routingReplay, firstGroup = 0 } = settings;
  return tasks.flatMap((task, position) => {
    const group = firstGroup + position;
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

/** What one call of the policy gave. */
export interface Sampled {
  /** By group and member, once the last verdict is there; the policy may be asked again before. */
  readonly rewarded: Promise<readonly RewardedRollout[]>;
  /** The same, as they were sampled, and those that are paused, which nobody scores. */
  readonly rollouts: readonly Rollout[];
  /** New in this call. */
  readonly numTokens: number;
}

/** Samples `requests` and rewards each rollout as it finishes; resolves when all are sampled. `taskOf` is by group. */
export async function sampleAndReward(
  requests: readonly SampleRequest[],
  { taskOf, policy, reward }: { taskOf: ReadonlyMap<number, Task>; policy: PolicyBackend; reward: RewardRollout },
  signal: AbortSignal,
): Promise<Sampled> {
  const pending: Promise<RewardedRollout>[] = [];
  const rollouts: Rollout[] = [];
  for await (const rollout of policy.sample(requests, signal)) {
    signal.throwIfAborted(); // what comes now is cancelled: nobody finished it
    rollouts.push(rollout);
    if (rollout.finish === "paused") continue;
    const task = taskOf.get(rollout.group)!;
    const rewarded = reward({ task, rollout }, signal).then((earned) => ({ task, rollout, ...earned }));
    rewarded.catch(() => {}); // part of what is returned; until somebody waits for it a failure must not count as unhandled
    pending.push(rewarded);
  }
  signal.throwIfAborted();
  const rewarded = Promise.all(pending).then((all) => all.toSorted((a, b) => byPlace(a.rollout, b.rollout)));
  rewarded.catch(() => {});
  const numEarlier = requests.reduce((sum, { continues }) => sum + (continues?.tokens.length ?? 0), 0);
  const numTokens = rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0) - numEarlier;
  return { rewarded, rollouts: rollouts.toSorted(byPlace), numTokens };
}

interface Rewarding {
  /** What earlier attempts at the step recorded is not asked for again. */
  readonly record: { recordedReward(step: number, rollout: Rollout): RolloutReward | undefined };
  readonly score: ScoreRollout;
}

/** Rewards rollouts of `step` by what was recorded of them or, where nothing was, by what `score` says. */
export function rewarding(step: number, { record, score }: Rewarding): RewardRollout {
  return async (asked, signal) => record.recordedReward(step, asked.rollout) ?? earned(await score(asked, signal));
}

function earned({ verdicts, reward }: RolloutScore): RolloutReward {
  return { verdicts, reward: reward.kind === "scored" ? reward.reward : undefined };
}

/** Rollouts in the order of `byPlace` as groups. */
export function inGroups(rollouts: readonly RewardedRollout[]): Group[] {
  return [...Map.groupBy(rollouts, ({ rollout }) => rollout.group).values()];
}

function byPlace(a: Rollout, b: Rollout): number {
  return a.group - b.group || a.index - b.index;
}
