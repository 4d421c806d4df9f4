// The loop under thinking budgets, over a table of logits. The table's block of thinking is always open: a budget of n forces the close
// (token 1) as the token at place n of the response.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ownVerifier } from "../../src/rewards/compose.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { type RlDeps, trainPolicy } from "../../src/rl/loop.ts";
import { MemoryRlRecord } from "../support/memoryRecord.ts";
import { aTask, scored } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";
import { tempFolder } from "../support/tempFolder.ts";

const numTokens = 8;
const never = new AbortController().signal;
const thinking = { kind: "budgets", grid: [0, 1], autonomousShare: 0.25 };

const configure = (steps: number): RlConfig =>
  RlConfig.parse({ steps, thinking, tasksPerStep: 4, maxNewTokens: 5, learningRate: 0.1, warmupSteps: 2, advantages: { kind: "grpo" } });

/** Pays for token 6 right after the forced close, and for nothing else. */
const afterClose: RlDeps["score"] = async ({ rollout: { tokens, chosen } }) => {
  const reward = chosen.includes(0) && tokens[chosen.indexOf(0) + 1] === 6 ? 1 : 0;
  return { verdicts: { exact: scored(reward) }, reward: { kind: "scored", reward, components: {} } };
};

interface Wiring {
  readonly config: RlConfig;
  readonly record: MemoryRlRecord;
  readonly policy?: TabularPolicy;
  readonly deps?: Partial<RlDeps>;
}

async function train({ config, record, policy = new TabularPolicy(numTokens), deps }: Wiring): Promise<TabularPolicy> {
  const usual: RlDeps = {
    seed: 7,
    policy,
    tasks: (step, count) => Array.from({ length: count }, (_, i) => aTask({ id: `${step}.${i}`, thinkingBudget: 4 })),
    promptTokens: () => Int32Array.of(3),
    terms: [{ verifier: ownVerifier, weight: 1 }],
    score: afterClose,
    evaluate: async () => ({}),
    record,
    clock: { nowMs: () => 0, elapsedMs: () => 0 },
    stop: never,
  };
  await trainPolicy(config, { ...usual, ...deps }, never);
  return policy;
}

describe("trainPolicy, under thinking budgets", () => {
  test("asks a whole group under one budget, and records rewards without what an overrun costs", async (t) => {
    const asked: (number | undefined)[] = [];
    const promptTokens: RlDeps["promptTokens"] = ({ thinkingBudget }) => {
      asked.push(thinkingBudget);
      return Int32Array.of(2 + (thinkingBudget ?? 2));
    };
    const record = new MemoryRlRecord(tempFolder(t), { everySteps: 3 });
    await train({ config: configure(3), record, deps: { promptTokens } });
    assert.deepEqual(new Set(asked), new Set([undefined, 0, 1]));
    const rollouts = record.steps.flatMap((step) => step.rollouts);
    for (const { task, rollout, reward } of rollouts) {
      assert.equal(rollout.promptTokens[0], 2 + (task.thinkingBudget ?? 2));
      const closedAt = task.thinkingBudget === undefined || rollout.tokens[0] === 0 ? -1 : task.thinkingBudget;
      assert.equal(rollout.chosen.indexOf(0), closedAt);
      assert.ok(reward === 0 || reward === 1);
    }
    assert.ok(rollouts.some(({ reward }) => reward === 1));
  });

  test("learns how to go on after a forced close", async (t) => {
    const policy = await train({ config: configure(40), record: new MemoryRlRecord(tempFolder(t), { everySteps: 50 }) });
    const row = policy.parameters.subarray(numTokens, 2 * numTokens); // what follows the close
    const total = row.reduce((sum, z) => sum + Math.exp(z), 0);
    const probability = Math.exp(row[6]!) / total;
    assert.ok(probability > 0.6, `1/8 at first, got ${probability}`);
  });

  test("draws the same budgets after a restart", async (t) => {
    const config = configure(10);
    const undisturbed = new MemoryRlRecord(tempFolder(t), { everySteps: 3 });
    await train({ config, record: undisturbed });
    const killed = new MemoryRlRecord(tempFolder(t), { everySteps: 3 });
    const crash: RlDeps["score"] = async (request, signal) => {
      if (request.rollout.id.startsWith("7.2.")) throw new Error("killed");
      return afterClose(request, signal);
    };
    await assert.rejects(train({ config, record: killed, deps: { score: crash } }), /killed/);
    const record = new MemoryRlRecord(tempFolder(t), { everySteps: 3, earlier: killed, until: Number.POSITIVE_INFINITY });
    const policy = new TabularPolicy(numTokens);
    await policy.load(record.points.at(-1)!.folder);
    await train({ config, record, policy });
    assert.equal(record.chain, undisturbed.chain);
  });
});
