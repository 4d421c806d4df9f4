// Where log-ratios of two policies are cut off, as in verl, so that no exponential overflows: exp(20) and its square are finite in 32 bits.
// In losses and corrections, and in the numbers that are reported of them; a guard of ranges, not a trust region.

import { clip } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The largest distance of two log-probabilities that is looked at, in nats. */
export const maxLogRatio = 20;

/** The log-ratios of a graph; beyond the bound they have no gradient. */
export function boundedLogRatio(l_N: Tensor): Tensor {
  return clip(l_N, -maxLogRatio, maxLogRatio);
}

/** The same of one number. */
export function cutLogRatio(logRatio: number): number {
  return Math.max(-maxLogRatio, Math.min(maxLogRatio, logRatio));
}
