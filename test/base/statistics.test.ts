import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { mean, median, standardDeviation } from "../../src/base/statistics.ts";

describe("mean and standardDeviation", () => {
  test("match a hand-worked list", () => {
    // mean 5; deviations -3, -1, 4 with squares 9, 1, 16; 26 / (3 - 1) = 13
    assert.equal(mean([2, 4, 9]), 5);
    assert.equal(standardDeviation([2, 4, 9]), Math.sqrt(13));
  });

  test("of nothing there is no mean", () => {
    assert.ok(Number.isNaN(mean([])));
  });
});

describe("median", () => {
  test("is the middle of an odd list, in numerical order", () => {
    assert.equal(median([10, 9, 100]), 10);
  });

  test("is between the two in the middle of an even list", () => {
    assert.equal(median([1, 8, 2, 100]), 5);
  });

  test("leaves the list as it was, and is none of nothing", () => {
    const values = [3, 1, 2];
    median(values);
    assert.deepEqual(values, [3, 1, 2]);
    assert.ok(Number.isNaN(median([])));
  });
});
