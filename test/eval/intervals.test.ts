import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { bootstrapInterval, meanOf, shareInterval, spreadOf } from "../../src/eval/intervals.ts";

const near = (actual: number | undefined, expected: number, within = 1e-5): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < within, `got ${actual}, expected ${expected}`);

describe("shareInterval", () => {
  test("matches the hand-worked eight of ten", () => {
    // z^2 = 3.841459; middle 0.8 + 0.192073 = 0.992073; reach 1.959964 sqrt(0.016 + 0.009604) = 0.313617; scale 1.384146
    const { value, low, high } = shareInterval(8, 10)!;
    assert.equal(value, 0.8);
    near(low, 0.490162);
    near(high, 0.943318);
  });

  test("ends exactly at 0 and 1 where nothing or everything succeeded, and stays open on the other side", () => {
    // (z^2 / 20 + z^2 / 20) / (1 + z^2 / 10) = 0.384146 / 1.384146
    const none = shareInterval(0, 10)!;
    assert.deepEqual([none.value, none.low], [0, 0]);
    near(none.high, 0.277533);
    const all = shareInterval(10, 10)!;
    assert.deepEqual([all.value, all.high], [1, 1]);
    near(all.low, 1 - 0.277533);
  });

  test("is the usual normal interval for many trials", () => {
    const { low, high } = shareInterval(300_000, 1_000_000)!;
    near(high - low, 2 * 1.959964 * Math.sqrt(0.21 / 1_000_000), 1e-7);
  });

  test("says nothing where nothing was tried", () => {
    assert.equal(shareInterval(0, 0), undefined);
  });
});

describe("bootstrapInterval", () => {
  const halves = Array.from({ length: 400 }, (_, i) => i % 2);

  test("agrees with the normal interval of a mean", () => {
    // Standard error of the mean of 400 zeros and ones: 0.5 / 20 = 0.025.
    const { value, low, high } = bootstrapInterval(halves, meanOf, rngFor("bootstrap-test"))!;
    assert.equal(value, 0.5);
    near(low, 0.5 - 1.96 * 0.025, 0.006);
    near(high, 0.5 + 1.96 * 0.025, 0.006);
  });

  test("is the same for the same stream, and of a constant the constant", () => {
    const interval = () => bootstrapInterval(halves, spreadOf, rngFor("bootstrap-test", 2));
    assert.deepEqual(interval(), interval());
    assert.deepEqual(bootstrapInterval([7, 7, 7], meanOf, rngFor("bootstrap-test")), { value: 7, low: 7, high: 7 });
  });

  test("leaves out resamples without the statistic, and has none where the sample has none", () => {
    const inverse = (items: readonly number[]): number | undefined => {
      const sum = items.reduce((total, item) => total + item, 0);
      return sum === 0 ? undefined : items.length / sum;
    };
    const { value, high } = bootstrapInterval([0, 0, 1], inverse, rngFor("bootstrap-test"))!;
    assert.deepEqual([value, high], [3, 3]); // 3 / 0 of [0, 0, 0] would be larger
    assert.equal(bootstrapInterval([0, 0], inverse, rngFor("bootstrap-test")), undefined);
  });
});

describe("spreadOf", () => {
  test("is the standard deviation with n - 1", () => {
    // mean 5; squares 9, 1, 1, 9
    near(spreadOf([2, 4, 6, 8]), Math.sqrt(20 / 3), 1e-12);
    assert.equal(spreadOf([2]), undefined);
    assert.equal(meanOf([]), undefined);
  });
});
