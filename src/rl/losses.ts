// Policy losses over the trained tokens of a batch. Every loss is pure: tensors in, a scalar loss and scalar diagnostics out, all
// of them sums weighted by the batch's `weight` column, or maxima, so that micro-batches can be put together.
//
// Dimension key:  N trained tokens.

import { abs, clip, constant, exp, largest, lessThan, minimum, mul, neg, sub, sum } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Loss } from "../policy/backend.ts";

/** Trust region on the ratio: [1 - below, 1 + above]. */
export interface ClipRange {
  readonly below: number;
  readonly above: number;
}

/**
 * Clipped surrogate loss. Columns: `advantage`, `oldLogProb` (under the policy that sampled) and `weight`; they carry no gradient.
 *
 *     r = exp(logProb - oldLogProb)
 *     L = -sum_t w_t min(r_t A_t, clip(r_t, 1 - below, 1 + above) A_t)
 *
 * PPO eq. 7 (arXiv:1707.06347). Separate bounds follow DAPO section 3.1 (arXiv:2503.14476); `below === above` is PPO.
 */
export function clippedSurrogateLoss({ below, above }: ClipRange): Loss {
  return {
    name: "clipped-surrogate",
    settings: { below, above },
    build(inputs) {
      const advantage_N = inputs.column("advantage");
      const weight_N = inputs.column("weight");
      const logRatio_N = sub(inputs.logProb_N, inputs.column("oldLogProb"));
      const ratio_N = exp(logRatio_N);
      const bounded_N = clip(ratio_N, 1 - below, 1 + above);
      const surrogate_N = minimum(mul(ratio_N, advantage_N), mul(bounded_N, advantage_N));
      const weighted = (x_N: Tensor): Tensor => sum(mul(weight_N, x_N));
      return {
        loss: neg(weighted(surrogate_N)),
        metrics: {
          ...clippedShares({ ratio_N, bounded_N, advantage_N }, weighted),
          ...ratioMetrics({ logRatio_N, ratio_N }, weighted),
          entropy: weighted(inputs.entropy_N),
        },
        maxima: { mismatchMax: largest(abs(logRatio_N)) },
      };
    },
  };
}

/** Share of tokens without gradient: already made less likely than the bound allows, or more likely. */
function clippedShares(
  { ratio_N, bounded_N, advantage_N }: { ratio_N: Tensor; bounded_N: Tensor; advantage_N: Tensor },
  weighted: (x_N: Tensor) => Tensor,
): { clippedBelow: Tensor; clippedAbove: Tensor } {
  const zero = constant(0);
  return {
    clippedBelow: weighted(mul(lessThan(ratio_N, bounded_N), lessThan(advantage_N, zero))),
    clippedAbove: weighted(mul(lessThan(bounded_N, ratio_N), lessThan(zero, advantage_N))),
  };
}

/**
 * How far the policy is from the one that sampled. `kl` estimates KL(old || new) without bias and is never negative:
 *
 *     k3 = (r - 1) - log r
 *
 * Schulman, "Approximating KL divergence" (http://joschu.net/blog/kl-approx.html). `mismatch` is the mean of |log r|,
 * `mismatchShare` the share of tokens where it is not 0, `mismatchMax` its maximum: all must be 0 before the first update of a step.
 */
function ratioMetrics(
  { logRatio_N, ratio_N }: { logRatio_N: Tensor; ratio_N: Tensor },
  weighted: (x_N: Tensor) => Tensor,
): { ratio: Tensor; kl: Tensor; mismatch: Tensor; mismatchShare: Tensor } {
  const distance_N = abs(logRatio_N);
  return {
    ratio: weighted(ratio_N),
    kl: weighted(sub(sub(ratio_N, constant(1)), logRatio_N)),
    mismatch: weighted(distance_N),
    mismatchShare: weighted(lessThan(constant(0), distance_N)),
  };
}
