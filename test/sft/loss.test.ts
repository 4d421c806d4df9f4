import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { crossEntropyLoss, supervisedBatch } from "../../src/sft/loss.ts";
import { evaluateLoss, type LossFeeds, numericalGradient } from "../support/lossValues.ts";

const feeds: LossFeeds = {
  logProb: [Math.log(0.5), Math.log(0.25), Math.log(0.1)],
  entropy: [1, 2, 100],
  columns: { weight: [0.75, 0.25, 0] },
};

describe("crossEntropyLoss", () => {
  test("matches the hand-worked example", () => {
    // 0.75 ln 2 + 0.25 ln 4 = 1.25 ln 2
    const { loss, metrics } = evaluateLoss(crossEntropyLoss, feeds);
    assert.ok(Math.abs(loss - 1.25 * Math.LN2) < 1e-12, `got ${loss}`);
    assert.equal(metrics["entropy"], 0.75 * 1 + 0.25 * 2);
  });

  test("is the logarithm of the vocabulary for a policy that knows nothing", () => {
    const uniform = {
      logProb: new Array(4).fill(-Math.log(64)),
      entropy: new Array(4).fill(0),
      columns: { weight: new Array(4).fill(0.25) },
    };
    assert.ok(Math.abs(evaluateLoss(crossEntropyLoss, uniform).loss - Math.log(64)) < 1e-12);
  });

  test("pulls each token up by its weight, as central differences say", () => {
    const { dLogProb, dEntropy } = evaluateLoss(crossEntropyLoss, feeds);
    assert.deepEqual(dLogProb, [-0.75, -0.25, -0]);
    assert.deepEqual(dEntropy.map(Math.abs), [0, 0, 0]);
    numericalGradient(crossEntropyLoss, feeds).forEach((slope, i) => {
      assert.ok(Math.abs(slope - dLogProb[i]!) < 1e-8);
    });
  });
});

describe("supervisedBatch", () => {
  test("learns the targets of all demonstrations with equal weight and nothing of the prompts", () => {
    const batch = supervisedBatch([
      { tokens: Int32Array.of(1, 2, 3, 4), targets: Int32Array.of(2, 3) },
      { tokens: Int32Array.of(5, 6), targets: Int32Array.of(1) },
    ]);
    const third = Math.fround(1 / 3);
    assert.deepEqual(
      batch.samples.map(({ targets, temperature, columns }) => ({ targets: [...targets], temperature, weight: [...columns["weight"]!] })),
      [
        { targets: [2, 3], temperature: 1, weight: [third, third] },
        { targets: [1], temperature: 1, weight: [third] },
      ],
    );
  });
});
