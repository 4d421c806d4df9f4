// The mean over the trained tokens of each token's own sequence, inside a graph whose tokens lie after one another, and what the graph
// is fed for it. A sequence is never cut across micro-batches and its tokens are added in order, so the bits of a mean depend on its
// sequence alone.
//
// Dimension key:  M trained tokens, S sequences.

import { gatherRows, input, mul, scatterAddRows } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { TrainSample } from "../policy/backend.ts";
import type { NDArray } from "../runtime/session.ts";

/** Which tokens belong together. */
export interface TokenSequences {
  /** For each token the position of its sequence. */
  readonly sequence_M: Tensor;
  /** For each token 1 / the trained tokens of its sequence. */
  readonly share_M: Tensor;
  /** Whatever has one element for each sequence. */
  readonly like_S: Tensor;
}

/** Inputs that `sequenceMeanFeeds` feeds. */
export function sequenceMeanInputs(): TokenSequences {
  return { sequence_M: input("sequence", ["M"], "int32"), share_M: input("sequenceShare", ["M"]), like_S: input("sequences", ["S"]) };
}

/** The mean of `x_M` over the tokens of the same sequence, at each of its tokens. */
export function sequenceMean(x_M: Tensor, { sequence_M, share_M, like_S }: TokenSequences): Tensor {
  return gatherRows(scatterAddRows(mul(share_M, x_M), { index: sequence_M, like: like_S }), sequence_M);
}

/** Feeds of `sequenceMeanInputs`. */
export function sequenceMeanFeeds(samples: readonly Pick<TrainSample, "targets">[]): Record<string, NDArray> {
  const lengths = samples.map(({ targets }) => targets.length);
  const sequence = Int32Array.from(lengths.flatMap((length, index) => Array<number>(length).fill(index)));
  const share = Float32Array.from(lengths.flatMap((length) => Array<number>(length).fill(1 / length)));
  return {
    sequence: { shape: [sequence.length], data: sequence },
    sequenceShare: { shape: [share.length], data: share },
    sequences: { shape: [lengths.length], data: new Float32Array(lengths.length) },
  };
}
