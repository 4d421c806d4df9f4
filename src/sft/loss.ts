// Masked cross-entropy: the tokens of the response are learned, those of the prompt are not.
//
// Dimension key:  N trained tokens.

import { mul, neg, sum } from "../graph/ops.ts";
import type { Loss, TrainBatch } from "../policy/backend.ts";

/** One demonstration as tokens; `targets` are the positions that are learned. */
export interface EncodedDemonstration {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/**
 * Cross-entropy of the target tokens in nats, averaged by the `weight` column.
 *
 *     L = -sum_t w_t log p(token_t | tokens before t)
 */
export const crossEntropyLoss: Loss = {
  name: "cross-entropy",
  settings: {},
  build: ({ logProb_N, entropy_N, column }) => ({
    loss: neg(sum(mul(column("weight"), logProb_N))),
    metrics: { entropy: sum(mul(column("weight"), entropy_N)) },
  }),
};

/** A batch in which every target counts the same. */
export function supervisedBatch(demonstrations: readonly EncodedDemonstration[]): TrainBatch {
  const numTargets = demonstrations.reduce((total, { targets }) => total + targets.length, 0);
  return {
    samples: demonstrations.map(({ tokens, targets }) => ({
      tokens,
      targets,
      temperature: 1,
      columns: { weight: new Float32Array(targets.length).fill(1 / numTargets) },
    })),
  };
}
