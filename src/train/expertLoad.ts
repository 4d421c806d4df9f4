// How evenly a batch's tokens are spread over the experts. Pure.
//
// Dimension key:  L layers, E experts of a layer.

import type { StepMetrics } from "../policy/backend.ts";

/**
 * From the tokens that each expert got in a batch [L E]:
 *
 *     expertLoad    largest over layers of  max_e n_e / mean_e n_e     1 when the load is even, E / k when all tokens go to the same k
 *     deadExperts   share of the L E experts that got no token
 *
 * The load is the imbalance that GShard and Switch call capacity: what the busiest expert needs beside an even share (arXiv:2101.03961,
 * section 2.2).
 */
export function expertLoad(sent: Float64Array, { numExperts }: { readonly numExperts: number }): StepMetrics {
  const layers = Array.from({ length: sent.length / numExperts }, (_, l) => sent.subarray(l * numExperts, (l + 1) * numExperts));
  const loads = layers.map((counts) => (Math.max(...counts) * numExperts) / counts.reduce((sum, n) => sum + n, 0));
  return { expertLoad: Math.max(...loads), deadExperts: sent.filter((n) => n === 0).length / sent.length };
}
