// What a policy-gradient stage keeps with its run beyond any stage's record: the rollouts with their verdicts, which a step that is
// taken again reuses, since a deadline that was missed under load would not be missed again.

import { digestBytes, digestJson } from "../base/digest.ts";
import type { Rollout } from "../data/rollout.ts";
import type { StageRecord, StepRecord } from "../train/stage.ts";
import type { RewardedRollout, RolloutReward } from "./rollout.ts";

/** A rollout with its reward and what was made of it; `advantage` is absent where it was not trained on. */
export interface RecordedRollout extends RewardedRollout {
  readonly advantage?: number;
  /** Of each chosen token, where a critic tells them apart; `advantage` is their mean. Not stored. */
  readonly tokenAdvantages?: Float64Array;
}

/** What the stage says about a step. */
export interface RlStepRecord extends StepRecord {
  /** Ordered by group and member. */
  readonly rollouts: readonly RecordedRollout[];
}

/** The stage's record with its run. */
export interface RlRecord extends StageRecord<RlStepRecord> {
  /** Keeps what was sampled and said in a step that did not come to its end; it is no part of the hash chain. */
  recordAttempt(attempt: { readonly step: number; readonly rollouts: readonly RecordedRollout[] }): Promise<void>;
  /**
   * The verdicts and the reward that an earlier attempt at this step recorded for a rollout of the same id and the same tokens. Undefined
   * where there was none, and where a verdict was not given in an attempt that is no part of the run: then it is scored again.
   */
  recordedReward(step: number, rollout: Rollout): RolloutReward | undefined;
  /** Whether a recorded step between the checkpoint that `goBack` leads to and `step` updated the policy. */
  hasLearned(step: number): boolean;
  /** A command that looks at the run, for messages: "rollouts", "--unscorable". */
  command(verb: string, options: string): string;
}

/** Links of the hash chain that come from sampling and scoring: every token with its log-probability and experts, and every verdict. */
export function rolloutDigests(rollouts: readonly RewardedRollout[]): { readonly rollouts: string; readonly rewards: string } {
  const arrays = rollouts.flatMap(({ rollout: { promptTokens, tokens, chosen, logProbs, experts } }) => {
    return [promptTokens, tokens, chosen, logProbs, ...(experts === undefined ? [] : [experts])];
  });
  // The lengths are part of the digest, or tokens could move from one rollout to the next unseen.
  const lengths = Int32Array.from(arrays, (array) => array.length);
  return {
    rollouts: digestBytes(lengths, ...arrays),
    rewards: digestJson(rollouts.map(({ rollout, verdicts, reward }) => ({ id: rollout.id, verdicts, reward: reward ?? null }))),
  };
}
