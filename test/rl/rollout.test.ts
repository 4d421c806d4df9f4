import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { systemClock } from "../../src/base/clock.ts";
import { TrainingError } from "../../src/base/errors.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import type { PolicyBackend } from "../../src/policy/backend.ts";
import { type RewardRollout, type SampleSettings, sampleAndReward, sampleRequests } from "../../src/rl/rollout.ts";
import { aRollout, aTask } from "../support/rollouts.ts";

const settings: SampleSettings = {
  seed: 3,
  step: 5,
  groupSize: 2,
  temperature: 0.7,
  maxNewTokens: 9,
  promptTokens: (task) => Int32Array.of(task.id.length),
};

describe("sampleRequests", () => {
  test("asks for a group of each task, with the task's own budget", () => {
    const requests = sampleRequests([aTask({ id: "a" }), aTask({ id: "bb", thinkingBudget: 4 })], settings);
    assert.deepEqual(
      requests.map(({ id, taskId, group, index, promptTokens, thinkingBudget }) => [
        id,
        taskId,
        group,
        index,
        [...promptTokens],
        thinkingBudget,
      ]),
      [
        ["5.0.0", "a", 0, 0, [1], undefined],
        ["5.0.1", "a", 0, 1, [1], undefined],
        ["5.1.0", "bb", 1, 0, [2], 4],
        ["5.1.1", "bb", 1, 1, [2], 4],
      ],
    );
    for (const { temperature, maxNewTokens } of requests) assert.deepEqual([temperature, maxNewTokens], [0.7, 9]);
  });

  test("gives every rollout of a run a stream of its own, also where a task is drawn twice", () => {
    const twice = [aTask(), aTask()];
    const seeds = [5, 6].flatMap((step) => sampleRequests(twice, { ...settings, step })).map(({ seed }) => seed);
    const otherRun = sampleRequests(twice, { ...settings, seed: 4 }).map(({ seed }) => seed);
    assert.equal(new Set([...seeds, ...otherRun]).size, 12);
  });

  test("asks for the experts where they are to be replayed", () => {
    const asked = (["off", "rollout"] as const).map((routingReplay) => sampleRequests([aTask()], { ...settings, routingReplay })[0]!);
    assert.deepEqual(
      asked.map(({ recordExperts }) => recordExperts),
      [undefined, true],
    );
  });

  test("asks for the same rollouts when the step is taken again", () => {
    assert.deepEqual(sampleRequests([aTask()], settings), sampleRequests([aTask()], settings));
  });
});

describe("sampleAndReward", () => {
  const signal = new AbortController().signal;
  const tasks = [aTask()];
  const policyOf = (sample: () => AsyncGenerator<Rollout>): PolicyBackend => ({ sample }) as Partial<PolicyBackend> as PolicyBackend;
  const paid: RewardRollout = async () => ({ verdicts: {}, reward: 1 });

  test("rewards a rollout while others are still being sampled", async () => {
    const rewarded = Promise.withResolvers<void>();
    const policy = policyOf(async function* () {
      yield aRollout({ id: "a", index: 1 });
      await rewarded.promise; // would wait for ever, were rewards held back until sampling ends
      yield aRollout({ id: "b", index: 0 });
    });
    const reward: RewardRollout = async (asked) => {
      rewarded.resolve();
      return paid(asked, signal);
    };
    const { groups } = await sampleAndReward([], { tasks, policy, reward, clock: systemClock }, signal);
    assert.deepEqual(
      groups.map((members) => members.map(({ rollout }) => rollout.id)),
      [["b", "a"]],
    );
  });

  test("refuses to reward a paused rollout, whose answer is not there yet", async () => {
    const policy = policyOf(async function* () {
      yield aRollout({ id: "5.0.1", finish: "paused" });
    });
    const reward: RewardRollout = () => assert.fail("it was rewarded");
    await assert.rejects(sampleAndReward([], { tasks, policy, reward, clock: systemClock }, signal), (error) => {
      const message = 'rl: only a response that is at its end can be scored, got paused rollout "5.0.1"; let it go on first';
      return error instanceof TrainingError && error.message === message;
    });
  });

  test("passes on what goes wrong while sampling", async () => {
    const policy = policyOf(async function* () {
      yield aRollout();
      throw new Error("the engine died");
    });
    await assert.rejects(sampleAndReward([], { tasks, policy, reward: paid, clock: systemClock }, signal), /the engine died/);
  });
});
