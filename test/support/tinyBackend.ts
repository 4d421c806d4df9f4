// Embedded backends over tiny policies, and what is inside them as numbers.

import { join } from "node:path";
import type { TestContext } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import { abs, constant, largest, lessThan, mul, neg, sub, sum } from "../../src/graph/ops.ts";
import type { PolicyConfig } from "../../src/policy/architecture.ts";
import type { Loss, OptimSettings, PolicyBackend, TrainSample } from "../../src/policy/backend.ts";
import { loadCheckpoint } from "../../src/policy/checkpoint.ts";
import { openSafetensors } from "../../src/policy/safetensors.ts";
import { EmbeddedBackend } from "../../src/train/backend.ts";
import { EngineConfig } from "../../src/train/config.ts";
import { tempFolder } from "./tempFolder.ts";
import { tinyConfig, tinyParameters, tinyTokenizerJson } from "./tinyPolicy.ts";

/** One layer, no router losses: those are means over a micro-batch, everything else is a sum over tokens that can be cut and added. */
export const oneLayer = tinyConfig({ routerAuxLossWeight: 0, routerZLossWeight: 0, numLayers: 1 });

export const adamSettings: OptimSettings = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 1 };

/** One thread, since starting one takes most of a test's time. */
export function engineConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  return { ...EngineConfig.parse({ numThreads: 1 }), ...changes };
}

export function openBackend(
  changes: Partial<EngineConfig> = {},
  {
    config = oneLayer,
    tokenizerJson = tinyTokenizerJson,
    parameters = tinyParameters(config),
  }: { config?: PolicyConfig; tokenizerJson?: string; parameters?: Float32Array<ArrayBuffer> } = {},
): EmbeddedBackend {
  return new EmbeddedBackend({ config, parameters, tokenizerJson }, engineConfig(changes));
}

/** Weighted by the column of `samplesFor`; its maximum is negative. */
export const weightedCrossEntropy: Loss = {
  name: "weighted-cross-entropy",
  settings: {},
  build: ({ logProb_N, entropy_N, column }) => ({
    loss: neg(sum(mul(column("weight"), logProb_N))),
    metrics: { entropy: sum(mul(column("weight"), entropy_N)) },
    maxima: { likeliest: largest(logProb_N) },
  }),
};

/** How many recomputed log-probabilities differ from the column `recorded` at all, and by how much at most. */
export const mismatch: Loss = {
  name: "mismatch",
  settings: {},
  build: ({ logProb_N, column }) => {
    const distance_N = abs(sub(logProb_N, column("recorded")));
    const different = sum(lessThan(constant(0), distance_N));
    return { loss: sum(logProb_N), metrics: { different }, maxima: { worst: largest(distance_N) } };
  },
};

/** What the policy chose as targets, with what sampling recorded of them: log-probabilities and, where there are any, experts. */
export function sampleOf({ promptTokens, tokens, chosen, logProbs, temperature, experts }: Rollout): TrainSample {
  const trained = [...chosen.keys()].filter((i) => chosen[i] === 1);
  return {
    tokens: Int32Array.of(...promptTokens, ...tokens),
    targets: Int32Array.from(trained, (i) => promptTokens.length + i),
    temperature,
    columns: { recorded: Float32Array.from(trained, (i) => logProbs[i]!) },
    ...(experts === undefined ? {} : { experts }),
  };
}

/** Parameters and optimizer vectors, read back through a checkpoint. */
export async function stateOf(backend: PolicyBackend, t: TestContext) {
  const folder = join(tempFolder(t), "checkpoint");
  await backend.save(folder);
  using optimizer = openSafetensors(join(folder, "optimizer.safetensors"));
  return {
    parameters: loadCheckpoint(folder).parameters,
    meanOfGradient: optimizer.read("meanOfGradient"),
    meanOfSquare: optimizer.read("meanOfSquare"),
    numUpdates: optimizer.read("numUpdates")[0]!,
  };
}

/** The accumulated gradient: what a first update leaves in the optimizer's mean is (1 - beta1) g. Applies it. */
export async function gradientOf(backend: PolicyBackend, t: TestContext): Promise<Float32Array> {
  await backend.optimStep({ ...adamSettings, beta1: 0.5, maxGradNorm: 1e9 });
  return (await stateOf(backend, t)).meanOfGradient.map((value) => 2 * value);
}

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
