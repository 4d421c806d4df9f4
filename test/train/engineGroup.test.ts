// Through the backend, whose verbs are the group's.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { ConfigError } from "../../src/base/errors.ts";
import { constant, mul } from "../../src/graph/ops.ts";
import { parameterLayout } from "../../src/policy/architecture.ts";
import type { Loss, TrainSample } from "../../src/policy/backend.ts";
import { copyOf } from "../../src/train/backend.ts";
import { adamSettings, engineConfig, gradientOf, oneLayer, openBackend, stateOf, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor, tinyConfig } from "../support/tinyPolicy.ts";

const samples = samplesFor(randomSequences([12, 5, 9, 3, 7, 2], oneLayer));
const batch = { samples };

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0));
}

function assertNear(actual: Float32Array, expected: Float32Array, what: string): void {
  const error = norm(actual.map((value, i) => value - expected[i]!)) / norm(expected);
  assert.ok(error < 1e-5, `${what}: off by ${error} of its norm`);
}

describe("forwardBackward", () => {
  test("accumulates: two calls are one call with both batches", async (t) => {
    await using whole = openBackend();
    const { loss, entropy, gradNorm } = await whole.forwardBackward(batch, weightedCrossEntropy);
    const expected = await gradientOf(whole, t);
    assert.ok(Math.abs(gradNorm! / norm(expected) - 1) < 1e-5);
    await using halves = openBackend();
    const first = await halves.forwardBackward({ samples: samples.slice(0, 2) }, weightedCrossEntropy);
    const second = await halves.forwardBackward({ samples: samples.slice(2) }, weightedCrossEntropy);
    assertNear(await gradientOf(halves, t), expected, "gradient");
    assert.ok(
      Math.abs(first["loss"]! + second["loss"]! - loss!) < 1e-6 && Math.abs(first["entropy"]! + second["entropy"]! - entropy!) < 1e-6,
    );
    assert.ok(Math.abs(second["gradNorm"]! / gradNorm! - 1) < 1e-5, "of all that was accumulated");
  });

  test("adds up micro-batches and shards to the same gradient, metrics and maxima", async (t) => {
    await using whole = openBackend({ gradientShards: 1, microBatchTokens: 1000 });
    const expected = await whole.forwardBackward(batch, weightedCrossEntropy);
    const gradient = await gradientOf(whole, t);
    for (const cut of [{ gradientShards: 1, microBatchTokens: 12 }, { gradientShards: 3, microBatchTokens: 20 }, { gradientShards: 16 }]) {
      await using backend = openBackend(cut);
      const metrics = await backend.forwardBackward(batch, weightedCrossEntropy);
      assert.deepEqual(Object.keys(metrics), Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) {
        if (name === "routerBalance") continue; // a product of two means over the micro-batch
        assert.ok(Math.abs(metrics[name]! - value) < 1e-5, `${name}: ${metrics[name]}, expected ${value}`);
      }
      assert.equal(metrics["likeliest"], expected["likeliest"]);
      assertNear(await gradientOf(backend, t), gradient, JSON.stringify(cut));
    }
  });

  test("gives the same bits with any number of threads", async (t) => {
    const states: object[] = [];
    for (const numThreads of [1, 3]) {
      await using backend = openBackend({ numThreads, gradientShards: 3, microBatchTokens: 14 }, { config: tinyConfig() });
      const metrics = await backend.forwardBackward(batch, weightedCrossEntropy);
      await backend.optimStep(adamSettings);
      const more = await backend.forwardBackward(batch, weightedCrossEntropy);
      await backend.optimStep(adamSettings);
      states.push({ metrics, more, ...(await stateOf(backend, t)) });
    }
    assert.deepEqual(states[1], states[0]);
  });

  test("keeps losses of other names and settings apart", async () => {
    const scaled = (factor: number): Loss => ({
      name: "scaled",
      settings: { factor },
      build: (inputs) => ({ ...weightedCrossEntropy.build(inputs), loss: mul(constant(factor), weightedCrossEntropy.build(inputs).loss) }),
    });
    await using backend = openBackend();
    const losses: number[] = [];
    for (const loss of [weightedCrossEntropy, scaled(2), scaled(3), scaled(2)])
      losses.push((await backend.forwardBackward(batch, loss))["loss"]!);
    assert.deepEqual(
      losses.map((loss) => Math.round((10 * loss) / losses[0]!)),
      [10, 20, 30, 20],
    );
  });

  test("adds a gradient that reaches only some parameters to one that reached all", async (t) => {
    // The weights of experts that no token chose have a gradient of zero, not an old one.
    const [some] = samplesFor(randomSequences([2], oneLayer, "few")) as [TrainSample];
    await using both = openBackend();
    await both.forwardBackward(batch, weightedCrossEntropy);
    await both.forwardBackward({ samples: [some] }, weightedCrossEntropy);
    await using one = openBackend();
    await one.forwardBackward({ samples: [...samples, some] }, weightedCrossEntropy);
    assertNear(await gradientOf(both, t), await gradientOf(one, t), "gradient");
  });

  test("refuses a sequence that no micro-batch holds, an empty batch, and goes on", async () => {
    await using backend = openBackend({ microBatchTokens: 11 });
    await assert.rejects(backend.forwardBackward(batch, weightedCrossEntropy), (error) => {
      return error instanceof ConfigError && /engine.microBatchTokens, got 12 tokens and 11; raise it/.test(error.message);
    });
    await assert.rejects(backend.forwardBackward({ samples: [] }, weightedCrossEntropy), /at least one sample/);
    assert.ok((await backend.forwardBackward({ samples: samples.slice(1) }, weightedCrossEntropy))["loss"]! > 0);
  });
});

/** Bytes of all typed arrays that this thread can still reach, those in shared memory included. */
async function reachableBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await setImmediate();
  }
  return process.memoryUsage().arrayBuffers;
}

describe("a policy that is not trained", () => {
  const config = { ...oneLayer, expertWidth: 2048 };
  const vectorBytes = Float32Array.BYTES_PER_ELEMENT * parameterLayout(config).total; // 3 MB

  test("has no moments, as a reference; they come with the first update", async () => {
    await using policy = openBackend({}, { config });
    await policy.forwardBackward(batch, weightedCrossEntropy);
    await policy.optimStep(adamSettings);
    await using reference = copyOf(policy, engineConfig());
    await reference.forward(samples);
    await reference.digests();
    const before = await reachableBytes();
    await reference.forwardBackward(batch, weightedCrossEntropy);
    const computed = await reachableBytes();
    await reference.optimStep(adamSettings);
    const updated = await reachableBytes();
    const inVectors = [computed - before, updated - computed].map((bytes) => Math.round((10 * bytes) / vectorBytes) / 10);
    assert.deepEqual(inVectors, [0, 2]);
  });
});
