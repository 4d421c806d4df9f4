// From rollouts with advantages to tokens ready to train on. Only tokens that the policy chose are trained: forced ones, the
// prompt and unscorable rollouts carry no credit.

import type { Rollout } from "../data/rollout.ts";
import type { ForwardSample, TrainBatch, TrainSample } from "../policy/backend.ts";
import { tokenWeights } from "./aggregation.ts";
import type { AggregationConfig } from "./algorithmConfig.ts";

/** A rollout that is learned from. Arrays have one number for each token that the policy chose. */
export interface CreditedRollout {
  readonly rollout: Rollout;
  readonly advantage: number;
  /** Of each chosen token, where a critic tells them apart; absent: `advantage` is that of all. */
  readonly tokenAdvantages?: Float64Array;
  /** Position of its group in the step. */
  readonly group: number;
  /** Under the policy that the ratio is taken to. Absent: as sampling recorded them. */
  readonly oldLogProb?: Float32Array;
  /** Under the reference policy, where the loss asks for them. */
  readonly refLogProb?: Float32Array;
  /** Factors of the tokens' weights, where sampling was off-policy. */
  readonly correction?: Float32Array;
}

/**
 * One batch, averaged over its trained tokens as `aggregation` says. Columns: `advantage`, `oldLogProb`, `weight` (the average, times any
 * correction), `share` (1 / trained tokens) and, where there is one, `refLogProb`.
 */
export function policyBatch(credited: readonly CreditedRollout[], aggregation: AggregationConfig): TrainBatch {
  const trained = credited.map((credit) => ({ credit, asked: ownSample(credit.rollout) })).filter(({ asked }) => asked.targets.length > 0);
  const sequences = trained.map(({ credit, asked }) => ({ group: credit.group, numTokens: asked.targets.length }));
  const weights = tokenWeights(sequences, aggregation);
  const share = 1 / sequences.reduce((sum, { numTokens }) => sum + numTokens, 0);
  return { samples: trained.map(({ credit, asked }, i) => ({ ...asked, columns: policyColumns(credit, { weight: weights[i]!, share }) })) };
}

/** Tokens that enter the loss. */
export function numTrainedTokens(batch: TrainBatch): number {
  return batch.samples.reduce((sum, sample) => sum + sample.targets.length, 0);
}

/**
 * A rollout as a sequence whose targets are the tokens that the policy chose. Where its tokens were sent is not part of it: a critic has a
 * router of its own.
 */
export function forwardSample(rollout: Rollout): ForwardSample {
  const numPrompt = rollout.promptTokens.length;
  const tokens = new Int32Array(numPrompt + rollout.tokens.length);
  tokens.set(rollout.promptTokens);
  tokens.set(rollout.tokens, numPrompt);
  return { tokens, targets: chosenPositions(rollout).map((position) => numPrompt + position), temperature: rollout.temperature };
}

/** The same for the policy that sampled it: where its experts were recorded they are replayed. Another policy has a router of its own. */
export function ownSample(rollout: Rollout): ForwardSample {
  return { ...forwardSample(rollout), ...(rollout.experts === undefined ? {} : { experts: rollout.experts }) };
}

/** What sampling recorded of each token that the policy chose. */
export function sampledLogProb(rollout: Rollout): Float32Array {
  return Float32Array.from(chosenPositions(rollout), (position) => rollout.logProbs[position]!);
}

function policyColumns(
  { rollout, advantage, tokenAdvantages, oldLogProb = sampledLogProb(rollout), refLogProb, correction }: CreditedRollout,
  { weight, share }: { weight: number; share: number },
): TrainSample["columns"] {
  const filled = (value: number): Float32Array => new Float32Array(oldLogProb.length).fill(value);
  return {
    advantage: tokenAdvantages === undefined ? filled(advantage) : Float32Array.from(tokenAdvantages),
    oldLogProb,
    weight: correction === undefined ? filled(weight) : correction.map((factor) => weight * factor),
    share: filled(share),
    ...(refLogProb === undefined ? {} : { refLogProb }),
  };
}

/** Positions in the response that the policy chose, ascending. */
function chosenPositions({ chosen }: Rollout): Int32Array {
  return Int32Array.from(chosen.keys().filter((position) => chosen[position] === 1));
}
