// The model that every bench measures, and what its work is in floating-point operations.
//
// Dimension key:  D width, L layers, H query heads, C key/value heads, K head width, E experts, F expert width, V vocabulary.

import { initialParameters, type PolicyConfig } from "../../src/policy/architecture.ts";
import type { EngineConfig } from "../../src/train/config.ts";
import { EngineGroup } from "../../src/train/engineGroup.ts";

export const benchModel: PolicyConfig = {
  vocabSize: 64,
  width: 256,
  numLayers: 4,
  numHeads: 8,
  numKvHeads: 4,
  headWidth: 32,
  numExperts: 8,
  expertsPerToken: 2,
  expertWidth: 256,
  denseWidth: 0,
  normTopkProb: true,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieEmbeddings: false,
  maxPositions: 512,
  routerAuxLossWeight: 0.01,
  routerZLossWeight: 0.001,
};

/** Control tokens of no meaning: benches sample random text that never ends by itself. */
export const noControl = { thinkOpenId: -1, thinkCloseId: -1, endOfTurnId: -1 };

export const benchEngine: EngineConfig = { numThreads: 2, maxSequences: 64, gradientShards: 2, microBatchTokens: 4096 };

export function benchEngines(config: PolicyConfig): EngineGroup {
  const state = { parameters: initialParameters(config, ["bench"]), optimizer: undefined };
  return new EngineGroup({ config, control: noControl, engine: benchEngine }, state);
}

/**
 * Floating-point operations of one forward pass over one token that attends to `numKeys` positions: two for each weight that the
 * token meets (active experts only), and two products of its heads with the keys and values.
 */
export function flopsPerToken(
  { width: D, numLayers: L, numHeads: H, numKvHeads: C, headWidth: K, ...rest }: PolicyConfig,
  numKeys: number,
): number {
  const { numExperts: E, expertsPerToken, expertWidth: F, vocabSize: V } = rest;
  const weights = D * (H + 2 * C) * K + H * K * D + D * E + expertsPerToken * 3 * D * F;
  return 2 * (L * weights + D * V) + L * 2 * 2 * H * K * numKeys;
}
