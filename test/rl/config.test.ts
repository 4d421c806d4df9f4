import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { pretrainingSteps, RlConfig } from "../../src/rl/config.ts";

const parsed = (steps: number, advantages: object) => RlConfig.parse({ steps, maxNewTokens: 8, learningRate: 1e-3, advantages });

describe("pretrainingSteps", () => {
  test("are 20, or a tenth of a short stage, unless the recipe says otherwise", () => {
    const of = (steps: number, about: object = {}) => pretrainingSteps(parsed(steps, { kind: "gae", ...about }));
    assert.deepEqual([of(1000), of(200), of(150), of(9)], [20, 20, 15, 0]);
    assert.deepEqual([of(1000, { valuePretrainingSteps: 50 }), of(9, { valuePretrainingSteps: 0 })], [50, 0]);
  });

  test("leave the policy's own steps to its warm-up", () => {
    const stage = (warmupSteps?: number) =>
      RlConfig.safeParse({
        ...{ steps: 60, maxNewTokens: 8, learningRate: 1e-3, advantages: { kind: "gae", valuePretrainingSteps: 55 } },
        ...(warmupSteps === undefined ? {} : { warmupSteps }),
      });
    assert.equal(stage().data!.warmupSteps, 5);
    assert.ok(stage(5).success);
    assert.match(stage(6).error!.issues[0]!.message, /never reaches its peak, got 6 and 5/);
  });

  test("are none without a critic", () => {
    assert.equal(pretrainingSteps(parsed(1000, { kind: "grpo" })), 0);
  });
});

describe("a critic's keys", () => {
  test("are refused where there is no critic, and a group's where one is", () => {
    assert.throws(() => parsed(9, { kind: "grpo", lambdaCritic: 1 }), /lambdaCritic/);
    assert.throws(() => parsed(9, { kind: "gae", lambdaPolicy: { kind: "constant", alpha: 0.1 } }), /alpha/);
    assert.equal(parsed(9, { kind: "gae", groupSize: 1 }).advantages.groupSize, 1);
    assert.throws(() => parsed(9, { kind: "grpo", groupSize: 1 }), /one rollout teaches nothing/);
  });
});
