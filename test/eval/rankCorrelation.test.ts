import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rankCorrelation } from "../../src/eval/rankCorrelation.ts";

const pairs = (x: readonly number[], y: readonly number[]) => x.map((value, i) => [value, y[i]!] as const);
const near = (actual: number | undefined, expected: number): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-12, `got ${actual}, expected ${expected}`);

describe("rankCorrelation", () => {
  test("matches the hand-worked example without ties", () => {
    // 1 - 6 sum d^2 / (n (n^2 - 1)) with d = 1, 1, 1, 1, 0: 1 - 24 / 120
    near(rankCorrelation(pairs([10, 20, 30, 40, 50], [2, 1, 4, 3, 5])), 0.8);
  });

  test("gives equal values the mean of their ranks", () => {
    // ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, squares 4.5 and 5
    near(rankCorrelation(pairs([1, 2, 2, 3], [1, 2, 3, 4])), 4.5 / Math.sqrt(4.5 * 5));
  });

  test("sees any rising curve as 1 and any falling one as -1", () => {
    const x = [0.5, 3, -2, 8];
    near(rankCorrelation(x.map((value) => [value, Math.exp(value)])), 1);
    near(rankCorrelation(x.map((value) => [value, -(value ** 3)])), -1);
  });

  test("is unknown where one side is constant or there is nothing", () => {
    assert.equal(rankCorrelation(pairs([1, 2, 3], [4, 4, 4])), undefined);
    assert.equal(rankCorrelation([]), undefined);
  });
});
