// Which tokens cost the policy its entropy. Under a policy gradient the entropy falls with the covariance of a token's log-probability
// and its advantage: what is likely and better becomes likelier still. A few tokens carry most of it, and those are picked here, in numbers
// outside the graph, from what sampling recorded; at the first update of a step these are the numbers of the policy itself. Pure.
//
//     cov_t = (log pi(t) - mean log pi) (A_t - mean A)     means over the update's trained tokens
//
// "The Entropy Mechanism of Reinforcement Learning" (arXiv:2505.22617), with the selection of its code and verl's.

import type { Rng } from "../base/rng.ts";
import { mean } from "../base/statistics.ts";
import type { TrainBatch } from "../policy/backend.ts";
import type { EntropyConfig } from "./algorithmConfig.ts";

type CovarianceConfig = Extract<EntropyConfig, { kind: "clip-cov" | "kl-cov" }>;

/** The batch with the column that the loss reads: `kept` for clip-cov, `penalised` for kl-cov. */
export function withCovarianceColumn(batch: TrainBatch, { config, rng }: { config: CovarianceConfig; rng: Rng }): TrainBatch {
  const column = (name: string): number[] => batch.samples.flatMap(({ columns }) => [...columns[name]!]);
  const cov = covariances(column("oldLogProb"), column("advantage"));
  const [name, values] = config.kind === "clip-cov" ? ["kept", keptTokens(cov, config, rng)] : ["penalised", penalisedTokens(cov, config)];
  let start = 0;
  const samples = batch.samples.map((sample) => {
    const end = start + sample.targets.length;
    const own = Float32Array.from(values.slice(start, end));
    start = end;
    return { ...sample, columns: { ...sample.columns, [name]: own } };
  });
  return { samples };
}

/** The covariance at each token. */
export function covariances(logProb: readonly number[], advantage: readonly number[]): number[] {
  const [meanLogProb, meanAdvantage] = [mean(logProb), mean(advantage)];
  return logProb.map((own, t) => (own - meanLogProb) * (advantage[t]! - meanAdvantage));
}

/** 0 for tokens whose gradient is left out: a random `share` of all, drawn from those between the bounds, as far as there are so many. */
export function keptTokens(
  cov: readonly number[],
  { share, min, max }: Extract<CovarianceConfig, { kind: "clip-cov" }>,
  rng: Rng,
): number[] {
  const inBand = [...cov.keys()].filter((t) => cov[t]! > min && cov[t]! < max);
  const taken = new Set(rng.shuffle(inBand).slice(0, numTaken(cov.length, share)));
  return cov.map((_, t) => (taken.has(t) ? 0 : 1));
}

/** 1 for tokens that are held: the `share` of all with the largest covariance, earlier ones first where they are equal. */
export function penalisedTokens(cov: readonly number[], { share }: Pick<CovarianceConfig, "share">): number[] {
  const largest = [...cov.keys()].sort((a, b) => cov[b]! - cov[a]! || a - b);
  const taken = new Set(largest.slice(0, numTaken(cov.length, share)));
  return cov.map((_, t) => (taken.has(t) ? 1 : 0));
}

function numTaken(numTokens: number, share: number): number {
  return Math.max(1, Math.floor(share * numTokens));
}
