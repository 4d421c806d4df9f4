import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { BudgetMix, drawBudget, largestBudget } from "../../src/data/budgets.ts";

const draws = (mix: object, count = 4000): (number | undefined)[] =>
  Array.from({ length: count }, (_, i) => drawBudget(rngFor("budgets-test", i), BudgetMix.parse(mix)));

const complaint = (mix: object): string => {
  const { path, message } = BudgetMix.safeParse(mix).error!.issues[0]!;
  return `${path.join(".")}: ${message}`;
};

describe("drawBudget", () => {
  test("draws every entry of a list as often, and leaves the stated share to the policy", () => {
    const drawn = draws({ grid: [0, 16, 64], autonomousShare: 0.4 });
    const share = (budget: number | undefined): number => drawn.filter((each) => each === budget).length / drawn.length;
    // Standard error at most 0.008.
    assert.ok(Math.abs(share(undefined) - 0.4) < 0.03, `${share(undefined)}`);
    for (const budget of [0, 16, 64]) assert.ok(Math.abs(share(budget) - 0.2) < 0.03, `${budget}: ${share(budget)}`);
  });

  test("spreads a range evenly over its logarithm, both ends included", () => {
    const drawn = draws({ grid: { from: 4, to: 255 }, autonomousShare: 0 }) as number[];
    // log(256 / 4) is six doublings: [4, 8), [8, 16), ..., [128, 256).
    for (let doubling = 2; doubling < 8; doubling++) {
      const share = drawn.filter((budget) => Math.floor(Math.log2(budget)) === doubling).length / drawn.length;
      assert.ok(Math.abs(share - 1 / 6) < 0.03, `${2 ** doubling}: ${share}`);
    }
    assert.ok(Math.min(...drawn) === 4 && Math.max(...drawn) <= 255 && Math.max(...drawn) > 250);
  });

  test("a range of one budget gives it, and shares of 0 and 1 are exact", () => {
    assert.deepEqual(new Set(draws({ grid: { from: 7, to: 7 }, autonomousShare: 0 }, 200)), new Set([7]));
    assert.deepEqual(new Set(draws({ grid: [3], autonomousShare: 1 }, 200)), new Set([undefined]));
  });
});

describe("largestBudget", () => {
  test("is the end of the range or the largest of the list", () => {
    assert.equal(largestBudget(BudgetMix.parse({ grid: { from: 2, to: 9 } })), 9);
    assert.equal(largestBudget(BudgetMix.parse({ grid: [8, 64, 0] })), 64);
  });
});

describe("BudgetMix", () => {
  test("refuses what cannot be drawn from, in words", () => {
    assert.match(complaint({ grid: [] }), /^grid: .*at least one budget/);
    assert.match(complaint({ grid: [4, 4] }), /^grid: .*each budget once/);
    assert.match(complaint({ grid: { from: 9, to: 8 } }), /^grid.*: must be at least from/);
    assert.match(complaint({ grid: [1.5] }), /^grid/);
    assert.match(complaint({ grid: [1], autonomousShare: 1.1 }), /^autonomousShare: /);
  });
});
