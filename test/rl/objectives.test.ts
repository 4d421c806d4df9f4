import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { ObjectiveConfig } from "../../src/rl/algorithmConfig.ts";
import { evaluateLoss, numericalGradient } from "../support/lossValues.ts";
import { lossOf, oldProbability, type TokenRow, tokenFeeds } from "../support/tokenFeeds.ts";

const clip = lossOf({ objective: { kind: "clip", below: 0.2, above: 0.3 } }); // unequal, so that swapped bounds fail
const reinforce = lossOf({ objective: { kind: "reinforce" } });
const all = [
  ...ObjectiveConfig.options.map(({ shape }) => ({ name: shape.kind.value, objective: ObjectiveConfig.parse({ kind: shape.kind.value }) })),
  { name: "clip with a dual bound", objective: ObjectiveConfig.parse({ kind: "clip", dual: 1.7 }) },
];

function close(got: number | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(got !== undefined && Math.abs(got - expected) <= tolerance, `got ${got}, expected ${expected}`);
}

function closeAll(got: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(got.length, expected.length);
  got.forEach((value, i) => {
    close(value, expected[i]!, tolerance);
  });
}

/** Every pair of a ratio and an advantage, one sequence of all. */
function grid(ratios: readonly number[], advantages: readonly number[]): TokenRow[] {
  return ratios.flatMap((ratio) => advantages.map((advantage) => ({ ratio, advantage, weight: 0.1 })));
}

describe("clip", () => {
  const four = tokenFeeds([
    { ratio: 1.5, advantage: 1, weight: 0.5 },
    { ratio: 0.5, advantage: -2, weight: 0.3 },
    { ratio: 0.5, advantage: 1, weight: 0.2 },
    { ratio: 9, advantage: 1, weight: 0 },
  ]);

  test("matches the hand-worked four-token example", () => {
    // ratio      1.5    0.5    0.5   9
    // advantage  +1     -2     +1    +1
    // min term   1.3   -1.6    0.5   1.3
    // weight     0.5    0.3    0.2   0       sum = 0.65 - 0.48 + 0.1 = 0.27
    close(evaluateLoss(clip, four).loss, -0.27);
  });

  test("says on which side it clipped", () => {
    const { metrics } = evaluateLoss(clip, four);
    close(metrics["clippedAbove"], 0.5);
    close(metrics["clippedBelow"], 0.3);
  });

  test("lets no gradient through where a bound is passed in the direction of the advantage, and all of it otherwise", () => {
    const rows = grid([0.5, 0.79, 0.9, 1.1, 1.29, 1.31, 1.5], [1, -2]);
    const { dLogProb } = evaluateLoss(clip, tokenFeeds(rows));
    rows.forEach(({ ratio, advantage }, i) => {
      const stopped = advantage > 0 ? ratio > 1.3 : ratio < 0.8;
      close(dLogProb[i], stopped ? 0 : -0.1 * ratio * advantage);
    });
  });

  test("is PPO when both bounds are the same", () => {
    // max-form of PPO eq. 7, written without min and clip
    const ppo = (ratio: number, advantage: number): number => (advantage > 0 ? Math.min(ratio, 1.2) : Math.max(ratio, 0.8)) * advantage;
    const rows = grid([0.3, 0.9, 1.1, 3], [1, -1]);
    const expected = rows.reduce((sum, { ratio, advantage, weight }) => sum - weight * ppo(ratio, advantage), 0);
    close(evaluateLoss(lossOf({ objective: { kind: "clip", below: 0.2, above: 0.2 } }), tokenFeeds(rows)).loss, expected);
  });

  test("with a dual bound, lets a worse rollout cost no more than it, and a better one be", () => {
    const dual = lossOf({ objective: { kind: "clip", below: 0.2, above: 0.3, dual: 3 } });
    const rows: TokenRow[] = [
      { ratio: 2, advantage: -1, weight: 0.25 },
      { ratio: 5, advantage: -1, weight: 0.25 },
      { ratio: 5, advantage: 1, weight: 0.25 },
      { ratio: 0.5, advantage: -1, weight: 0.25 },
    ];
    // terms -2, max(-5, -3), min(5, 1.3), min(-0.5, -0.8)
    const { loss, dLogProb, metrics } = evaluateLoss(dual, tokenFeeds(rows));
    close(loss, -0.25 * (-2 - 3 + 1.3 - 0.8));
    closeAll(dLogProb, [0.25 * 2, 0, 0, 0]);
    close(metrics["clippedDual"], 0.25);
  });

  test("with a dual bound that nothing reaches, is the clip alone", () => {
    const dual = lossOf({ objective: { kind: "clip", below: 0.2, above: 0.3, dual: 100 } });
    const feeds = tokenFeeds(grid([0.3, 0.9, 1.1, 3, 20], [1, -1, 0]));
    const [a, b] = [evaluateLoss(dual, feeds), evaluateLoss(clip, feeds)];
    assert.equal(a.loss, b.loss);
    assert.deepEqual(a.dLogProb, b.dLogProb);
  });
});

