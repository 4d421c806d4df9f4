// The index arrays that place packed tokens in the attention grid: values for the inputs of `sequences.ts`.
//
// Dimension key:  N tokens, B sequences, T longest sequence, H query heads, C key/value heads, G = H / C, K head width.

import type { NDArray } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";
import { numBlocks } from "./sequences.ts";

/** Hides a key: added to a score, it makes the probability exactly 0 in single precision. */
export const hiddenScore = -1e9;

/** Feeds for a micro-batch; `sequences` are token ids, none empty. */
export function sequenceFeeds(sequences: readonly Int32Array[], config: PolicyConfig): Record<string, NDArray> {
  const lengths = sequences.map((tokens) => tokens.length);
  const B = sequences.length;
  const U = blockPositions(Math.max(...lengths));
  const T = numBlocks * U;
  const N = lengths.reduce((a, b) => a + b, 0);
  const tokens = new Int32Array(N);
  let offset = 0;
  for (const sequence of sequences) {
    tokens.set(sequence, offset);
    offset += sequence.length;
  }
  const G = config.numHeads / config.numKvHeads;
  const feeds: Record<string, NDArray> = {
    tokens: { shape: [N], data: tokens },
    positions: { shape: [B, T], data: repeatedRange(B, { from: 0, to: T }) },
    ...gridFeeds(lengths, { U, N, config }),
    ...rotaryTables(T, config),
  };
  for (let i = 0; i < numBlocks; i++) {
    feeds[`positions${i}`] = { shape: [B, U], data: repeatedRange(B, { from: i * U, to: (i + 1) * U }) };
    feeds[`causal${i}`] = { shape: [1, 1, G * U, (i + 1) * U], data: causalMask({ G, U, block: i }) };
  }
  return feeds;
}

/** Positions in a block when the longest sequence has `length`; at least 2, since a product of one row has other bits. */
function blockPositions(length: number): number {
  return Math.max(2, Math.ceil(length / numBlocks));
}

/** Where each head of each token goes in the query blocks, the key and value grids, and the way back. */
function gridFeeds(lengths: readonly number[], { U, N, config }: { U: number; N: number; config: PolicyConfig }): Record<string, NDArray> {
  const { numHeads: H, numKvHeads: C } = config;
  const B = lengths.length;
  const T = numBlocks * U;
  const stride = H + 2 * C;
  const blockSize = B * H * U;
  const queries = new Int32Array(numBlocks * blockSize);
  const keys = new Int32Array(B * C * T);
  const values = new Int32Array(B * C * T);
  const inverse = new Int32Array(N * stride);
  const results = new Int32Array(N * H);
  const resultsInverse = new Int32Array(numBlocks * blockSize);
  const filled = new Float32Array(numBlocks * blockSize);
  let start = 0;
  lengths.forEach((length, b) => {
    for (let t = 0; t < length; t++) {
      const token = start + t;
      const block = Math.floor(t / U);
      for (let h = 0; h < H; h++) {
        const place = block * blockSize + (b * H + h) * U + (t - block * U);
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
  const feeds: Record<string, NDArray> = {
    keys: { shape: [B, C, T], data: keys },
    values: { shape: [B, C, T], data: values },
    inverse: { shape: [N * stride], data: inverse },
    results: { shape: [N, H], data: results },
  };
  for (let i = 0; i < numBlocks; i++) {
    const [from, to] = [i * blockSize, (i + 1) * blockSize];
    feeds[`queries${i}`] = { shape: [B, H, U], data: queries.subarray(from, to) };
    feeds[`resultsInverse${i}`] = { shape: [blockSize], data: resultsInverse.subarray(from, to) };
    feeds[`filled${i}`] = { shape: [blockSize, 1], data: filled.subarray(from, to) };
  }
  return feeds;
}

/** from..to-1 for each of B rows. */
function repeatedRange(B: number, { from, to }: { from: number; to: number }): BigInt64Array {
  const row = BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i));
  const all = new BigInt64Array(B * row.length);
  for (let b = 0; b < B; b++) all.set(row, b * row.length);
  return all;
}

/** Row g U + u of a block stands for position block U + u and hides the keys after it. */
function causalMask({ G, U, block }: { G: number; U: number; block: number }): Float32Array {
  const numKeys = (block + 1) * U;
  const mask = new Float32Array(G * U * numKeys);
  for (let row = 0; row < G * U; row++) mask.fill(hiddenScore, row * numKeys + block * U + (row % U) + 1, (row + 1) * numKeys);
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
