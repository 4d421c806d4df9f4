// Expectations are exact: a policy over three tokens is enumerated, each token weighed by its probability under the one that sampled.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { KlConfig } from "../../src/rl/algorithmConfig.ts";
import { logRatios, penalisedReward } from "../../src/rl/kl.ts";
import { evaluateLoss, type LossFeeds, numericalGradient } from "../support/lossValues.ts";
import { lossOf } from "../support/tokenFeeds.ts";
import { byLogits, slopes, softmax } from "./softmax.ts";

const logits = [0.3, -0.8, 1.1];
const reference = softmax([-0.2, 0.5, 0.4]);
const older = softmax([0.9, 0.1, -0.4]);
const estimators = ["k2", "k3", "unbiased"] as const;

/** KL(p || q) */
function divergence(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, own, y) => sum + own * Math.log(own / q[y]!), 0);
}

/** Every token once, weighed by how often `sampling` chooses it. */
function enumerated(
  z: readonly number[],
  { sampling, advantage = [0, 0, 0] }: { sampling: readonly number[]; advantage?: readonly number[] },
): LossFeeds {
  return {
    logProb: softmax(z).map(Math.log),
    entropy: [0, 0, 0],
    columns: {
      oldLogProb: sampling.map(Math.log),
      refLogProb: reference.map(Math.log),
      weight: sampling,
      share: sampling,
      advantage,
    },
  };
}

function expectedGradient(estimator: (typeof estimators)[number], sampling: readonly number[]): number[] {
  const loss = lossOf({ kl: { kind: "loss", estimator, weight: 1 } });
  return byLogits(evaluateLoss(loss, enumerated(logits, { sampling })).dLogProb, logits);
}

function closeAll(got: readonly number[], expected: readonly number[], tolerance = 1e-8): void {
  assert.equal(got.length, expected.length);
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `got ${got}, expected ${expected}`);
  });
}

const policy = softmax(logits);
const towardsReference = slopes((z) => divergence(softmax(z), reference), logits); // grad KL(pi || ref)
const awayFromReference = slopes((z) => divergence(reference, softmax(z)), logits); // grad KL(ref || pi)

describe("the expected gradient on-policy", () => {
  test("of k1 in the loss is nothing", () => {
    // E[grad log pi] = 0; the reference does not enter. As a loss: reinforce with advantage -1 has the gradient of +log pi.
    const { dLogProb } = evaluateLoss(lossOf({}), enumerated(logits, { sampling: policy, advantage: [-1, -1, -1] }));
    closeAll(byLogits(dLogProb, logits), [0, 0, 0], 1e-12);
  });

  test("of k1 in the reward is that of KL(pi || ref) by its weight, beside the reward's own", () => {
    // The loss -sum pi A log pi with A = R - 0.7 k1, up to the rounding of float32
    const rewards = [1, -0.4, 0.3];
    const advantage = policy.map((own, y) => {
      const ratios = logRatios(Float32Array.of(Math.log(own)), Float32Array.of(Math.log(reference[y]!)));
      return penalisedReward(rewards[y]!, { ratios, weight: 0.7 });
    });
    const { dLogProb } = evaluateLoss(lossOf({}), enumerated(logits, { sampling: policy, advantage }));
    const mean = (p: readonly number[]): number => p.reduce((sum, own, y) => sum + own * rewards[y]!, 0);
    const loss = (z: readonly number[]): number => 0.7 * divergence(softmax(z), reference) - mean(softmax(z));
    closeAll(byLogits(dLogProb, logits), slopes(loss, logits), 1e-6);
  });

  test("of k2 is that of KL(pi || ref)", () => closeAll(expectedGradient("k2", policy), towardsReference));
  test("of k3 is that of KL(ref || pi)", () => closeAll(expectedGradient("k3", policy), awayFromReference));
  test("of the unbiased form is that of KL(pi || ref)", () => closeAll(expectedGradient("unbiased", policy), towardsReference));

  test("differs between the two directions here, so that the tests above can tell them apart", () => {
    assert.ok(Math.abs(towardsReference[0]! - awayFromReference[0]!) > 0.01);
  });
});

describe("the expected gradient off-policy", () => {
  test("of the unbiased form is still that of KL(pi || ref), of the others it is neither", () => {
    closeAll(expectedGradient("unbiased", older), towardsReference);
    for (const biased of ["k2", "k3"] as const) {
      assert.ok(Math.abs(expectedGradient(biased, older)[0]! - towardsReference[0]!) > 0.01, biased);
    }
  });
});

