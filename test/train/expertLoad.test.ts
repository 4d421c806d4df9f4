import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { expertLoad } from "../../src/train/expertLoad.ts";
import { openBackend, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor, tinyConfig } from "../support/tinyPolicy.ts";

describe("expertLoad", () => {
  test("is the largest share beside an even one, of the most uneven layer", () => {
    // layer 0: even; layer 1: 6 of 8 tokens to one of 4 experts, 6 / 2 = 3
    assert.deepEqual(expertLoad(Float64Array.of(2, 2, 2, 2, 1, 6, 0, 1), { numExperts: 4 }), { expertLoad: 3, deadExperts: 1 / 8 });
  });
});

describe("EmbeddedBackend, its experts", () => {
  test("adds up what they got over micro-batches and shards", async () => {
    const config = tinyConfig({ numExperts: 8 });
    const batch = { samples: samplesFor(randomSequences([12, 5, 9, 3, 7, 2], config)) };
    await using whole = openBackend({ gradientShards: 1, microBatchTokens: 1000 }, { config });
    const { expertLoad: load, deadExperts } = await whole.forwardBackward(batch, weightedCrossEntropy);
    assert.ok(load! > 1 && load! <= 4, `load ${load}`);
    await using cut = openBackend({ gradientShards: 3, microBatchTokens: 12 }, { config });
    const metrics = await cut.forwardBackward(batch, weightedCrossEntropy);
    assert.deepEqual([metrics["expertLoad"], metrics["deadExperts"]], [load, deadExperts]);
  });

  test("says nothing of a policy without any", async () => {
    const config = tinyConfig({ numExperts: 0 });
    await using backend = openBackend({}, { config });
    const metrics = await backend.forwardBackward({ samples: samplesFor(randomSequences([5], config)) }, weightedCrossEntropy);
    assert.deepEqual(
      ["expertLoad", "deadExperts", "routerEntropy"].filter((name) => name in metrics),
      [],
    );
  });
});
