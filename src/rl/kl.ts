// How far the policy is from a reference, from single samples: terms of the loss, and what a reward loses. Pure.
//
// Dimension key:  N trained tokens.

import { constant, exp, mul, sub } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { KlConfig } from "./algorithmConfig.ts";
import { boundedLogRatio } from "./logRatio.ts";

type Estimator = Extract<KlConfig, { kind: "loss" }>["estimator"];

/**
 * The term for each token, in nats. `ratio_N` is r = pi / pi_old.
 *
 *     l  = log pi_ref - log pi, at a token that pi sampled
 *     k1 = -l                   KL(pi || ref) in expectation, of either sign
 *     k2 = l^2 / 2
 *     k3 = e^l - 1 - l          KL(pi || ref) in expectation, never negative
 *
 * Schulman, "Approximating KL divergence" (http://joschu.net/blog/kl-approx.html). An estimate of a value need not estimate its gradient:
 * on-policy, as a term of the loss,
 *
 *     E[grad k1] = 0
 *     E[grad k2] = grad KL(pi || ref)
 *     E[grad k3] = grad KL(ref || pi)
 *     E[grad (r k3)] = grad KL(pi || ref), off-policy too: E_old[r k3] = E_pi[k3]
 *
 * so k1 belongs in the reward, where the policy gradient makes grad KL(pi || ref) of it, and r k3 is the unbiased form of
 * DeepSeek-V3.2 (arXiv:2512.02556, section 3.1).
 */
export function klTerm(
  estimator: Estimator,
  { logProb_N, refLogProb_N, ratio_N }: { readonly logProb_N: Tensor; readonly refLogProb_N: Tensor; readonly ratio_N: Tensor },
): Tensor {
  const l_N = boundedLogRatio(sub(refLogProb_N, logProb_N));
  switch (estimator) {
    case "k2":
      return mul(constant(0.5), mul(l_N, l_N));
    case "k3":
      return k3(l_N);
    case "unbiased":
      return mul(ratio_N, k3(l_N));
    default:
      return estimator satisfies never;
  }
}

/** KL(pi || other) from samples of pi, where `l_N` is log other - log pi: never negative. */
export function k3(l_N: Tensor): Tensor {
  return sub(sub(exp(l_N), constant(1)), l_N);
}

/**
 * KL(other || pi) from samples of pi, where `l_N` is log other - log pi: never negative.
 *
 *     E_pi[w log w - (w - 1)] = E_other[log w] - 0,  w = other / pi = e^l
 */
export function k3Reverse(l_N: Tensor): Tensor {
  const w_N = exp(l_N);
  return sub(mul(w_N, l_N), sub(w_N, constant(1)));
}

/** What each token's reward loses, for a weight of 1: k1 where `logProb` is of pi, which sampled. */
export function logRatios(logProb: Float32Array, refLogProb: Float32Array): Float32Array {
  return logProb.map((own, t) => own - refLogProb[t]!);
}

/**
 * A rollout's reward less the divergence of its whole response, of which the sum of k1 over its tokens is an estimate:
 *
 *     R' = R - weight sum_t (log pi_old - log pi_ref)
 */
export function penalisedReward(reward: number, { ratios, weight }: { ratios: Float32Array; weight: number }): number {
  return reward - weight * ratios.reduce((sum, ratio) => sum + ratio, 0);
}
