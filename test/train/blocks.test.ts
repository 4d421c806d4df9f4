import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { parameterLayout } from "../../src/policy/architecture.ts";
import { blockMetrics, blockNorms, blockRanges, measureBlocks } from "../../src/train/blocks.ts";
import { adamSettings, gradientOf, openBackend, stateOf, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

describe("blockRanges", () => {
  test("covers the vector, with the router apart from the experts", () => {
    const layout = parameterLayout(tinyConfig({ numLayers: 1, valueHead: true }));
    const ranges = blockRanges(layout);
    assert.deepEqual(
      ranges.map(({ block }) => block),
      ["embed", "layers.0.attention", "layers.0.ffn", "layers.0.router", "layers.0.ffn", "head", "valueHead"],
    );
    const ends = ranges.map(({ to }) => to);
    assert.deepEqual(
      ranges.map(({ from }) => from),
      [0, ...ends.slice(0, -1)],
    );
    assert.equal(ends.at(-1), layout.total);
  });
});

describe("blockNorms", () => {
  const ranges = [
    { block: "a", from: 0, to: 2 },
    { block: "b", from: 2, to: 3 },
    { block: "a", from: 3, to: 4 },
  ];
  const vector = [1, 2, 7, 2];
  const squares = (within: { from: number; to: number }): number[] =>
    measureBlocks(ranges, { within, measure: ({ from, to }) => vector.slice(from, to).reduce((sum, x) => sum + x * x, 0) });

  test("puts a block's stretches together, wherever the vector is cut", () => {
    for (const cut of [0, 1, 2, 3, 4]) {
      const norms = blockNorms(ranges, [squares({ from: 0, to: cut }), squares({ from: cut, to: 4 })]);
      assert.deepEqual(blockMetrics("norm", norms), { "norm/a": 3, "norm/b": 7 });
    }
  });
});

describe("EmbeddedBackend, by block", () => {
  const config = tinyConfig({ numLayers: 2 });
  const batch = { samples: samplesFor(randomSequences([12, 5, 9], config)) };
  const layout = parameterLayout(config);
  const ofBlock = (vector: Float32Array, block: string): Float32Array => {
    const own = blockRanges(layout).filter((range) => range.block === block);
    return Float32Array.from(own.flatMap(({ from, to }) => [...vector.subarray(from, to)]));
  };

  test("reports the norm of the gradient in each block", async (t) => {
    await using backend = openBackend({ gradientShards: 3 }, { config });
    const metrics = await backend.forwardBackward(batch, weightedCrossEntropy);
    const gradient = await gradientOf(backend, t);
    for (const { block } of blockRanges(layout)) {
      const expected = norm(ofBlock(gradient, block));
      assert.ok(expected > 0 && Math.abs(metrics[`gradNorm/${block}`]! / expected - 1) < 1e-5, block);
    }
  });

  test("reports how far an update moved the weights beside their norm", async (t) => {
    await using backend = openBackend({ gradientShards: 3 }, { config });
    await backend.forwardBackward(batch, weightedCrossEntropy);
    const metrics = await backend.optimStep(adamSettings);
    const before = tinyParameters(config);
    const { parameters: after } = await stateOf(backend, t);
    const moved = after.map((value, i) => value - before[i]!);
    assert.ok(Math.abs(metrics["updateRatio"]! / (norm(moved) / norm(before)) - 1) < 1e-5);
    for (const { block } of blockRanges(layout)) {
      const expected = norm(ofBlock(moved, block)) / norm(ofBlock(before, block));
      assert.ok(Math.abs(metrics[`updateRatio/${block}`]! / expected - 1) < 1e-5, block);
    }
  });

  test("has no ratio for a block whose weights are all 0", async () => {
    const withValues = tinyConfig({ numLayers: 1, valueHead: true });
    const parameters = tinyParameters(withValues);
    parameters.fill(0, parameterLayout(withValues).entries.at(-1)!.offset);
    await using backend = openBackend({}, { config: withValues, parameters });
    await backend.forwardBackward({ samples: samplesFor(randomSequences([5], withValues)) }, weightedCrossEntropy);
    const metrics = await backend.optimStep(adamSettings);
    assert.equal("updateRatio/valueHead" in metrics, false);
    assert.ok(Number.isFinite(metrics["updateRatio"]));
  });
});
