// The training step that benches time: 32 sequences of 128 tokens, every token but the first learned.
// The policy is that of `model.ts`; each bench says how many experts it has and whether AdamW belongs to the step.

import { rngFor } from "../../src/base/rng.ts";
import { type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import type { TrainSample } from "../../src/policy/backend.ts";
import { parameterPieces } from "../../src/policy/parameters.ts";
import { crossEntropyLoss, supervisedBatch } from "../../src/sft/loss.ts";
import { trainGraph } from "../../src/train/trainGraph.ts";
import { benchEngines, flopsPerToken } from "./model.ts";

const numSequences = 32;
const sequenceTokens = 128;
const numWarmupSteps = 3;
const adam = { learningRate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 };

/** Forward once, backward twice; the causal half of attention: a token sees half of the positions on average. */
export function stepFlops(config: PolicyConfig): { readonly flops: number; readonly numTokens: number } {
  const numTokens = numSequences * sequenceTokens;
  return { flops: 3 * numTokens * flopsPerToken(config, (sequenceTokens + 1) / 2), numTokens };
}

/** Milliseconds of each step after the warm-up. All gradients reach JavaScript; `withUpdate` adds AdamW. */
export async function timeSteps(config: PolicyConfig, { steps, withUpdate }: { steps: number; withUpdate: boolean }): Promise<number[]> {
  await using engines = benchEngines(config);
  await engines.addGraph("bench", trainGraph(crossEntropyLoss, { config, pieces: parameterPieces(parameterLayout(config)) }));
  const samples = randomSamples({ numSequences, numTokens: sequenceTokens, seed: 0, vocabSize: config.vocabSize });
  const timesMs: number[] = [];
  for (let step = 0; step < steps + numWarmupSteps; step++) {
    const startMs = performance.now();
    await engines.forwardBackward("bench", samples);
    const gradientMs = performance.now() - startMs;
    if (withUpdate) await engines.optimStep(adam);
    timesMs.push(performance.now() - startMs);
    if (!withUpdate) engines.discardGradient();
    console.error(
      `${config.numExperts} experts, step ${step}: ${timesMs.at(-1)!.toFixed(0)} ms, of which the gradient ${gradientMs.toFixed(0)}`,
    );
  }
  return timesMs.slice(numWarmupSteps);
}

/** Random token sequences in which every token but the first is learned. */
export function randomSamples({
  numSequences: count,
  numTokens,
  seed,
  vocabSize,
}: {
  readonly numSequences: number;
  readonly numTokens: number;
  readonly seed: number;
  readonly vocabSize: number;
}): readonly TrainSample[] {
  const demonstrations = Array.from({ length: count }, (_, index) => {
    const rng = rngFor("bench", seed, index);
    return {
      tokens: Int32Array.from({ length: numTokens }, () => rng.int(vocabSize)),
      targets: Int32Array.from({ length: numTokens - 1 }, (__, i) => i + 1),
    };
  });
  return supervisedBatch(demonstrations).samples;
}
