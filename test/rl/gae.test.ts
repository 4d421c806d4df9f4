import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { decisionRewards, generalizedAdvantages, lambdaReturns, policyLambda, whiten } from "../../src/rl/gae.ts";

function near(got: ArrayLike<number>, expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(got.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(got[i]! - value) <= tolerance, `element ${i}: got ${got[i]}, expected ${value}`);
  });
}

/** Rewards before the end too, so that taking r_{t+1} for r_t is caught. */
const three = { rewards: [0.1, 0, 1], values: [0.5, 0.25, 0.75] };

const episodes = fc
  .array(fc.tuple(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true })), {
    minLength: 1,
    maxLength: 12,
  })
  .map((steps) => ({ rewards: steps.map(([reward]) => reward), values: steps.map(([, value]) => value) }));
const lambdas = fc.double({ min: 0, max: 1, noNaN: true });

/** sum of r_k for k >= t, written without recursion. */
const monteCarlo = (rewards: readonly number[]): number[] => rewards.map((_, t) => rewards.slice(t).reduce((a, b) => a + b));

describe("generalizedAdvantages", () => {
  test("matches the hand-worked three-decision example", () => {
    // delta_0 = 0.1 + 0.25 - 0.5  = -0.15
    // delta_1 = 0   + 0.75 - 0.25 =  0.5
    // delta_2 = 1   + 0    - 0.75 =  0.25
    // A_2 = 0.25,  A_1 = 0.5 + 0.5 * 0.25 = 0.625,  A_0 = -0.15 + 0.5 * 0.625 = 0.1625
    near(generalizedAdvantages(three, 0.5), [0.1625, 0.625, 0.25]);
  });

  test("is the Monte-Carlo return minus the value at lambda 1, and the error of one step at lambda 0", () => {
    fc.assert(
      fc.property(episodes, ({ rewards, values }) => {
        near(
          generalizedAdvantages({ rewards, values }, 1),
          monteCarlo(rewards).map((sum, t) => sum - values[t]!),
          1e-9,
        );
        near(
          generalizedAdvantages({ rewards, values }, 0),
          rewards.map((reward, t) => reward + (values[t + 1] ?? 0) - values[t]!),
        );
      }),
    );
  });

  test("is eq. 16 as a sum: deltas with weights lambda^k", () => {
    fc.assert(
      fc.property(episodes, lambdas, ({ rewards, values }, lambda) => {
        const deltas = rewards.map((reward, t) => reward + (values[t + 1] ?? 0) - values[t]!);
        near(
          generalizedAdvantages({ rewards, values }, lambda),
          deltas.map((_, t) => deltas.slice(t).reduce((sum, delta, k) => sum + lambda ** k * delta, 0)),
          1e-9,
        );
      }),
    );
  });

  test("has nothing to say of an episode without decisions", () => {
    assert.deepEqual(generalizedAdvantages({ rewards: [], values: [] }, 0.9), new Float64Array());
  });
});

describe("lambdaReturns", () => {
  test("matches the hand-worked three-decision example", () => {
    // G_2 = 1,  G_1 = 0 + 0.5 * 0.75 + 0.5 * 1 = 0.875,  G_0 = 0.1 + 0.5 * 0.25 + 0.5 * 0.875 = 0.6625
    near(lambdaReturns(three, 0.5), [0.6625, 0.875, 1]);
  });

  test("is the sum of the rewards to come at lambda 1, exactly, whatever the values", () => {
    assert.deepEqual([...lambdaReturns({ rewards: [0, 0, 0.7], values: [0.1, 1 / 3, -5] }, 1)], [0.7, 0.7, 0.7]);
  });

  test("is the advantage under the same lambda plus the value", () => {
    fc.assert(
      fc.property(episodes, lambdas, (episode, lambda) => {
        const advantages = generalizedAdvantages(episode, lambda);
        near(
          lambdaReturns(episode, lambda),
          episode.values.map((value, t) => advantages[t]! + value),
          1e-9,
        );
      }),
    );
  });
});

describe("policyLambda", () => {
  test("grows with the length: 0.95 at 400 decisions, 0 up to 1 / alpha", () => {
    const lambda = (l: number) => policyLambda({ kind: "length-adaptive", alpha: 0.05 }, l);
    near([lambda(400), lambda(40), lambda(20), lambda(7), lambda(1)], [0.95, 0.5, 0, 0, 0]);
  });

  test("gives the deltas weights that add up to alpha l, the premise of the formula", () => {
    const lambda = policyLambda({ kind: "length-adaptive", alpha: 0.2 }, 35);
    near([1 / (1 - lambda)], [0.2 * 35], 1e-9);
  });

  test("is the constant for every length", () => {
    assert.deepEqual(
      [1, 1000].map((l) => policyLambda({ kind: "constant", lambda: 0.9 }, l)),
      [0.9, 0.9],
    );
  });
});

describe("decisionRewards", () => {
  test("pays at the last decision, on top of what each decision earned", () => {
    near(decisionRewards(0.8, { numDecisions: 3 }), [0, 0, 0.8]);
    near(decisionRewards(0.8, { numDecisions: 3, perDecision: Float32Array.of(-0.5, 0, 0.25) }), [-0.5, 0, 1.05]);
    near(decisionRewards(1, { numDecisions: 0 }), []);
  });
});

describe("whiten", () => {
  test("scales to mean 0 and standard deviation 1 over the decisions of all episodes", () => {
    // 1, 2, 3, 6: mean 3, squares 4 + 1 + 0 + 9 = 14, variance 14 / 3
    const [a, b] = whiten([Float64Array.of(1, 2), Float64Array.of(3, 6)]);
    const std = Math.sqrt(14 / 3);
    near([...a!, ...b!], [-2 / std, -1 / std, 0, 3 / std], 1e-8);
  });

  test("leaves nothing where all are the same, or where there is only one", () => {
    assert.deepEqual(whiten([Float64Array.of(2, 2), Float64Array.of(2)]), [Float64Array.of(0, 0), Float64Array.of(0)]);
    assert.deepEqual(whiten([Float64Array.of(5)]), [Float64Array.of(0)]);
    assert.deepEqual(whiten([]), []);
  });
});
