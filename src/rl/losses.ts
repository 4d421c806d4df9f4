// The policy loss over the trained tokens of a batch: an objective, and what the recipe sets beside it, composed here and nowhere else.
// Pure: tensors in, a scalar loss and scalar diagnostics out, all of them sums over tokens weighted by a column, or maxima, so that
// micro-batches can be put together.
//
// Dimension key:  N trained tokens.

import { abs, add, constant, exp, largest, lessThan, mul, neg, sub, sum } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Loss, LossInputs } from "../policy/backend.ts";
import type { EntropyConfig, KlConfig, ObjectiveConfig } from "./algorithmConfig.ts";
import { k3, k3Reverse, klTerm } from "./kl.ts";
import { boundedLogRatio } from "./logRatio.ts";
import { type Objective, objective } from "./objectives.ts";

/** What a policy loss is made of. */
export interface PolicyLossConfig {
  readonly objective: ObjectiveConfig;
  readonly entropy: EntropyConfig;
  readonly kl: KlConfig;
}

/**
 * The loss of an update. With J the objective, H the entropy, w the column `weight` (the average, and any off-policy correction):
 *
 *     L = -sum_t w_t J_t                              objective; without the tokens that clip-cov took out
 *         - weight sum_t w_t H_t                      entropy: bonus
 *         + weight sum_t w_t penalised_t |log r_t|    entropy: kl-cov
 *         + weight sum_t w_t k_t                      kl: loss
 *
 * Columns, which carry no gradient: `advantage`, `oldLogProb` (of the policy that the ratio is taken to), `weight`, `share` (1 / trained
 * tokens: what metrics are averaged by, whatever the loss is), and where they are asked for `kept`, `penalised` and `refLogProb`.
 */
export function policyLoss(config: PolicyLossConfig): Loss {
  return {
    name: "policy",
    settings: { objective: { ...config.objective }, entropy: { ...config.entropy }, kl: { ...config.kl } },
    build(inputs) {
      const { logProb_N, sequenceMean, column } = inputs;
      const advantage_N = column("advantage");
      const logRatio_N = sub(logProb_N, column("oldLogProb"));
      const ratio_N = exp(logRatio_N);
      const chosen = objective(config.objective, { logProb_N, logRatio_N, ratio_N, advantage_N, sequenceMean });
      const terms_N = [
        neg(config.entropy.kind === "clip-cov" ? mul(column("kept"), chosen.surrogate_N) : chosen.surrogate_N),
        ...entropyTerms(config.entropy, { ...inputs, logRatio_N }),
        ...klTerms(config.kl, { ...inputs, ratio_N }),
      ];
      return {
        loss: sum(mul(column("weight"), terms_N.reduce(add))),
        ...diagnostics(config, { inputs, chosen, logRatio_N }),
      };
    },
  };
}

function entropyTerms(config: EntropyConfig, { entropy_N, column, logRatio_N }: LossInputs & { readonly logRatio_N: Tensor }): Tensor[] {
  switch (config.kind) {
    case "none":
    case "clip-cov":
      return [];
    case "bonus":
      return [mul(constant(-config.weight), entropy_N)];
    case "kl-cov":
      return [mul(constant(config.weight), mul(column("penalised"), abs(logRatio_N)))];
    default:
      return config satisfies never;
  }
}

function klTerms(config: KlConfig, { logProb_N, column, ratio_N }: LossInputs & { readonly ratio_N: Tensor }): Tensor[] {
  if (config.kind !== "loss") return [];
  return [mul(constant(config.weight), klTerm(config.estimator, { logProb_N, refLogProb_N: column("refLogProb"), ratio_N }))];
}

/** Means over the trained tokens, finite however far policies are apart; nothing here reaches the loss. */
function diagnostics(
  { kl }: PolicyLossConfig,
  { inputs: { logProb_N, entropy_N, column }, chosen, logRatio_N }: { inputs: LossInputs; chosen: Objective; logRatio_N: Tensor },
): { metrics: Readonly<Record<string, Tensor>>; maxima: Readonly<Record<string, Tensor>> } {
  const share_N = column("share");
  const average = (x_N: Tensor): Tensor => sum(mul(share_N, x_N));
  const bounded_N = boundedLogRatio(logRatio_N);
  const ratio_N = exp(bounded_N);
  const held = Object.entries(chosen.held).map(([name, held_N]) => [name, average(held_N)]);
  const refLogRatio_N = (): Tensor => boundedLogRatio(sub(column("refLogProb"), logProb_N));
  return {
    metrics: {
      ...Object.fromEntries(held),
      ...ratioMetrics({ logRatio_N: bounded_N, ratio_N }, average),
      ...(kl.kind === "loss" ? { klRef: average(k3(refLogRatio_N())), klRefReverse: average(k3Reverse(refLogRatio_N())) } : {}),
      entropy: average(entropy_N),
    },
    maxima: { mismatchMax: largest(abs(logRatio_N)), ratioMax: largest(ratio_N), negativeRatioMax: largest(neg(ratio_N)) },
  };
}

/**
 * How far the policy is from the one that the ratio r is taken to. `kl` estimates KL(old || new), `klReverse` KL(new || old), both without
 * bias and never negative. `ratio` and `ratioSquare` are the moments that the effective sample size is read from (`metrics.ts`).
 * `mismatch` is the mean of |log r|, `mismatchShare` the share of tokens where it is not 0, `mismatchMax` its maximum: all must be 0
 * before the first update of a step, and `mismatchFactor`, the mean of exp |log r|, 1.
 */
function ratioMetrics(
  { logRatio_N, ratio_N }: { logRatio_N: Tensor; ratio_N: Tensor },
  average: (x_N: Tensor) => Tensor,
): Readonly<Record<string, Tensor>> {
  const distance_N = abs(logRatio_N);
  return {
    ratio: average(ratio_N),
    ratioSquare: average(mul(ratio_N, ratio_N)),
    kl: average(k3(logRatio_N)),
    klReverse: average(k3Reverse(logRatio_N)),
    mismatch: average(distance_N),
    mismatchShare: average(lessThan(constant(0), distance_N)),
    mismatchFactor: average(exp(distance_N)),
  };
}
