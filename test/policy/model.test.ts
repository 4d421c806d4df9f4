import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { type ArrayValue, evaluate64 } from "../../src/graph/evaluate64.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import type { PolicyConfig } from "../../src/policy/architecture.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/policy/checkpoint.ts";
import { expertFeeds } from "../../src/policy/experts.ts";
import { compile, type NDArray } from "../../src/runtime/session.ts";
import { logProbsFeeds, logProbsGraph, type Policy } from "../support/forwardPass.ts";
import {
  type ForcedExperts,
  logSoftmax,
  type ReferenceModel,
  readReference,
  referenceForward,
  referenceOf,
} from "../support/referenceQwen3.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { randomExperts, randomSequences, recordedExperts, tinyConfig, tinyParameters, tinyTokenizerJson } from "../support/tinyPolicy.ts";

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

interface Case extends Policy {
  readonly sequences: readonly Int32Array[];
  /** Where the tokens must be sent. */
  readonly experts?: readonly Uint16Array[] | undefined;
}

async function inEngine(about: Case): Promise<ArrayLike<number>> {
  const graph = logProbsGraph(about, { replays: about.experts !== undefined });
  await using session = await compile(toOnnx({ logProbs: graph }), { numThreads: 2 });
  const { logProbs } = await session.run({ ...logProbsFeeds(about, { ...about, temperature }), ...replayFeeds(about) });
  return logProbs!.data as Float32Array;
}

function replayFeeds({ sequences, experts, config }: Case): Record<string, NDArray> {
  if (experts === undefined) return {};
  return expertFeeds(
    sequences.map((tokens, i) => ({ tokens, experts: experts[i]! })),
    config,
  );
}

function inFloat64({ sequences, experts, ...policy }: Case): Float64Array {
  const feeds = { ...logProbsFeeds(policy, { sequences, temperature }), ...replayFeeds({ sequences, experts, ...policy }) };
  const exact = Object.entries(feeds).map(([name, { shape, data }]): [string, ArrayValue] => {
    return [name, { shape, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) }];
  });
  const turn = exactRotation(policy.config, feeds["cos"]!.shape as [number, number]);
  return evaluate64(logProbsGraph(policy, { replays: experts !== undefined }), { ...Object.fromEntries(exact), ...turn }).data;
}

/** The rotary tables [positions, headWidth / 2] before they are rounded to float32. */
function exactRotation({ headWidth, ropeTheta }: PolicyConfig, shape: readonly [number, number]): Record<"cos" | "sin", ArrayValue> {
  const table = (wave: (angle: number) => number): ArrayValue => {
    const data = Float64Array.from({ length: shape[0] * shape[1] }, (_, i) => {
      return wave(Math.floor(i / shape[1]) * ropeTheta ** ((-2 * (i % shape[1])) / headWidth));
    });
    return { shape, data };
  };
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

function expectedLogProbs(model: ReferenceModel, sequences: readonly Int32Array[], forced: readonly ForcedExperts[] = []): number[] {
  return sequences.flatMap((tokens, i) =>
    referenceForward(model, tokens, forced[i]).flatMap(({ logits }) => [...logSoftmax(logits, temperature)]),
  );
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

  for (const normTopkProb of [true, false]) {
    test(`with experts that the router would not choose, ${normTopkProb ? "scaled" : "not scaled"}`, async () => {
      const config = { ...base, normTopkProb, numExperts: 6 };
      const sequences = randomSequences(lengths, config);
      const experts = randomExperts(sequences, config);
      const about = { config, parameters: tinyParameters(config), sequences, experts };
      const reference = referenceOf(config, about.parameters);
      const forced = experts.map((recording) => recordedExperts(recording, config));
      const expected = expectedLogProbs(reference, sequences, forced);
      assert.ok(largestDifference(expectedLogProbs(reference, sequences), expected) > 0.1, "the router would choose the same");
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
