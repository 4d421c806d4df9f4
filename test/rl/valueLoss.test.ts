import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GraphError } from "../../src/base/errors.ts";
import { clippedValueLoss, explainedVariance } from "../../src/rl/valueLoss.ts";
import { evaluateLoss, type LossFeeds, numericalGradient } from "../support/lossValues.ts";

const loss = clippedValueLoss({ valueClip: 0.2 });

function decisions(rows: readonly { value: number; oldValue: number; return: number; weight: number }[]): LossFeeds & { value: number[] } {
  const none = rows.map(() => 0);
  const column = (name: "oldValue" | "return" | "weight") => rows.map((row) => row[name]);
  return {
    logProb: none,
    entropy: none,
    value: column("oldValue").map((_, i) => rows[i]!.value),
    columns: { oldValue: column("oldValue"), return: column("return"), weight: column("weight") },
  };
}

function close(got: number | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(got !== undefined && Math.abs(got - expected) <= tolerance, `got ${got}, expected ${expected}`);
}

describe("clippedValueLoss", () => {
  const three = decisions([
    { value: 0.6, oldValue: 0.5, return: 1, weight: 0.5 },
    { value: 0.9, oldValue: 0.5, return: 1, weight: 0.3 },
    { value: 0.1, oldValue: 0.5, return: 1, weight: 0.2 },
  ]);

  test("matches the hand-worked three-decision example", () => {
    // bounded to   0.6    0.7    0.3
    // plain        0.16   0.01   0.81
    // clipped      0.16   0.09   0.49
    // max          0.16   0.09   0.81     half the weighted sum: (0.08 + 0.027 + 0.162) / 2 = 0.1345
    const { loss: value, metrics } = evaluateLoss(loss, three);
    close(value, 0.1345);
    close(metrics["clipped"], 0.3);
    close(metrics["squaredError"], 0.08 + 0.003 + 0.162);
    close(metrics["value"], 0.3 + 0.27 + 0.02);
  });

  test("lets no gradient through where a value has moved far enough towards its return, and all of it otherwise", () => {
    const { dValue } = evaluateLoss(loss, three);
    close(dValue[0], 0.5 * (0.6 - 1));
    close(dValue[1], 0);
    close(dValue[2], 0.2 * (0.1 - 1));
  });

  test("has the gradient of central differences on both sides of the clip, and none by the policy's numbers", () => {
    const moves = [-0.5, -0.25, -0.15, 0, 0.05, 0.15, 0.25, 0.6];
    const feeds = decisions(
      moves.flatMap((move) => [1, -0.3].map((goal) => ({ value: 0.4 + move, oldValue: 0.4, return: goal, weight: 1 / 16 }))),
    );
    const { dValue, dLogProb } = evaluateLoss(loss, feeds);
    const expected = numericalGradient(loss, feeds, "value");
    dValue.forEach((slope, i) => {
      close(slope, expected[i]!, 1e-8);
    });
    assert.deepEqual(new Set(dLogProb), new Set([0]));
  });

  test("is half the squared error where no value moves by more than the bound", () => {
    const wide = clippedValueLoss({ valueClip: 100 });
    close(evaluateLoss(wide, three).loss, 0.5 * evaluateLoss(wide, three).metrics["squaredError"]!);
  });

  test("refuses a policy without a value head", () => {
    const { value: _, ...without } = three;
    assert.throws(() => evaluateLoss(loss, without), GraphError);
  });
});

describe("explainedVariance", () => {
  test("is 1 for a perfect critic, also where it is off by a constant, and 0 for one that says the mean", () => {
    assert.equal(explainedVariance([1, 0, 1], [1, 0, 1]), 1);
    close(explainedVariance([1.5, 0.5, 1.5], [1, 0, 1]), 1);
    close(explainedVariance([0.5, 0.5, 0.5], [1, 0, 1]), 0);
  });

  test("matches a hand-worked example, and is negative for a critic that misleads", () => {
    // returns 0 2 4: variance 8/3; errors 0 1 1: mean 2/3, variance (4 + 1 + 1) / 27 = 2/9; 1 - (2/9) / (8/3) = 11/12
    close(explainedVariance([0, 1, 3], [0, 2, 4]), 11 / 12);
    close(explainedVariance([1, 0], [0, 1]), -3);
  });

  test("is undefined where there is nothing to explain", () => {
    assert.equal(explainedVariance([0.1, 0.2], [1, 1]), undefined);
    assert.equal(explainedVariance([], []), undefined);
  });
});
