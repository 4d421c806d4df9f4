// The index arrays that place packed tokens in the attention grid: values for the inputs of `sequences.ts`.
//
// Dimension key:  N tokens, B sequences, T longest sequence, H query heads, C key/value heads, G = H / C, K head width.

import type { NDArray } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";

/** Hides a key: added to a score, it makes the probability exactly 0 in single precision. */
export const hiddenScore = -1e9;

/** Feeds for a micro-batch; `sequences` are token ids, none empty. */
export function sequenceFeeds(sequences: readonly Int32Array[], config: PolicyConfig): Record<string, NDArray> {
  const lengths = sequences.map((tokens) => tokens.length);
  const B = sequences.length;
  const T = Math.max(...lengths);
  const N = lengths.reduce((a, b) => a + b, 0);
  const tokens = new Int32Array(N);
  let offset = 0;
  for (const sequence of sequences) {
    tokens.set(sequence, offset);
    offset += sequence.length;
  }
  return {
    tokens: { shape: [N], data: tokens },
    positions: { shape: [B, T], data: repeatedRange(B, T) },
    ...gridFeeds(lengths, { T, N, config }),
    causal: { shape: [1, 1, (config.numHeads / config.numKvHeads) * T, T], data: causalMask(config.numHeads / config.numKvHeads, T) },
    ...rotaryTables(T, config),
  };
}

/** Where each head of each token goes in the query, key and value grids, and the way back. */
function gridFeeds(lengths: readonly number[], { T, N, config }: { T: number; N: number; config: PolicyConfig }): Record<string, NDArray> {
  const { numHeads: H, numKvHeads: C } = config;
  const B = lengths.length;
  const stride = H + 2 * C;
  const queries = new Int32Array(B * H * T);
  const keys = new Int32Array(B * C * T);
  const values = new Int32Array(B * C * T);
  const inverse = new Int32Array(N * stride);
  const results = new Int32Array(N * H);
  const resultsInverse = new Int32Array(B * H * T);
  const filled = new Float32Array(B * H * T);
  let start = 0;
  lengths.forEach((length, b) => {
    for (let t = 0; t < length; t++) {
      const token = start + t;
      for (let h = 0; h < H; h++) {
        const place = (b * H + h) * T + t;
        queries[place] = token * stride + h;
        inverse[token * stride + h] = place;
        results[token * H + h] = place;
        resultsInverse[place] = token * H + h;
        filled[place] = 1;
      }
      for (let c = 0; c < C; c++) {
        const place = (b * C + c) * T + t;
        keys[place] = token * stride + H + c;
        values[place] = token * stride + H + C + c;
        inverse[token * stride + H + c] = B * H * T + place;
        inverse[token * stride + H + C + c] = B * (H + C) * T + place;
      }
    }
    start += length;
  });
  return {
    queries: { shape: [B, H, T], data: queries },
    keys: { shape: [B, C, T], data: keys },
    values: { shape: [B, C, T], data: values },
    inverse: { shape: [N * stride], data: inverse },
    results: { shape: [N, H], data: results },
    resultsInverse: { shape: [B * H * T], data: resultsInverse },
    filled: { shape: [B * H * T, 1], data: filled },
  };
}

/** 0..T-1 for each of B rows. */
function repeatedRange(B: number, T: number): BigInt64Array {
  const row = BigInt64Array.from({ length: T }, (_, t) => BigInt(t));
  const all = new BigInt64Array(B * T);
  for (let b = 0; b < B; b++) all.set(row, b * T);
  return all;
}

/** Row g T + t hides the keys after t. */
function causalMask(G: number, T: number): Float32Array {
  const mask = new Float32Array(G * T * T);
  for (let row = 0; row < G * T; row++) mask.fill(hiddenScore, row * T + (row % T) + 1, (row + 1) * T);
  return mask;
}

/** cos and sin of t theta^(-2i/K), rows t < numPositions, columns i < K/2. Su et al. 2021, eq. 15 (arXiv:2104.09864). */
export function rotaryTables(
  numPositions: number,
  { headWidth: K, ropeTheta }: PolicyConfig,
): { readonly cos: NDArray; readonly sin: NDArray } {
  const half = K / 2;
  const cos = new Float32Array(numPositions * half);
  const sin = new Float32Array(numPositions * half);
  for (let t = 0; t < numPositions; t++) {
    for (let i = 0; i < half; i++) {
      const angle = t * ropeTheta ** ((-2 * i) / K);
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return { cos: { shape: [numPositions, half], data: cos }, sin: { shape: [numPositions, half], data: sin } };
}
