// Scoring: a rollout becomes verdicts and one reward, in worker processes, while other rollouts are still being sampled.
// Results come in order of completion and say whose they are; `inFixedOrder` makes everything after it independent of that order.

import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import { composeReward, type Reward, type RewardTerm, type Verdicts, verifiersOf } from "./compose.ts";
import type { VerifierPool } from "./pool.ts";

export interface Scoring {
  readonly pool: VerifierPool;
  readonly terms: readonly RewardTerm[];
  /** Words that name the run's random streams, e.g. its seed; the verifier, the task and the rollout are added. */
  readonly seedWords: readonly (string | number)[];
}

export interface RolloutScore {
  readonly verdicts: Verdicts;
  readonly reward: Reward;
}

export interface ScoredRollout extends RolloutScore {
  readonly rollout: Rollout;
}

/** The verdicts of one rollout and what they are worth. Rejects when `signal` is aborted, or the task names an unknown verifier. */
export async function scoreRollout(
  { task, rollout }: { readonly task: Task; readonly rollout: Pick<Rollout, "id" | "answerText" | "thinkingText"> },
  { pool, terms, seedWords }: Scoring,
  signal: AbortSignal,
): Promise<RolloutScore> {
  const { id, answerText: answer, thinkingText: thinking } = rollout;
  const judge = async (verifier: string): Promise<readonly [string, Verdict]> => {
    const { seed } = rngFor(...seedWords, verifier, task.id, id);
    return [verifier, await pool.verify({ verifier, task, answer, thinking, seed }, signal)];
  };
  const verdicts: Verdicts = Object.fromEntries(await Promise.all(verifiersOf(terms, task.verifier).map(judge)));
  return { verdicts, reward: composeReward(verdicts, { terms, taskVerifier: task.verifier }) };
}

/**
 * Scores each rollout as it arrives; results in order of completion. Cancelled rollouts are left out: nobody finished them.
 * Whoever stops reading stops the calls that are in flight.
 */
export function scoreRollouts(
  rollouts: AsyncIterable<Rollout>,
  { tasksById, ...scoring }: Scoring & { readonly tasksById: ReadonlyMap<string, Task> },
  signal: AbortSignal,
): ReadableStream<ScoredRollout> {
  const reader = new AbortController();
  const stop = AbortSignal.any([signal, reader.signal]);
  return new ReadableStream({
    async start(results) {
      const pending: Promise<void>[] = [];
      const score = async (rollout: Rollout): Promise<void> => {
        const scored = await scoreRollout({ task: tasksById.get(rollout.taskId)!, rollout }, scoring, stop);
        if (!reader.signal.aborted) results.enqueue({ rollout, ...scored });
      };
      for await (const rollout of rollouts) {
        stop.throwIfAborted();
        if (rollout.finish === "cancelled") continue;
        const scored = score(rollout);
        scored.catch(() => {}); // awaited below; until then a failure must not count as unhandled
        pending.push(scored);
      }
      await Promise.all(pending);
      stop.throwIfAborted(); // sampling may end quietly when it is aborted; that is not all there was
      results.close();
    },
    cancel: (reason) => reader.abort(reason),
  });
}

/** By group, then by position in the group. */
export function inFixedOrder<T extends { readonly rollout: Pick<Rollout, "group" | "index"> }>(scored: readonly T[]): T[] {
  return scored.toSorted((a, b) => a.rollout.group - b.rollout.group || a.rollout.index - b.rollout.index);
}
