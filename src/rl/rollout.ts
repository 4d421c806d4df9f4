// Sampling the groups of one step and scoring each rollout as it finishes, while others are still being sampled.

import type { Clock } from "../base/clock.ts";
import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { PolicyBackend, SampleRequest } from "../policy/backend.ts";

/** What scoring said about one rollout. */
export interface RolloutScore {
  /** By verifier id. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** The number learned from; undefined when the verdicts do not allow one. */
  readonly reward: number | undefined;
}

export interface ScoredRollout extends RolloutScore {
  readonly task: Task;
  readonly rollout: Rollout;
}

export type ScoreRollout = (
  scored: { readonly task: Task; readonly rollout: Rollout },
  signal: AbortSignal,
) => RolloutScore | Promise<RolloutScore>;

/** What the rollouts of a step are a function of, beside the policy's parameters. */
export interface SampleSettings {
  readonly seed: number;
  readonly step: number;
  readonly groupSize: number;
  readonly temperature: number;
  readonly maxNewTokens: number;
  readonly promptTokens: (task: Task) => Int32Array;
}

/** One request for each member of each task's group. Streams are keyed by position, so a task that is drawn twice gets new rollouts. */
export function sampleRequests(tasks: readonly Task[], settings: SampleSettings): SampleRequest[] {
  const { seed, step, groupSize, temperature, maxNewTokens } = settings;
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
    }));
  });
}

/** The rollouts of a step, as groups in the order of the tasks and members in the order of their index. */
export interface SampledStep {
  readonly groups: readonly (readonly ScoredRollout[])[];
  readonly samplingMs: number;
  /** Spent waiting for verdicts after the last rollout was sampled. */
  readonly scoringMs: number;
}

/** Samples `requests` and scores each rollout as it finishes. The result does not depend on the order in which they finish. */
export async function sampleAndScore(
  requests: readonly SampleRequest[],
  { tasks, policy, score, clock }: { tasks: readonly Task[]; policy: PolicyBackend; score: ScoreRollout; clock: Clock },
  signal: AbortSignal,
): Promise<SampledStep> {
  const startMs = clock.elapsedMs();
  const pending: Promise<ScoredRollout>[] = [];
  for await (const rollout of policy.sample(requests, signal)) {
    const task = tasks[rollout.group]!;
    const scored = Promise.resolve(score({ task, rollout }, signal)).then((result) => ({ task, rollout, ...result }));
    scored.catch(() => {}); // awaited below; until then a failure must not count as unhandled
    pending.push(scored);
  }
  const sampledMs = clock.elapsedMs();
  const groups: ScoredRollout[][] = tasks.map(() => []);
  for (const scored of await Promise.all(pending)) groups[scored.rollout.group]![scored.rollout.index] = scored;
  return { groups, samplingMs: sampledMs - startMs, scoringMs: clock.elapsedMs() - sampledMs };
}