describe("gspo", () => {
  const gspo = lossOf({ objective: { kind: "gspo", below: 0.1, above: 0.2 } });

  test("matches the hand-worked sequences", () => {
    // ratios 2 and 1/2 in the first: s = 1, nothing clipped. 1.44 and 1 in the second: s = 1.2 up to rounding, so take 1.5625: s = 1.25 > 1.2
    // first: 2 tokens of weight 1/4, s A = 3; second: 2 tokens of weight 1/4, clipped to 1.2 * 1
    const rows: TokenRow[] = [
      { ratio: 2, advantage: 3, weight: 0.25 },
      { ratio: 0.5, advantage: 3, weight: 0.25 },
      { ratio: 1.5625, advantage: 1, weight: 0.25 },
      { ratio: 1, advantage: 1, weight: 0.25 },
    ];
    const { loss, dLogProb, metrics } = evaluateLoss(gspo, tokenFeeds(rows, [2, 2]));
    close(loss, -(0.5 * 3 + 0.5 * 1.2));
    // d s / d logProb = s / |y|: both tokens of the first get (1/4 + 1/4) * 3 * 1 / 2
    closeAll(dLogProb, [-0.75, -0.75, 0, 0]);
    close(metrics["clippedAbove"], 0.5);
  });

  test("of sequences of one token is the clip", () => {
    const rows = grid([0.3, 0.95, 1.1, 3], [1, -1]);
    const token = evaluateLoss(lossOf({ objective: { kind: "clip", below: 0.1, above: 0.2 } }), tokenFeeds(rows));
    const sequence = evaluateLoss(
      gspo,
      tokenFeeds(
        rows,
        rows.map(() => 1),
      ),
    );
    close(sequence.loss, token.loss);
    closeAll(sequence.dLogProb, token.dLogProb);
  });
});

describe("cispo", () => {
  const cispo = lossOf({ objective: { kind: "cispo", maxRatio: 2 } });

  test("matches the hand-worked tokens: a cut-off weight still has its gradient", () => {
    // weights min(r, 2): 0.5, 2; J = weight A log pi
    const rows: TokenRow[] = [
      { ratio: 0.5, advantage: -2, weight: 0.5 },
      { ratio: 2.25, advantage: 1, weight: 0.5 },
    ];
    const { loss, dLogProb, metrics } = evaluateLoss(cispo, tokenFeeds(rows));
    close(loss, -0.5 * (0.5 * -2 * Math.log(0.2) + 2 * Math.log(0.9)));
    closeAll(dLogProb, [0.5 * 0.5 * 2, -0.5 * 2]);
    close(metrics["clippedAbove"], 0.5);
  });

  test("has the gradient of reinforce where no weight is cut off", () => {
    const feeds = tokenFeeds(grid([0.3, 0.9, 1.1, 1.9], [1, -1]));
    closeAll(evaluateLoss(cispo, feeds).dLogProb, evaluateLoss(reinforce, feeds).dLogProb);
  });
});

