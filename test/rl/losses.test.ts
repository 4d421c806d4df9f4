import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { evaluateLoss, numericalGradient } from "../support/lossValues.ts";
import { lossOf, oldProbability, type TokenRow, tokenFeeds } from "../support/tokenFeeds.ts";

const clip = { kind: "clip", below: 0.2, above: 0.3 } as const;

function close(got: number | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(got !== undefined && Math.abs(got - expected) <= tolerance, `got ${got}, expected ${expected}`);
}

describe("policyLoss", () => {
  const rows: readonly TokenRow[] = [
    { ratio: 1.5, advantage: 1, weight: 0.5, entropy: 1 },
    { ratio: 0.5, advantage: -2, weight: 0.3, entropy: 2 },
    { ratio: 0.5, advantage: 1, weight: 0.2, entropy: 4 },
    { ratio: 9, advantage: 1, weight: 0, entropy: 100 },
  ];

  test("is the objective alone where nothing else is asked for", () => {
    // 0.5 * 1.3 + 0.3 * -1.6 + 0.2 * 0.5
    const { loss, dEntropy } = evaluateLoss(lossOf({ objective: clip }), tokenFeeds(rows));
    close(loss, -0.27);
    assert.deepEqual(dEntropy.map(Math.abs), [0, 0, 0, 0]);
  });

  test("names all its parts, so that another backend could build it", () => {
    const entropy = { kind: "bonus", weight: 0.01 } as const;
    const { name, settings } = lossOf({ objective: clip, entropy });
    assert.deepEqual({ name, settings }, { name: "policy", settings: { objective: clip, entropy, kl: { kind: "none" } } });
  });

  test("says how far the policy moved", () => {
    const { metrics } = evaluateLoss(lossOf({ objective: clip }), tokenFeeds(rows));
    close(metrics["ratio"], 0.5 * 1.5 + 0.5 * 0.5);
    close(metrics["ratioSquare"], 0.5 * 2.25 + 0.5 * 0.25);
    close(metrics["ratioMax"], 9);
    close(metrics["negativeRatioMax"], -0.5);
    close(metrics["kl"], 0.5 * (1.5 - 1 - Math.log(1.5)) + 0.5 * (0.5 - 1 - Math.log(0.5)));
    close(metrics["klReverse"], 0.5 * (1.5 * Math.log(1.5) - 0.5) + 0.5 * (0.5 * Math.log(0.5) + 0.5));
    close(metrics["entropy"], 0.5 + 0.6 + 0.8);
    close(metrics["mismatch"], 0.5 * Math.log(1.5) + 0.5 * Math.log(2));
    close(metrics["mismatchShare"], 1);
    close(metrics["mismatchMax"], Math.log(9));
  });

  test("averages what it reports over tokens, whatever they weigh in the loss", () => {
    const feeds = tokenFeeds(rows);
    const columns = { ...feeds.columns, share: [0.25, 0.25, 0.25, 0.25] };
    const { metrics, loss } = evaluateLoss(lossOf({ objective: clip }), { ...feeds, columns });
    close(loss, -0.27);
    close(metrics["ratio"], (1.5 + 0.5 + 0.5 + 9) / 4);
    close(metrics["clippedAbove"], 2 / 4);
  });

  test("has nothing to say at the policy that sampled", () => {
    const feeds = tokenFeeds(rows);
    const { metrics } = evaluateLoss(lossOf({ objective: clip }), { ...feeds, logProb: feeds.columns["oldLogProb"]! });
    const still = ["kl", "klReverse", "mismatch", "mismatchShare", "mismatchMax", "clippedAbove", "clippedBelow"].map(
      (name) => metrics[name],
    );
    assert.deepEqual(still, [0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual([metrics["ratio"], metrics["ratioSquare"], metrics["ratioMax"], metrics["negativeRatioMax"]], [1, 1, 1, -1]);
  });
});

describe("policyLoss with an entropy bonus", () => {
  test("pays for each token's entropy by its weight", () => {
    // entropies 2 and 4, weights 0.5 and 0.25, the bonus 0.1: 0.1 * (1 + 1)
    const rows = [
      { ratio: 1, advantage: 1, weight: 0.5, entropy: 2 },
      { ratio: 1, advantage: 1, weight: 0.25, entropy: 4 },
    ];
    const [plain, paid] = [{ kind: "none" } as const, { kind: "bonus", weight: 0.1 } as const].map((entropy) =>
      evaluateLoss(lossOf({ entropy }), tokenFeeds(rows)),
    );
    close(paid!.loss, plain!.loss - 0.2);
    assert.deepEqual(paid!.dLogProb, plain!.dLogProb);
    [-0.05, -0.025].forEach((slope, i) => {
      close(paid!.dEntropy[i], slope);
    });
  });

  test("has the gradient of central differences", () => {
    const rows = [0.5, 0.9, 1.1, 1.6].map((ratio, i) => ({ ratio, advantage: 1 - i, weight: 0.1 * (1 + i), entropy: 0.3 + i }));
    const [loss, feeds] = [lossOf({ objective: clip, entropy: { kind: "bonus", weight: 0.7 } }), tokenFeeds(rows)];
    const { dLogProb, dEntropy } = evaluateLoss(loss, feeds);
    for (const [by, slopes] of [["logProb", dLogProb] as const, ["entropy", dEntropy] as const]) {
      const expected = numericalGradient(loss, feeds, by);
      slopes.forEach((slope, i) => {
        close(slope, expected[i]!, 1e-8);
      });
    }
  });
});

describe("policyLoss with covariance control", () => {
  test("leaves out the objective of the tokens that clip-cov took", () => {
    const rows = [1, 0].map((kept) => ({ ratio: 1.5, advantage: 2, weight: 0.5, columns: { kept } }));
    const loss = lossOf({ entropy: { kind: "clip-cov", share: 0.5, min: 1, max: 5 } });
    const { loss: value, dLogProb } = evaluateLoss(loss, tokenFeeds(rows));
    close(value, -0.5 * 1.5 * 2);
    close(dLogProb[0], -1.5);
    close(dLogProb[1], 0);
  });

  test("pulls the tokens that kl-cov took back to where sampling found them", () => {
    const rows = [1, 0, 1].map((penalised, i) => ({ ratio: [1.5, 1.5, 0.5][i]!, advantage: 0, weight: 0.25, columns: { penalised } }));
    const loss = lossOf({ entropy: { kind: "kl-cov", share: 0.5, weight: 2 } });
    const { loss: value, dLogProb } = evaluateLoss(loss, tokenFeeds(rows));
    // 2 * 0.25 * (log 1.5 + log 2)
    close(value, 0.5 * (Math.log(1.5) + Math.log(2)));
    [0.5, 0, -0.5].forEach((slope, i) => {
      close(dLogProb[i], slope);
    });
  });

  test("has the gradient of central differences", () => {
    const rows = [0.5, 0.9, 1.1, 1.6].map((ratio, i) => ({
      ratio,
      advantage: 1 - i,
      weight: 0.25,
      columns: { penalised: i % 2, kept: i % 2 },
    }));
    for (const entropy of [{ kind: "clip-cov", share: 0.5, min: 1, max: 5 } as const, { kind: "kl-cov", share: 0.5, weight: 2 } as const]) {
      const expected = numericalGradient(lossOf({ entropy }), tokenFeeds(rows));
      evaluateLoss(lossOf({ entropy }), tokenFeeds(rows)).dLogProb.forEach((slope, i) => {
        close(slope, expected[i]!, 1e-8);
      });
    }
  });
});

describe("policyLoss with a divergence from the reference", () => {
  const rows = [1.5, 0.5].map((ratio, i) => ({
    ratio,
    advantage: 0,
    weight: 0.5,
    columns: { refLogProb: Math.log([oldProbability * 3, oldProbability][i]!) },
  }));

  test("adds the estimate by its weight and reports both directions", () => {
    // log ref - log pi: log 2 and log 2; unbiased: r (2 - 1 - log 2)
    const { loss, metrics } = evaluateLoss(lossOf({ kl: { kind: "loss", estimator: "unbiased", weight: 0.1 } }), tokenFeeds(rows));
    close(loss, 0.1 * 0.5 * (1.5 + 0.5) * (1 - Math.log(2)));
    close(metrics["klRef"], 1 - Math.log(2));
    close(metrics["klRefReverse"], 2 * Math.log(2) - 1);
  });

  test("adds nothing when the divergence is in the reward", () => {
    const { loss } = evaluateLoss(lossOf({ kl: { kind: "reward", weight: 0.1 } }), tokenFeeds(rows));
    close(loss, 0);
  });
});
