import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Verdict } from "../../src/data/verdict.ts";
import { ownVerifier, type RewardTerm, type Verdicts } from "../../src/rewards/compose.ts";
import { mismatchLevels, rolloutMetrics, stalenessMetrics, updateMetrics } from "../../src/rl/metrics.ts";
import { aRollout, aScoredRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

const sums = aTask({ family: "sums" });
const sorts = aTask({ family: "sorts" });
const terms: readonly RewardTerm[] = [{ verifier: ownVerifier, weight: 1 }];
const flat = { compared: ["flat"], terms } as const;
const long = aRollout({ tokens: new Int32Array(6), thinking: { tokens: 4, closedBy: "budget" }, finish: "length" });

describe("rolloutMetrics", () => {
  const groups = [
    [
      aScoredRollout(scored(1), { task: sums }),
      aScoredRollout(scored(0.5), { task: sums }),
      aScoredRollout(unscorable("timeout"), { task: sums }),
    ],
    [aScoredRollout(scored(0), { task: sorts, rollout: long })],
    [aScoredRollout(unscorable("crash"), { task: sorts })],
  ];
  const metrics = rolloutMetrics(groups, { compared: ["trained", "dropped", "flat"], terms });

  test("averages reward and accuracy over what could be scored, by family too", () => {
    assert.equal(metrics["reward"], 0.5);
    assert.equal(metrics["accuracy"], 1 / 3);
    assert.deepEqual([metrics["reward/sums"], metrics["accuracy/sums"]], [0.75, 0.5]);
    assert.deepEqual([metrics["reward/sorts"], metrics["accuracy/sorts"]], [0, 0]);
  });

  test("counts unscorable rollouts by what failed", () => {
    assert.deepEqual([metrics["unscorable"], metrics["unscorable/timeout"], metrics["unscorable/crash"]], [0.4, 0.2, 0.2]);
  });

  test("blames what the reward needed, not a verifier that only watches", () => {
    const member = { ...aScoredRollout(unscorable("crash")), verdicts: { watched: unscorable("timeout"), exact: unscorable("crash") } };
    const blamed = rolloutMetrics([[member]], { compared: ["dropped"], terms: [{ verifier: "watched", weight: 0 }, ...terms] });
    assert.deepEqual([blamed["unscorable/crash"], "unscorable/timeout" in blamed], [1, false]);
  });

  test("measures lengths and endings over all rollouts", () => {
    assert.deepEqual([metrics["responseTokens"], metrics["thinkingTokens"]], [(4 * 2 + 6) / 5, 4 / 5]);
    assert.deepEqual([metrics["closedByBudget"], metrics["truncated"]], [0.2, 0.2]);
  });

  test("keeps what each verifier gave apart from the reward", () => {
    const both = (numeric: number, form: number | undefined) => ({
      ...aScoredRollout(scored(numeric)),
      verdicts: { numeric: scored(numeric), form: form === undefined ? unscorable("crash") : scored(form) },
      reward: 0,
    });
    const apart = rolloutMetrics([[both(1, 0.5), both(0, undefined), both(0.5, 1)]], flat);
    assert.deepEqual([apart["score/numeric"], apart["score/form"], apart["reward"]], [0.5, 0.75, 0]);
  });

  test("keeps them apart by family too, and averages what a verdict is made of", () => {
    const about = (family: string, components: Record<string, number>) => ({
      ...aScoredRollout({ ...scored(1), components } as Verdict, { task: aTask({ family }) }),
    });
    const members = [about("sums", { format: 1 }), about("sums", { format: 0, length: 0.5 }), aScoredRollout(scored(0), { task: sorts })];
    const apart = rolloutMetrics([members], flat);
    assert.deepEqual([apart["score/exact/sums"], apart["score/exact/sorts"]], [1, 0]);
    assert.deepEqual([apart["component/exact/format"], apart["component/exact/length"]], [0.5, 0.5]);
  });

  test("tells the lengths of right and wrong responses apart, and leaves out what nobody could tell", () => {
    assert.deepEqual([metrics["responseTokens/correct"], metrics["responseTokens/wrong"]], [2, (2 + 6) / 2]);
    assert.deepEqual([metrics["thinkingTokens/correct"], metrics["thinkingTokens/wrong"]], [0, 2]);
    const allRight = rolloutMetrics([[aScoredRollout(scored(1))]], flat);
    assert.equal("responseTokens/wrong" in allRight, false);
  });

  test("counts groups that teach nothing", () => {
    assert.deepEqual([metrics["flatGroups"], metrics["droppedGroups"]], [1 / 3, 1 / 3]);
  });

  test("has no reward where nothing could be scored", () => {
    const nothing = rolloutMetrics([[aScoredRollout(unscorable("crash"))]], { compared: ["dropped"], terms });
    assert.equal("reward" in nothing, false);
    assert.equal(nothing["unscorable"], 1);
  });

  test("calls a response correct by the task's own verifier, not by the composed reward", () => {
    const wellFormed = { ...aScoredRollout(scored(0)), reward: 1 };
    assert.equal(rolloutMetrics([[wellFormed]], flat)["accuracy"], 0);
  });
});

describe("rolloutMetrics, accuracy", () => {
  const told = (verdicts: Verdicts) => ({ ...aScoredRollout(scored(0)), verdicts, reward: 1 });

  test("is left out where no term asks the task's own verifier", () => {
    const metrics = rolloutMetrics([[told({ pal: scored(1) })]], flat);
    assert.deepEqual([metrics["reward"], "accuracy" in metrics, "accuracy/echo" in metrics], [1, false, false]);
  });

  test("leaves out what the task's own verifier could not tell", () => {
    const members = [told({ exact: unscorable("crash") }), told({ exact: scored(1) }), told({ exact: scored(0) })];
    assert.equal(rolloutMetrics([members], flat)["accuracy"], 0.5);
  });
});

describe("updateMetrics", () => {
  test("weighs updates by their tokens, but takes the mismatch from the first alone", () => {
    const metrics = updateMetrics([
      { numTokens: 30, metrics: { loss: 1, kl: 0, mismatch: 0, mismatchShare: 0 } },
      { numTokens: 10, metrics: { loss: 5, kl: 0.4, mismatch: 0.2, mismatchShare: 1 } },
    ]);
    assert.deepEqual(metrics, { loss: 2, kl: 0.1, "kl/last": 0.4, mismatch: 0, mismatchShare: 0 });
  });

  test("says nothing where nothing was updated", () => {
    assert.deepEqual(updateMetrics([]), {});
  });

  test("reads the effective sample size and the smallest ratio from what losses can add up", () => {
    // ratios 1 and 3: mean 2, mean square 5
    const report = { numTokens: 2, metrics: { ratio: 2, ratioSquare: 5, ratioMax: 3, negativeRatioMax: -1 } };
    assert.deepEqual(updateMetrics([report]), { ratio: 2, ratioMax: 3, ratioEss: 0.8, ratioMin: 1 });
  });

  test("keeps the extremes of all updates, and where the last one started", () => {
    const report = (ratioMax: number, negativeRatioMax: number, kl: number) => ({
      numTokens: 1,
      metrics: { ratioMax, negativeRatioMax, kl },
    });
    const metrics = updateMetrics([report(1, -1, 0), report(2, -0.5, 0.25), report(1.5, -0.75, 0.5)]);
    assert.deepEqual(metrics, { ratioMax: 2, ratioMin: 0.5, kl: 0.25, "kl/last": 0.5 });
  });
});

describe("stalenessMetrics", () => {
  test("counts tokens that the policy chose, and no version that chose none", () => {
    // Two tokens under version a of step 1, of which one is forced; one forced token under b of step 0; one chosen under c of step 3.
    const policy = [
      { version: "b", from: 0 },
      { version: "a", from: 1 },
      { version: "c", from: 3 },
    ];
    const rollout = aRollout({ tokens: new Int32Array(4), chosen: Uint8Array.of(0, 1, 0, 1), policy });
    const sampledAt = new Map([
      ["a", 1],
      ["b", 0],
      ["c", 3],
    ]);
    // (3 - 1 + 3 - 3) / 2
    assert.deepEqual(stalenessMetrics([aScoredRollout(scored(1), { rollout })], { step: 3, sampledAt }), { staleness: 1, stalenessMax: 2 });
  });
});

describe("mismatchLevels", () => {
  const sound = { mismatchFactor: 1, kl: 0, ratio: 1, ratioSquare: 1 };
  const level = (factor: number, kl: number, ess: number, weight: number) => ({
    mismatchFactor: factor,
    mismatchKl: kl,
    mismatchEss: ess,
    mismatchWeight: weight,
  });

  test("are those of the first update", () => {
    assert.deepEqual(mismatchLevels({ mismatchFactor: 1.2, kl: 0.3, ratio: 2, ratioSquare: 5 }), level(1.2, 0.3, 0.8, 2));
  });

  test("are the worse ones where an older policy sampled and the update is compared with a recomputed one", () => {
    const correction = { "correction/factor": 1.5, "correction/kl": 0.2, "correction/ess": 0.5, "correction/ratio": 0.25 };
    assert.deepEqual(mismatchLevels(sound, correction), level(1.5, 0.2, 0.5, 0.25));
    assert.deepEqual(mismatchLevels({ mismatchFactor: 3, kl: 1, ratio: 5, ratioSquare: 100 }, correction), level(3, 1, 0.25, 5));
  });

  test("are absent where nothing was updated", () => assert.deepEqual(mismatchLevels({}), {}));
});
