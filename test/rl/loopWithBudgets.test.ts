// The loop where tasks are asked with thinking budgets: a group shares its budget, an overrun costs, and what follows a forced close
// is learned.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { RlDeps } from "../../src/rl/loop.ts";
import { aRecord, configure, numTokens, restarted, rewardOf, type ScoreRollout, train } from "../support/tabularRun.ts";

describe("trainPolicy, under thinking budgets", () => {
  // The table's block is never opened: a budget of n forces the close (token 1) as the n-th token of the response, counted from 0.
  const thinking = { kind: "budgets", grid: [0, 1], autonomousShare: 0.25, overrunPenalty: 0.5 };
  const config = configure({ thinking, maxNewTokens: 5, steps: 40 });
  const afterClose: ScoreRollout = async ({ rollout: { tokens, chosen } }) => rewardOf(tokens[chosen.indexOf(0) + 1] === 6 ? 1 : 0);

  test("asks a whole group for the same budget, and records rewards without what an overrun costs", async () => {
    const asked: (number | undefined)[] = [];
    const promptTokens: RlDeps["promptTokens"] = ({ thinkingBudget }) => {
      asked.push(thinkingBudget);
      return Int32Array.of(2 + (thinkingBudget ?? 2));
    };
    const { record } = await train({ config: { ...config, steps: 3 }, deps: { promptTokens, score: afterClose } });
    for (const { rollouts } of record.steps) {
      for (const { task, rollout, reward } of rollouts) {
        assert.equal(rollout.promptTokens[0], 2 + (task.thinkingBudget ?? 2));
        assert.equal(rollout.chosen.indexOf(0), task.thinkingBudget === undefined || rollout.tokens[0] === 0 ? -1 : task.thinkingBudget);
        assert.ok(reward === 0 || reward === 1);
      }
    }
    assert.deepEqual(new Set(asked), new Set([undefined, 0, 1]));
  });

  test("learns how to go on after a forced close", async () => {
    const { policy } = await train({ config, deps: { score: afterClose } });
    // Whatever stood in its row at first was equally likely: only the token after the close was ever rewarded.
    const row = policy.parameters.subarray(numTokens, 2 * numTokens);
    assert.equal(row.indexOf(Math.max(...row)), 6);
    const logTotal = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
    assert.ok(Math.exp(row[6]! - logTotal) > 0.6, `probability ${Math.exp(row[6]! - logTotal)}`);
  });

  test("repeats itself to the bit over a restart", async () => {
    const undisturbed = await train({ config, deps: { score: afterClose } });
    const killed = aRecord();
    const crash: ScoreRollout = async (request, signal) => {
      if (request.rollout.id.startsWith("7.2.")) throw new Error("killed");
      return afterClose(request, signal);
    };
    await assert.rejects(train({ config, record: killed, deps: { score: crash } }), /killed/);
    const resumed = await train({ config, ...(await restarted(killed)), deps: { score: afterClose } });
    assert.equal(resumed.record.chain, undisturbed.record.chain);
  });
});
