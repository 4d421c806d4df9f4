import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { budgetMetrics, learnedRewards, overrunFactor, withBudgets } from "../../src/rl/thinking.ts";
import { ThinkingConfig } from "../../src/rl/thinkingConfig.ts";
import { aRollout, aScoredRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

const thought = (tokens: number, budget?: number, closedBy: Rollout["thinking"]["closedBy"] = "policy"): Rollout["thinking"] => ({
  tokens,
  closedBy,
  ...(budget === undefined ? {} : { budget }),
});
const factor = (thinking: Rollout["thinking"], overrunPenalty = 0.5): number =>
  overrunFactor(thinking, { kind: "budgets", grid: [16], autonomousShare: 0, overrunPenalty });

describe("overrunFactor", () => {
  test("matches the hand-worked overruns", () => {
    // 24 tokens under a budget of 16: 1 - 0.5 * 8 / 16
    assert.equal(factor(thought(24, 16)), 0.75);
    // a forced close is an overrun by the whole budget: 1 - 0.25 * 16 / 16
    assert.equal(factor(thought(16, 16, "budget"), 0.25), 0.75);
    // a budget of 0 divides by 1: 1 - 0.25 * 1 / 1
    assert.equal(factor(thought(0, 0, "budget"), 0.25), 0.75);
  });

  test("is 1 within the budget, whatever the length, and without a budget", () => {
    for (const tokens of [0, 1, 15, 16]) assert.equal(factor(thought(tokens, 16), 1), 1);
    assert.equal(factor(thought(0, 0, "none"), 1), 1);
    assert.equal(factor(thought(500), 1), 1);
    assert.equal(overrunFactor(thought(16, 16, "budget"), { kind: "autonomous" }), 1); // a task's own budget
  });

  test("is 1 at lambda 0, and never below 0", () => {
    assert.equal(factor(thought(900, 16), 0), 1);
    assert.equal(factor(thought(16, 16, "budget"), 0), 1);
    assert.equal(factor(thought(900, 16), 1), 0);
  });
});

describe("rl.thinking", () => {
  const recipe = (thinking: object, maxNewTokens = 40) => RlConfig.safeParse({ steps: 1, learningRate: 0.1, maxNewTokens, thinking });

  test("is autonomous unless the recipe says otherwise, and knows no keys of budgets then", () => {
    assert.deepEqual(RlConfig.parse({ steps: 1, learningRate: 0.1, maxNewTokens: 40 }).thinking, { kind: "autonomous" });
    assert.match(recipe({ kind: "autonomous", grid: [8] }).error!.issues[0]!.message, /"grid"/);
  });

  test("wants room for an answer after the largest budget", () => {
    assert.ok(recipe({ kind: "budgets", grid: { from: 4, to: 36 } }).success);
    const { path, message } = recipe({ kind: "budgets", grid: { from: 4, to: 37 } }).error!.issues[0]!;
    assert.deepEqual(path, ["maxNewTokens"]);
    assert.match(message, /room for an answer.*got 40 and 37/);
  });
});

describe("rl.thinking.autonomousShare", () => {
  test("leaves some task a budget", () => {
    const stage = (autonomousShare: number) =>
      RlConfig.safeParse({ steps: 1, learningRate: 0.1, maxNewTokens: 40, thinking: { kind: "budgets", grid: [8], autonomousShare } });
    assert.ok(stage(0.99).success);
    assert.match(stage(1).error!.issues[0]!.message, /must be less than 1, or no task gets a budget/);
  });
});

describe("withBudgets", () => {
  const tasks = Array.from({ length: 400 }, (_, i) => aTask({ id: `${i}`, ...(i % 2 === 0 ? { thinkingBudget: 99 } : {}) }));
  const thinking = ThinkingConfig.parse({ kind: "budgets", grid: [0, 8, 32], autonomousShare: 0.25 });
  const budgets = (step: number, seed = 1) => withBudgets(tasks, { thinking, seed, step }).map(({ thinkingBudget }) => thinkingBudget);

  test("draws a budget for each task in place of its own, none for some", () => {
    const drawn = budgets(0);
    assert.deepEqual(new Set(drawn), new Set([undefined, 0, 8, 32]));
    // 100 expected, standard error 9.
    const autonomous = drawn.filter((budget) => budget === undefined).length;
    assert.ok(autonomous > 60 && autonomous < 140, `${autonomous}`);
    assert.deepEqual(
      withBudgets(tasks, { thinking, seed: 1, step: 0 }).map(({ id }) => id),
      tasks.map(({ id }) => id),
    );
  });

  test("depends on seed, step and place alone", () => {
    assert.deepEqual(budgets(3), budgets(3));
    assert.notDeepEqual(budgets(3), budgets(4));
    assert.notDeepEqual(budgets(3), budgets(3, 2));
    assert.deepEqual(
      withBudgets(tasks.slice(0, 5), { thinking, seed: 1, step: 3 }).map(({ thinkingBudget }) => thinkingBudget),
      budgets(3).slice(0, 5),
    );
  });

  test("leaves tasks as they are when the policy is to decide", () => {
    assert.equal(withBudgets(tasks, { thinking: { kind: "autonomous" }, seed: 1, step: 0 }), tasks);
  });

  test("gives further tasks of a step budgets of their own", () => {
    const drawn = withBudgets(tasks, { thinking, seed: 1, step: 3 }).map(({ thinkingBudget }) => thinkingBudget);
    const further = withBudgets(tasks.slice(5), { thinking, seed: 1, step: 3, firstGroup: 5 });
    assert.deepEqual(
      further.map(({ thinkingBudget }) => thinkingBudget),
      drawn.slice(5),
    );
  });
});

describe("learnedRewards", () => {
  const forced = aRollout({ thinking: thought(16, 16, "budget") });
  const [right, wrong] = [aScoredRollout(scored(0.8), { rollout: forced }), aScoredRollout(scored(0), { rollout: forced })];
  const groups = [[right, wrong, aScoredRollout(scored(1)), aScoredRollout(unscorable("timeout"))]];

  test("prices overruns, pays nothing for a wrong answer, keeps unscorable ones unscorable, and the recorded rewards as they were", () => {
    const thinking = ThinkingConfig.parse({ kind: "budgets", grid: [16] });
    assert.deepEqual(learnedRewards(groups, thinking), [[0.4, 0, 1, undefined]]);
    assert.deepEqual(
      groups[0]!.map(({ reward }) => reward),
      [0.8, 0, 1, undefined],
    );
    assert.deepEqual(learnedRewards(groups, { kind: "autonomous" }), [[0.8, 0, 1, undefined]]);
  });
});

describe("budgetMetrics", () => {
  test("is the share that closed in time, or did not think, among rollouts that had a budget to think in", () => {
    const rollouts = [
      thought(5, 16),
      thought(16, 16, "budget"),
      thought(3, 16, "none"),
      thought(9),
      thought(0, 0, "none"),
      thought(0, 16, "none"),
    ];
    const groups = [rollouts.map((thinking) => aScoredRollout(scored(1), { rollout: aRollout({ thinking }) }))];
    assert.deepEqual(budgetMetrics(groups), { "budget/closedInTime": 2 / 4 });
    assert.deepEqual(budgetMetrics([[aScoredRollout(scored(1))]]), {});
  });
});
