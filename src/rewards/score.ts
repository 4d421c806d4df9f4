// Scoring: a rollout becomes verdicts, one from each verifier that its reward needs, and the verdicts become one reward.
// The verifiers run in worker processes at the same time; whoever samples goes on meanwhile (`src/rl/rollout.ts`).

import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import { composeReward, type Reward, type RewardTerm, type Verdicts, verifiersOf } from "./compose.ts";
import type { VerifierPool } from "./pool.ts";

/** What rollouts are scored with. */
export interface Scoring {
  readonly pool: VerifierPool;
  readonly terms: readonly RewardTerm[];
  /** Words that name the run's random streams, e.g. its seed; the verifier, the task and the rollout are added. */
  readonly seedWords: readonly (string | number)[];
}

/** What the verifiers said of a rollout, and what that is worth. */
export interface RolloutScore {
  readonly verdicts: Verdicts;
  readonly reward: Reward;
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
