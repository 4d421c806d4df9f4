import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { exp, largest, mul, neg, stopGradient, sum } from "../../src/graph/ops.ts";
import type { Loss, TrainSample } from "../../src/policy/backend.ts";
import { evaluateLoss, type LossFeeds, numericalGradient } from "../support/lossValues.ts";
import { gradientOf, oneLayer, openBackend } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor } from "../support/tinyPolicy.ts";

/** -sum_t w_t exp(mean of the sequence's log-probabilities): every token's gradient depends on all tokens of its sequence. */
const geometricMeans: Loss = {
  name: "geometric-means",
  settings: {},
  build: ({ logProb_N, sequenceMean, column }) => {
    const mean_N = sequenceMean(logProb_N);
    return { loss: neg(sum(mul(column("weight"), exp(mean_N)))), metrics: { means: sum(mul(stopGradient(mean_N), column("weight"))) } };
  },
};

describe("sequenceMean", () => {
  const feeds: LossFeeds = {
    logProb: [-1, -3, -0.5, -2, -2, -5],
    entropy: [0, 0, 0, 0, 0, 0],
    columns: { weight: [1, 10, 100, 1000, 10000, 100000] },
    lengths: [2, 1, 3],
  };

  test("spreads each sequence's mean to its tokens", () => {
    // means -2, -0.5, -3: 11 * -2 + 100 * -0.5 + 111000 * -3
    assert.equal(evaluateLoss(geometricMeans, feeds).metrics["means"], -22 - 50 - 333000);
  });

  test("has the gradient of central differences", () => {
    const small = { ...feeds, columns: { weight: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] } };
    const expected = numericalGradient(geometricMeans, small);
    evaluateLoss(geometricMeans, small).dLogProb.forEach((slope, i) => {
      assert.ok(Math.abs(slope - expected[i]!) < 1e-8, `got ${slope}, expected ${expected[i]}`);
    });
  });

  test("gives the same loss and gradient however the batch is cut", async (t) => {
    const samples = samplesFor(randomSequences([9, 2, 6, 4], oneLayer));
    const results: { loss: number; gradient: Float32Array }[] = [];
    for (const microBatchTokens of [9, 64]) {
      await using backend = openBackend({ microBatchTokens, gradientShards: 1 });
      const { loss } = await backend.forwardBackward({ samples }, geometricMeans);
      results.push({ loss: loss!, gradient: await gradientOf(backend, t) });
    }
    const [cut, whole] = results as [(typeof results)[number], (typeof results)[number]];
    assert.ok(Math.abs(cut.loss - whole.loss) < 1e-6);
    const scale = Math.max(...whole.gradient.map(Math.abs));
    assert.ok(cut.gradient.every((value, i) => Math.abs(value - whole.gradient[i]!) <= 1e-5 * scale));
  });

  test("is in the engine the mean of the sequence alone, in the same bits whatever is beside it", async () => {
    await using backend = openBackend();
    const sequences = samplesFor(randomSequences([7, 5, 9], oneLayer)) as [TrainSample, TrainSample, TrainSample];
    const ask = async (samples: readonly TrainSample[], loss: Loss): Promise<number> => {
      const metrics = await backend.forwardBackward({ samples }, loss);
      await backend.discardGradient();
      return metrics["answer"]!;
    };
    const weighing = (sample: TrainSample, weight: number): TrainSample => ({
      ...sample,
      columns: { weight: new Float32Array(sample.targets.length).fill(weight) },
    });
    const [alone, ...others] = sequences;
    const expected = await ask([weighing(alone, 1 / alone.targets.length)], total);
    const seen = weighing(alone, 1);
    const hidden = others.map((sample) => weighing(sample, 0));
    const means = [await ask([seen], shown), await ask([...hidden, seen], shown), await ask([hidden[0]!, seen, hidden[1]!], shown)];
    assert.ok(Math.abs(means[0]! - expected) < 1e-6, `got ${means[0]}, expected ${expected}`);
    assert.deepEqual(means, [means[0], means[0], means[0]]);
  });
});

/** Weighted sum of the log-probabilities, less than 0. */
const total: Loss = {
  name: "total",
  settings: {},
  build: ({ logProb_N, column }) => {
    const loss = sum(mul(column("weight"), logProb_N));
    return { loss, metrics: { answer: loss } };
  },
};

/** The mean of the one sequence whose weight is not 0, without a sum over the batch, whose order depends on its size. */
const shown: Loss = {
  name: "shown",
  settings: {},
  build: ({ logProb_N, sequenceMean, column }) => {
    const mean_N = sequenceMean(logProb_N);
    return { loss: sum(mean_N), metrics: { answer: neg(largest(mul(column("weight"), neg(mean_N)))) } };
  },
};
