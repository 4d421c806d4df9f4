// Importance weights for tokens that another policy sampled than the one about to be trained: an older one, or the same one in another
// engine. Pure: log-probabilities in, factors of the tokens' weights out. Where both are the same, every factor is 1.
//
//     w_t = pi_old(t) / mu(t)     mu sampled, pi_old is the policy when its step's training begins
//
// The ratio of the objective, pi / pi_old, is a trust region; w is what is missing to an expectation under pi_old.
// Dimension key:  B sequences, T trained tokens of each.

import { mean } from "../base/statistics.ts";
import type { StepMetrics } from "../policy/backend.ts";
import type { CorrectionConfig } from "./algorithmConfig.ts";
import { cutLogRatio } from "./logRatio.ts";

/** A sequence's trained tokens under both policies: each is [T]. */
export interface OffPolicySequence {
  readonly oldLogProb: Float32Array;
  readonly sampledLogProb: Float32Array;
}

/** Factors [B][T], one for each trained token, 0 where it is masked; and how much was cut off. */
export interface Correction {
  readonly factors: readonly Float32Array[];
  readonly metrics: StepMetrics;
}

/**
 * The factors, from w for each token, with W the product over a sequence and g its geometric mean:
 *
 *     truncated, token      min(w, max)                          TIS (https://fengyao.notion.site/off-policy-rl)
 *     truncated, sequence   min(W, max) for every token
 *     masked, token         w where min <= w <= max, or 0        IcePop (arXiv:2510.18855)
 *     masked, sequence      W where min <= W <= max, or 0        MIS
 *                               (https://yingru.notion.site/When-Speed-Kills-Stability-271211a558b7808d8b12d403fd15edda)
 *     masked, geometric     w where min <= g <= max, or 0        the same mask whatever the length, and the tokens' own weights
 *
 * Where no bound is reached, W makes the expected gradient under mu the one under pi_old, and w that of pi_old choosing one token, mu all
 * others.
 *
 * With `veto`, a sequence with any w outside its bounds is masked whole, before all else: so far apart, policies are not comparable.
 * Weights of the average are left as they are: what is masked is missing, the rest does not grow.
 */
export function correctOffPolicy(sequences: readonly OffPolicySequence[], config: Exclude<CorrectionConfig, { kind: "none" }>): Correction {
  const parts = sequences.map((sequence) => correctSequence(tokenRatios(sequence), config));
  return { factors: parts.map(({ factors }) => Float32Array.from(factors)), metrics: correctionMetrics(parts) };
}

interface CorrectedSequence {
  readonly ratios: readonly number[];
  readonly factors: readonly number[];
  readonly isVetoed: boolean;
  /** Whether a token's weight was cut down to the largest allowed. */
  readonly truncated: readonly boolean[];
}

function correctSequence(ratios: readonly number[], config: Exclude<CorrectionConfig, { kind: "none" }>): CorrectedSequence {
  const { veto } = config;
  const untouched = ratios.map(() => false);
  if (veto !== undefined && ratios.some((w) => w < veto.min || w > veto.max)) {
    return { ratios, factors: ratios.map(() => 0), isVetoed: true, truncated: untouched };
  }
  const weights = config.level === "sequence" ? ratios.map(() => product(ratios)) : ratios;
  if (config.kind === "truncated") {
    const { max } = config;
    return { ratios, factors: weights.map((w) => Math.min(w, max)), isVetoed: false, truncated: weights.map((w) => w > max) };
  }
  const { min, max } = config;
  const judged = config.level === "geometric" ? ratios.map(() => geometricMean(ratios)) : weights;
  const factors = weights.map((w, t) => (judged[t]! >= min && judged[t]! <= max ? w : 0));
  return { ratios, factors, isVetoed: false, truncated: untouched };
}

/**
 * Shares are of tokens, `vetoed` of sequences. `ess` is the effective sample size of w, (sum w)^2 / (N sum w^2): 1 where all are equal;
 * `factor` the mean of exp |log w|, `kl` the estimator k3 of KL(sampled, old).
 */
function correctionMetrics(parts: readonly CorrectedSequence[]): StepMetrics {
  if (parts.length === 0) return {};
  const ratios = parts.flatMap((part) => part.ratios);
  const factors = parts.flatMap((part) => part.factors);
  const square = ratios.reduce((sum, w) => sum + w * w, 0) / ratios.length;
  return {
    "correction/ratio": mean(ratios),
    "correction/factor": mean(ratios.map((w) => Math.max(w, 1 / w))),
    "correction/kl": mean(ratios.map((w) => w - 1 - Math.log(w))),
    "correction/weight": mean(factors),
    "correction/ess": mean(ratios) ** 2 / square,
    "correction/masked": mean(factors.map((factor) => (factor === 0 ? 1 : 0))),
    "correction/truncated": mean(parts.flatMap(({ truncated }) => truncated.map(Number))),
    "correction/vetoed": mean(parts.map(({ isVetoed }) => Number(isVetoed))),
  };
}

function tokenRatios({ oldLogProb, sampledLogProb }: OffPolicySequence): number[] {
  return Array.from(oldLogProb, (own, t) => Math.exp(cutLogRatio(own - sampledLogProb[t]!)));
}

function product(ratios: readonly number[]): number {
  return Math.exp(cutLogRatio(ratios.reduce((sum, w) => sum + Math.log(w), 0)));
}

function geometricMean(ratios: readonly number[]): number {
  return Math.exp(mean(ratios.map(Math.log)));
}
