import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { type ArrayValue, evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import { input } from "../../src/graph/ops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { numElements, type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/policy/checkpoint.ts";
import { nextTokenLogProbs } from "../../src/policy/model.ts";
import { parameterInputs, parameterPieces } from "../../src/policy/parameters.ts";
import { sequenceFeeds } from "../../src/policy/sequenceFeeds.ts";
import { forwardSequences, sequenceInputs } from "../../src/policy/sequences.ts";
import { compile, type NDArray } from "../../src/runtime/session.ts";
import { logSoftmax, type ReferenceModel, readReference, referenceForward, referenceOf } from "../support/referenceQwen3.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { randomSequences, tinyConfig, tinyParameters, tinyTokenizerJson } from "../support/tinyPolicy.ts";

// An epsilon and a base that are not the defaults, so that a constant in their place is caught.
const base = tinyConfig({ rmsNormEpsilon: 0.01, ropeTheta: 500, width: 24 });
const configs: Readonly<Record<string, PolicyConfig>> = {
  "grouped heads": base,
  "as many key/value heads as heads": { ...base, numKvHeads: 4 },
  "one key/value head": { ...base, numKvHeads: 1, numLayers: 1 },
  "tied embeddings": { ...base, tieEmbeddings: true },
  "expert weights as the router gives them": { ...base, normTopkProb: false },
  "no experts": { ...base, numExperts: 0 },
  "no experts and tied embeddings": { ...base, numExperts: 0, tieEmbeddings: true, numLayers: 1 },
  "one expert": { ...base, numExperts: 1, expertsPerToken: 1 },
  "all experts for every token": { ...base, numExperts: 3, expertsPerToken: 3 },
  "heads wider together than the stream": { ...base, headWidth: 12, numLayers: 3 },
};
const lengths = [5, 1, 11, 2, 7];
const temperature = 0.75; // exact in float32

interface Case {
  readonly config: PolicyConfig;
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly sequences: readonly Int32Array[];
}

/** Log-probabilities after every token, and what they are computed from. */
function buildCase({ config, parameters, sequences }: Case): { readonly logProbs: Tensor; readonly feeds: Record<string, NDArray> } {
  const pieces = parameterPieces(parameterLayout(config));
  const inputs = parameterInputs(pieces);
  const { x_ND } = forwardSequences(inputs, { inputs: sequenceInputs(config), config });
  const logProbs = nextTokenLogProbs(inputs, { x_ND, temperature_N1: input("temperature", ["N", 1]), config });
  const numTokens = sequences.reduce((total, { length }) => total + length, 0);
  const weights = pieces.map(({ name, shape, offset }) => {
    return [name, { shape, data: parameters.subarray(offset, offset + numElements(shape)) }] as const;
  });
  const temperatures = { shape: [numTokens, 1], data: new Float32Array(numTokens).fill(temperature) };
  return { logProbs, feeds: { ...Object.fromEntries(weights), ...sequenceFeeds(sequences, config), temperature: temperatures } };
}

async function inEngine(about: Case): Promise<Float32Array> {
  const { logProbs, feeds } = buildCase(about);
  await using session = await compile(toOnnx({ logProbs }), { numThreads: 2 });
  return (await session.run(feeds))["logProbs"]!.data as Float32Array;
}

function inFloat64(about: Case): Float64Array {
  const { logProbs, feeds } = buildCase(about);
  const exact = Object.entries(feeds).map(([name, { shape, data }]): [string, ArrayValue] => {
    return [name, { shape, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) }];
  });
  return evaluate64(logProbs, { ...Object.fromEntries(exact), ...exactRotation(about.config, feeds["cos"]!.shape) } satisfies Feeds).data;
}

/** The rotary tables before they are rounded to float32. */
function exactRotation({ headWidth, ropeTheta }: PolicyConfig, shape: readonly number[]): Record<"cos" | "sin", ArrayValue> {
  const table = (wave: (angle: number) => number): ArrayValue => {
    const data = Float64Array.from({ length: shape[0]! * shape[1]! }, (_, i) => {
      return wave(Math.floor(i / shape[1]!) * ropeTheta ** ((-2 * (i % shape[1]!)) / headWidth));
    });
    return { shape, data };
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

function expectedLogProbs(model: ReferenceModel, sequences: readonly Int32Array[]): number[] {
  return sequences.flatMap((tokens) => referenceForward(model, tokens).flatMap(({ logits }) => [...logSoftmax(logits, temperature)]));
}

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  assert.equal(actual.length, expected.length);
  return expected.reduce((largest, value, i) => Math.max(largest, Math.abs(value - actual[i]!)), 0);
}

describe("the forward pass agrees with a second implementation", () => {
  for (const [name, config] of Object.entries(configs)) {
    test(`with ${name}`, async () => {
      const about = { config, parameters: tinyParameters(config), sequences: randomSequences(lengths, config) };
      const expected = expectedLogProbs(referenceOf(config, about.parameters), about.sequences);
      const difference64 = largestDifference(inFloat64(about), expected);
      assert.ok(difference64 < 1e-11, `in float64: ${difference64}`);
      const difference = largestDifference(await inEngine(about), expected);
      assert.ok(difference < 2e-5, `in the engine: ${difference}`);
    });
  }

  test("when it comes from a checkpoint folder", async (t) => {
    for (const config of [base, { ...base, numExperts: 0, tieEmbeddings: true }]) {
      const folder = join(tempFolder(t), "checkpoint");
      saveCheckpoint(folder, { config, parameters: tinyParameters(config), tokenizerJson: tinyTokenizerJson });
      const loaded = { ...loadCheckpoint(folder), sequences: randomSequences(lengths, config) };
      const difference = largestDifference(await inEngine(loaded), expectedLogProbs(readReference(folder), loaded.sequences));
      assert.ok(difference < 2e-5, `${difference}`);
      const before = await inEngine({ config, parameters: tinyParameters(config), sequences: loaded.sequences });
      assert.deepEqual(await inEngine(loaded), before);
    }
  });
});
