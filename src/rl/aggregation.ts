// What a token weighs in an update. The losses sum over tokens: every average is made here, so that a batch may be cut into micro-batches
// whose losses add up. Pure.
//
// Dimension key:  B sequences of an update.

import type { AggregationConfig } from "./algorithmConfig.ts";

/** A response that is trained on: the task's group that it belongs to, and how many of its tokens are trained, at least one. */
export interface TrainedSequence {
  readonly group: number;
  readonly numTokens: number;
}

/**
 * Weights [B]: that of each token of each of an update's sequences. With B sequences of |y| trained tokens each, in P groups:
 *
 *     token-mean     1 / sum |y|                         DAPO eq. 8 (arXiv:2503.14476)
 *     sequence-mean  1 / (B |y|)                         GRPO, DeepSeekMath (arXiv:2402.03300)
 *     prompt-mean    1 / (P sum of |y| over the group)   ScaleRL (arXiv:2510.13786)
 *     constant       1 / (B length)                      Dr. GRPO section 3.2 (arXiv:2503.20783)
 *
 * The first three add up to 1 over an update; the last to its mean length over `length`.
 */
export function tokenWeights(sequences: readonly TrainedSequence[], config: AggregationConfig): number[] {
  switch (config.kind) {
    case "token-mean": {
      const weight = 1 / totalTokens(sequences);
      return sequences.map(() => weight);
    }
    case "sequence-mean":
      return sequences.map(({ numTokens }) => 1 / (sequences.length * numTokens));
    case "prompt-mean": {
      const groups = Map.groupBy(sequences, ({ group }) => group);
      return sequences.map(({ group }) => 1 / (groups.size * totalTokens(groups.get(group)!)));
    }
    case "constant":
      return sequences.map(() => 1 / (sequences.length * config.length));
    default:
      return config satisfies never;
  }
}

function totalTokens(sequences: readonly TrainedSequence[]): number {
  return sequences.reduce((sum, { numTokens }) => sum + numTokens, 0);
}