describe("klTerm", () => {
  test("matches the hand-worked tokens", () => {
    // The policy has ratio r to the old one: r = 2 and l = log 3, r = 1/2 and l = -log 2; weights 1/2 and 1/4
    // k2  (log 3)^2 / 4 + (log 2)^2 / 8
    // k3  (3 - 1 - log 3) / 2 + (1/2 - 1 + log 2) / 4
    // unbiased: k3 times r, which is 2 and 1/2
    const feeds: LossFeeds = {
      logProb: [0.2, 0.1].map(Math.log),
      entropy: [0, 0],
      columns: {
        oldLogProb: [0.1, 0.2].map(Math.log),
        refLogProb: [0.6, 0.05].map(Math.log),
        weight: [1 / 2, 1 / 4],
        share: [1 / 2, 1 / 4],
        advantage: [0, 0],
      },
    };
    const [two, three] = [Math.log(2), Math.log(3)];
    const expected = {
      k2: three ** 2 / 4 + two ** 2 / 8,
      k3: (2 - three) / 2 + (two - 1 / 2) / 4,
      unbiased: 2 - three + (two - 1 / 2) / 8,
    };
    for (const estimator of estimators) {
      const { loss } = evaluateLoss(lossOf({ kl: { kind: "loss", estimator, weight: 1 } }), feeds);
      closeAll([loss], [expected[estimator]], 1e-12);
    }
  });

  test("has the value of KL(pi || ref) in expectation as k3 and unbiased, and the gradient of central differences", () => {
    for (const estimator of estimators) {
      const loss = lossOf({ kl: { kind: "loss", estimator, weight: 1 } });
      const feeds = enumerated(logits, { sampling: policy });
      const { loss: value, dLogProb } = evaluateLoss(loss, feeds);
      if (estimator !== "k2") closeAll([value], [divergence(policy, reference)], 1e-12);
      closeAll(dLogProb, numericalGradient(loss, feeds));
    }
  });

  test("is nothing where policy and reference agree", () => {
    for (const estimator of estimators) {
      const feeds = enumerated(logits, { sampling: policy });
      const same = { ...feeds, columns: { ...feeds.columns, refLogProb: feeds.logProb } };
      const { loss, dLogProb } = evaluateLoss(lossOf({ kl: { kind: "loss", estimator, weight: 1 } }), same);
      closeAll([loss, ...dLogProb], [0, 0, 0, 0], 1e-15);
    }
  });

  test("does not blow up where the policy all but excludes what the reference likes", () => {
    const loss = lossOf({ kl: { kind: "loss", estimator: "k3", weight: 1 } });
    const feeds = {
      logProb: [-800],
      entropy: [0],
      columns: { oldLogProb: [-800], refLogProb: [-1], weight: [1], share: [1], advantage: [0] },
    };
    assert.ok(Number.isFinite(evaluateLoss(loss, feeds).loss));
    const apart = evaluateLoss(loss, { ...feeds, columns: { ...feeds.columns, oldLogProb: [-1] } });
    for (const [name, value] of Object.entries(apart.metrics)) assert.ok(Number.isFinite(value), `${name}: ${value}`);
  });
});

describe("penalisedReward", () => {
  test("takes the log-ratios of the whole response off", () => {
    // log-ratios 0.5 and -0.25: 1 - 2 * 0.25
    const ratios = logRatios(Float32Array.of(-1, -2), Float32Array.of(-1.5, -1.75));
    assert.equal(penalisedReward(1, { ratios, weight: 2 }), 0.5);
  });

  test("takes nothing off where it has no weight, and where policy and reference agree", () => {
    const [own, other] = [Float32Array.of(-1.3, -2.7), Float32Array.of(-0.2, -4)];
    assert.equal(penalisedReward(0.3, { ratios: logRatios(own, other), weight: 0 }), 0.3);
    assert.equal(penalisedReward(0.3, { ratios: logRatios(own, own), weight: 2 }), 0.3);
    assert.notEqual(penalisedReward(0.3, { ratios: logRatios(own, other), weight: 2 }), 0.3);
  });
});

describe("KlConfig", () => {
  test("says why k1 is no term of the loss", () => {
    const parsed = KlConfig.safeParse({ kind: "loss", estimator: "k1", weight: 0.1 });
    assert.match(
      parsed.error!.issues[0]!.message,
      /must be k2, k3 or unbiased, got "k1": the gradient of k1 in the loss is 0 in expectation/,
    );
  });
});
