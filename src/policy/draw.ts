// Drawing one token from a row of log-probabilities.
// One uniform number decides, from the rollout's own stream, so that neighbours in a batch cannot matter.

import type { Rng } from "../base/rng.ts";

/** How a token is drawn; of a request. */
export interface DrawSettings {
  /** 0 takes the most likely token; otherwise the row was made with it already. */
  readonly temperature: number;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
}

/** The token drawn, and its natural log-probability under the distribution it was drawn from (under the whole row when greedy). */
export interface Draw {
  readonly token: number;
  readonly logProb: number;
}

/**
 * Inverse transform: the first token at which the running sum of probabilities passes u times their total. Uses one uniform number,
 * or none at temperature 0. Without `topK` and `topP` the reported log-probability is the row's own number, bit for bit.
 */
export function drawToken(logProbs: Float32Array, { temperature, topK, topP }: DrawSettings, rng: Rng): Draw {
  if (temperature === 0) {
    const token = mostLikely(logProbs);
    return { token, logProb: logProbs[token]! };
  }
  if (topK === undefined && topP === undefined) {
    const token = invert(logProbs, { candidates: undefined, u: rng.uniform() });
    return { token, logProb: logProbs[token]! };
  }
  const candidates = keep(logProbs, { topK, topP });
  const token = invert(logProbs, { candidates, u: rng.uniform() });
  const mass = candidates.reduce((total, candidate) => total + Math.exp(logProbs[candidate]!), 0);
  return { token, logProb: logProbs[token]! - Math.log(mass) };
}

/** Of equally likely tokens the one with the smaller id. */
function mostLikely(logProbs: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logProbs.length; token++) if (logProbs[token]! > logProbs[best]!) best = token;
  return best;
}

/** Most likely first: at most `topK`, and no more than needed to reach `topP` (Holtzman et al. 2019, arXiv:1904.09751). */
function keep(logProbs: Float32Array, { topK = logProbs.length, topP = 1 }: Pick<DrawSettings, "topK" | "topP">): number[] {
  const order = Array.from(logProbs, (_, token) => token).sort((a, b) => logProbs[b]! - logProbs[a]! || a - b);
  const kept: number[] = [];
  let mass = 0;
  for (const token of order) {
    // Rounding can bring the mass to 1 before the last token.
    if (kept.length === topK || (topP < 1 && mass >= topP)) break;
    kept.push(token);
    mass += Math.exp(logProbs[token]!);
  }
  return kept;
}

function invert(logProbs: Float32Array, { candidates, u }: { candidates: readonly number[] | undefined; u: number }): number {
  const count = candidates?.length ?? logProbs.length;
  const tokenAt = (i: number): number => candidates?.[i] ?? i;
  let total = 0;
  for (let i = 0; i < count; i++) total += Math.exp(logProbs[tokenAt(i)]!);
  const goal = u * total;
  let sum = 0;
  let last = tokenAt(0);
  for (let i = 0; i < count; i++) {
    const probability = Math.exp(logProbs[tokenAt(i)]!);
    if (probability > 0) last = tokenAt(i);
    sum += probability;
    if (sum > goal) return last;
  }
  return last;
}