describe("sapo", () => {
  test("matches the hand-worked tokens", () => {
    // tau 2 above 0: 4/2 sigmoid(2 (1.5 - 1)) = 2 / (1 + 1/e); tau 4 below: 4/4 sigmoid(4 (0.5 - 1)) = 1 / (1 + e^2)
    const rows: TokenRow[] = [
      { ratio: 1.5, advantage: 3, weight: 0.5 },
      { ratio: 0.5, advantage: -1, weight: 0.5 },
    ];
    const sapo = lossOf({ objective: { kind: "sapo", tauPositive: 2, tauNegative: 4 } });
    close(evaluateLoss(sapo, tokenFeeds(rows)).loss, -0.5 * (3 * (2 / (1 + Math.exp(-1))) - 1 / (1 + Math.exp(2))));
  });

  test("lets the gradient fade to both sides of the policy that sampled", () => {
    const sapo = lossOf({ objective: { kind: "sapo", tauPositive: 1, tauNegative: 1.05 } });
    const rows = grid([0.01, 0.5, 1, 2, 4, 8], [1]);
    const slopes = evaluateLoss(sapo, tokenFeeds(rows)).dLogProb.map((slope, i) => -slope / (0.1 * rows[i]!.ratio));
    close(slopes[2], 1); // by r, at r = 1: the advantage
    assert.ok(slopes.every((slope, i) => i === 2 || (slope > 0 && slope < 1)));
    assert.ok(slopes[3]! > slopes[4]! && slopes[4]! > slopes[5]!);
  });

  test("becomes reinforce as tau goes to 0, but for a constant", () => {
    const soft = lossOf({ objective: { kind: "sapo", tauPositive: 1e-4, tauNegative: 1e-4 } });
    const feeds = tokenFeeds(grid([0.3, 0.9, 1.1, 3], [1, -1]));
    closeAll(evaluateLoss(soft, feeds).dLogProb, evaluateLoss(reinforce, feeds).dLogProb, 1e-6);
  });
});

describe("every objective", () => {
  const away = tokenFeeds(
    [0.5, 0.7, 0.9, 1.05, 1.2, 1.4, 2].flatMap((ratio) => [1.5, -0.5].map((advantage) => ({ ratio, advantage, weight: 1 / 14 }))),
    [3, 1, 4, 6],
  );

  for (const { name, objective } of all) {
    test(`${name} is reinforce at the policy that sampled`, () => {
      const rows = [2, -1, 0.5, 0.5].map((advantage, i) => ({ ratio: 1, advantage, weight: [0.25, 0.25, 0.2, 0.2][i]! }));
      // Sequences share an advantage and a weight, as they do in training.
      const feeds = tokenFeeds(rows, [1, 1, 2]);
      const { dLogProb } = evaluateLoss(lossOf({ objective }), { ...feeds, logProb: feeds.columns["oldLogProb"]! });
      // d/d logProb of -sum w A logProb
      closeAll(dLogProb, [-0.5, 0.25, -0.1, -0.1]);
    });

    // CISPO's weight has no gradient, so its differences are taken of the loss with the weight held.
    test(`${name} has the gradient of central differences`, () => {
      const { dLogProb } = evaluateLoss(lossOf({ objective }), away);
      const expected = objective.kind === "cispo" ? cispoGradient(objective.maxRatio) : numericalGradient(lossOf({ objective }), away);
      closeAll(dLogProb, expected, 1e-8);
    });

    test(`${name} adds up over micro-batches that cut no sequence`, () => {
      const token = fc.record({
        ratio: fc.double({ min: 0.1, max: 4, noNaN: true }),
        advantage: fc.double({ min: -3, max: 3, noNaN: true }),
        weight: fc.double({ min: 0, max: 1, noNaN: true }),
        entropy: fc.double({ min: 0, max: 3, noNaN: true }),
      });
      const sequence = fc.array(token, { minLength: 1, maxLength: 4 });
      const loss = lossOf({ objective });
      fc.assert(
        fc.property(sequence, sequence, (left, right) => {
          const [whole, a, b] = [[left, right], [left], [right]].map((rows) =>
            evaluateLoss(
              loss,
              tokenFeeds(
                rows.flat(),
                rows.map(({ length }) => length),
              ),
            ),
          );
          close(whole!.loss, a!.loss + b!.loss, 1e-9);
          for (const metric of Object.keys(whole!.metrics)) {
            const [x, y] = [a!.metrics[metric]!, b!.metrics[metric]!];
            close(whole!.metrics[metric], /Max$/.test(metric) ? Math.max(x, y) : x + y, 1e-9);
          }
          closeAll(whole!.dLogProb, [...a!.dLogProb, ...b!.dLogProb], 1e-9);
        }),
        { numRuns: 20 },
      );
    });
  }

  function cispoGradient(maxRatio: number): number[] {
    return away.logProb.map((logProb, i) => {
      const ratio = Math.exp(logProb) / oldProbability;
      return -away.columns["weight"]![i]! * Math.min(ratio, maxRatio) * away.columns["advantage"]![i]!;
    });
  }
});
