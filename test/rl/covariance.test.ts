import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { rngFor } from "../../src/base/rng.ts";
import { covariances, keptTokens, penalisedTokens, withCovarianceColumn } from "../../src/rl/covariance.ts";

/** How many of `values` are `value`. */
const count = (values: readonly number[], value: number): number => values.filter((each) => each === value).length;

describe("covariances", () => {
  test("match the hand-worked tokens", () => {
    // log-probabilities -1 -3 -2, mean -2; advantages 2 -1 -1, mean 0: 1 * 2, -1 * -1, 0 * -1
    assert.deepEqual(covariances([-1, -3, -2], [2, -1, -1]), [2, 1, -0]);
  });

  test("add up to N times the covariance, which falls with neither's mean", () => {
    const numbers = fc.array(fc.tuple(fc.integer({ min: -9, max: 0 }), fc.integer({ min: -9, max: 9 })), { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(numbers, fc.integer(), (pairs, shift) => {
        const [x, a] = [pairs.map(([own]) => own), pairs.map(([, own]) => own)];
        const total = covariances(x, a).reduce((sum, own) => sum + own, 0);
        const product = pairs.reduce((sum, [own, advantage]) => sum + own * advantage, 0);
        const sums = x.reduce((p, q) => p + q) * a.reduce((p, q) => p + q);
        assert.ok(Math.abs(total - (product - sums / pairs.length)) < 1e-9);
        const moved = covariances(
          x,
          a.map((own) => own + (shift % 100)),
        );
        covariances(x, a).forEach((own, t) => {
          assert.ok(Math.abs(own - moved[t]!) < 1e-9);
        });
      }),
    );
  });
});

describe("keptTokens", () => {
  const cov = [0.5, 2, 3, 4, 9, 1.5, -2, 2.5];

  test("takes the asked share of all tokens out of those between the bounds", () => {
    const kept = keptTokens(cov, { kind: "clip-cov", share: 0.25, min: 1, max: 5 }, rngFor("covariance", 0));
    assert.equal(count(kept, 0), 2);
    for (const [t, value] of kept.entries()) if (value === 0) assert.ok(cov[t]! > 1 && cov[t]! < 5);
  });

  test("takes one where the share is less than one, and none where none is between the bounds", () => {
    const rng = rngFor("covariance", 1);
    assert.equal(count(keptTokens(cov, { kind: "clip-cov", share: 1e-6, min: 1, max: 5 }, rng), 0), 1);
    assert.equal(count(keptTokens(cov, { kind: "clip-cov", share: 1, min: 1, max: 5 }, rng), 0), 5);
    assert.equal(count(keptTokens(cov, { kind: "clip-cov", share: 1, min: 10, max: 20 }, rng), 0), 0);
  });

  test("draws others for another stream, and the same for the same", () => {
    const many = Array.from({ length: 200 }, () => 2);
    const drawn = (seed: number): number[] =>
      keptTokens(many, { kind: "clip-cov", share: 0.1, min: 1, max: 5 }, rngFor("covariance", seed));
    assert.deepEqual(drawn(2), drawn(2));
    assert.notDeepEqual(drawn(2), drawn(3));
  });
});

describe("penalisedTokens", () => {
  test("takes those with the largest covariance, the earlier of equals", () => {
    assert.deepEqual(penalisedTokens([1, 5, 3, 5, 5, 0], { share: 0.34 }), [0, 1, 0, 1, 0, 0]);
    assert.deepEqual(penalisedTokens([1, 5, 3], { share: 1e-6 }), [0, 1, 0]);
  });
});

describe("withCovarianceColumn", () => {
  test("hands every sequence its part, over the means of all", () => {
    const sample = (oldLogProb: readonly number[], advantage: number) => ({
      tokens: new Int32Array(oldLogProb.length + 1),
      targets: Int32Array.from(oldLogProb, (_, t) => t + 1),
      temperature: 1,
      columns: { oldLogProb: Float32Array.from(oldLogProb), advantage: new Float32Array(oldLogProb.length).fill(advantage) },
    });
    // mean log-probability -3, mean advantage 0.5 (four of 1, two of -0.5): the second's last token has 2.5 * 0.5 less, the first's -1 most
    const batch = { samples: [sample([-1, -4], 1), sample([-2, -2], 1), sample([-4, -5], -0.5)] };
    const { samples } = withCovarianceColumn(batch, { config: { kind: "kl-cov", share: 0.34, weight: 1 }, rng: rngFor("unused") });
    // covariances 2 * 0.5, -1 * 0.5, 1 * 0.5, 1 * 0.5, -1 * -1, -2 * -1
    assert.deepEqual(
      samples.map(({ columns }) => [...columns["penalised"]!]),
      [
        [1, 0],
        [0, 0],
        [0, 1],
      ],
    );
  });
});
