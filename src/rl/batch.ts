// From rollouts with advantages to tokens ready to train on. Only tokens that the policy chose are trained: forced ones, the
// prompt and unscorable rollouts carry no credit.

import type { Rollout } from "../data/rollout.ts";
import type { ForwardSample, TrainBatch, TrainSample } from "../policy/backend.ts";

/** A rollout that is learned from. */
export interface CreditedRollout {
  readonly rollout: Rollout;
  readonly advantage: number;
  /** Of each chosen token, where a critic tells them apart; absent: `advantage` is that of all. */
  readonly tokenAdvantages?: Float64Array;
}

/**
 * One batch whose weights average over all its trained tokens (the token mean of DAPO, arXiv:2503.14476, eq. 8): a long response
 * counts by its length. Columns: `advantage`, `oldLogProb` (as sampling recorded it) and `weight` (1 / trained tokens).
 */
export function policyBatch(credited: readonly CreditedRollout[]): TrainBatch {
  const asked = credited.map(({ rollout }) => ownSample(rollout));
  const numTokens = asked.reduce((sum, { targets }) => sum + targets.length, 0);
  const samples = credited.map((credit, i) => ({ ...asked[i]!, columns: policyColumns(credit, 1 / numTokens) }));
  return { samples: samples.filter((sample) => sample.targets.length > 0) };
}

/** Tokens that enter the loss. */
export function numTrainedTokens(batch: TrainBatch): number {
  return batch.samples.reduce((sum, sample) => sum + sample.targets.length, 0);
}

/** A rollout as a sequence whose targets are the tokens that the policy chose. */
export function forwardSample(rollout: Rollout): ForwardSample {
  const numPrompt = rollout.promptTokens.length;
  const tokens = new Int32Array(numPrompt + rollout.tokens.length);
  tokens.set(rollout.promptTokens);
  tokens.set(rollout.tokens, numPrompt);
  return { tokens, targets: chosenPositions(rollout).map((position) => numPrompt + position), temperature: rollout.temperature };
}

/** The same for the policy that sampled it: where its experts were recorded they are replayed. Another policy has a router of its own. */
function ownSample(rollout: Rollout): ForwardSample {
  return { ...forwardSample(rollout), ...(rollout.experts === undefined ? {} : { experts: rollout.experts }) };
}

function policyColumns({ rollout, advantage, tokenAdvantages }: CreditedRollout, weight: number): TrainSample["columns"] {
  const chosen = chosenPositions(rollout);
  return {
    advantage: tokenAdvantages === undefined ? new Float32Array(chosen.length).fill(advantage) : Float32Array.from(tokenAdvantages),
    oldLogProb: Float32Array.from(chosen, (position) => rollout.logProbs[position]!),
    weight: new Float32Array(chosen.length).fill(weight),
  };
}

/** Positions in the response. */
function chosenPositions({ chosen }: Rollout): Int32Array {
  return Int32Array.from(chosen.keys().filter((position) => chosen[position] === 1));
}
