// A softmax policy over a few tokens, small enough to enumerate: expectations over what it samples are exact, and so are their gradients.
// Gradients of plain functions, to compare with, are central differences in float64.

export function softmax(z: readonly number[]): number[] {
  const total = z.reduce((sum, x) => sum + Math.exp(x), 0);
  return z.map((x) => Math.exp(x) / total);
}

/** By the chain rule through the softmax: d L / d z_j = sum_y dL/dlog p_y (1[y = j] - p_j). */
export function byLogits(dLogProb: readonly number[], z: readonly number[]): number[] {
  const total = dLogProb.reduce((a, b) => a + b, 0);
  return softmax(z).map((p, j) => dLogProb[j]! - p * total);
}

/** Of a function of some numbers, by each of them. */
export function slopes(of: (z: readonly number[]) => number, z: readonly number[]): number[] {
  const h = 1e-6;
  const at = (j: number, shift: number): number => of(z.map((x, i) => (i === j ? x + shift : x)));
  return z.map((_, j) => (at(j, h) - at(j, -h)) / (2 * h));
}
