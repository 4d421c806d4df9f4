import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { clippedSurrogateLoss } from "../../src/rl/losses.ts";
import { evaluateLoss, type LossFeeds, numericalGradient } from "../support/lossValues.ts";

const loss = clippedSurrogateLoss({ below: 0.2, above: 0.3 }); // unequal, so that swapped bounds fail

/** Tokens by ratio; under the old policy each had probability 0.4. */
function tokens(
  rows: readonly { readonly ratio: number; readonly advantage: number; readonly weight: number; readonly entropy?: number }[],
): LossFeeds {
  return {
    logProb: rows.map(({ ratio }) => Math.log(0.4 * ratio)),
    entropy: rows.map(({ entropy = 0 }) => entropy),
    columns: {
      oldLogProb: rows.map(() => Math.log(0.4)),
      advantage: rows.map(({ advantage }) => advantage),
      weight: rows.map(({ weight }) => weight),
    },
  };
}

function close(got: number | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(got !== undefined && Math.abs(got - expected) <= tolerance, `got ${got}, expected ${expected}`);
}

describe("clippedSurrogateLoss", () => {
  const four = tokens([
    { ratio: 1.5, advantage: 1, weight: 0.5, entropy: 1 },
    { ratio: 0.5, advantage: -2, weight: 0.3, entropy: 2 },
    { ratio: 0.5, advantage: 1, weight: 0.2, entropy: 4 },
    { ratio: 9, advantage: 1, weight: 0, entropy: 100 },
  ]);

  test("matches the hand-worked four-token example", () => {
    // ratio      1.5    0.5    0.5   9
    // advantage  +1     -2     +1    +1
    // min term   1.3   -1.6    0.5   1.3
    // weight     0.5    0.3    0.2   0       sum = 0.65 - 0.48 + 0.1 = 0.27
    close(evaluateLoss(loss, four).loss, -0.27);
  });

  test("says on which side it clipped and how far the policy moved", () => {
    const { metrics } = evaluateLoss(loss, four);
    close(metrics["clippedAbove"], 0.5);
    close(metrics["clippedBelow"], 0.3);
    close(metrics["ratio"], 0.5 * 1.5 + 0.5 * 0.5);
    close(metrics["kl"], 0.5 * (1.5 - 1 - Math.log(1.5)) + 0.5 * (0.5 - 1 - Math.log(0.5)));
    close(metrics["entropy"], 0.5 + 0.6 + 0.8);
    close(metrics["mismatch"], 0.5 * Math.log(1.5) + 0.5 * Math.log(2));
    close(metrics["mismatchShare"], 1);
    close(metrics["mismatchMax"], Math.log(9));
  });

  test("is REINFORCE at the policy that sampled", () => {
    const same = tokens([
      { ratio: 1, advantage: 2, weight: 0.25 },
      { ratio: 1, advantage: -1, weight: 0.25 },
      { ratio: 1, advantage: 0.5, weight: 0.5 },
    ]);
    const { loss: value, metrics, dLogProb } = evaluateLoss(loss, { ...same, logProb: same.columns["oldLogProb"]! });
    // d/d logProb of -sum w A logProb
    assert.deepEqual(dLogProb, [-0.5, 0.25, -0.25]);
    assert.equal(value, -0.5);
    const still = ["kl", "mismatch", "mismatchShare", "mismatchMax", "clippedAbove", "clippedBelow"].map((name) => metrics[name]);
    assert.deepEqual(still, [0, 0, 0, 0, 0, 0]);
  });

  test("lets no gradient through where a bound is passed in the direction of the advantage, and all of it otherwise", () => {
    const rows = [0.5, 0.79, 0.9, 1.1, 1.29, 1.31, 1.5].flatMap((ratio) => [1, -2].map((advantage) => ({ ratio, advantage, weight: 0.1 })));
    const { dLogProb } = evaluateLoss(loss, tokens(rows));
    rows.forEach(({ ratio, advantage }, i) => {
      const stopped = advantage > 0 ? ratio > 1.3 : ratio < 0.8;
      close(dLogProb[i], stopped ? 0 : -0.1 * ratio * advantage);
    });
  });

  test("has the gradient of central differences on both sides of the clip", () => {
    const feeds = tokens(
      [0.5, 0.7, 0.9, 1.05, 1.2, 1.4, 2].flatMap((ratio) => [1.5, -0.5].map((advantage) => ({ ratio, advantage, weight: 1 / 14 }))),
    );
    const expected = numericalGradient(loss, feeds);
    evaluateLoss(loss, feeds).dLogProb.forEach((slope, i) => {
      close(slope, expected[i]!, 1e-8);
    });
  });

  test("is PPO when both bounds are the same", () => {
    // max-form of PPO eq. 7, written without min and clip
    const ppo = (ratio: number, advantage: number): number => (advantage > 0 ? Math.min(ratio, 1.2) : Math.max(ratio, 0.8)) * advantage;
    const rows = [0.3, 0.9, 1.1, 3].flatMap((ratio) => [1, -1].map((advantage) => ({ ratio, advantage, weight: 0.125 })));
    const expected = rows.reduce((sum, { ratio, advantage, weight }) => sum - weight * ppo(ratio, advantage), 0);
    close(evaluateLoss(clippedSurrogateLoss({ below: 0.2, above: 0.2 }), tokens(rows)).loss, expected);
  });

  test("adds up over micro-batches, however the batch is cut", () => {
    const token = fc.record({
      ratio: fc.double({ min: 0.1, max: 4, noNaN: true }),
      advantage: fc.double({ min: -3, max: 3, noNaN: true }),
      weight: fc.double({ min: 0, max: 1, noNaN: true }),
      entropy: fc.double({ min: 0, max: 3, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 6 }), fc.array(token, { minLength: 1, maxLength: 6 }), (left, right) => {
        const [whole, a, b] = [[...left, ...right], left, right].map((rows) => evaluateLoss(loss, tokens(rows)));
        close(whole!.loss, a!.loss + b!.loss, 1e-9);
        for (const name of Object.keys(whole!.metrics)) {
          const [left, right] = [a!.metrics[name]!, b!.metrics[name]!];
          close(whole!.metrics[name], name === "mismatchMax" ? Math.max(left, right) : left + right, 1e-9);
        }
        whole!.dLogProb.forEach((slope, i) => {
          close(slope, [...a!.dLogProb, ...b!.dLogProb][i]!, 1e-9);
        });
      }),
      { numRuns: 30 },
    );
  });
});
