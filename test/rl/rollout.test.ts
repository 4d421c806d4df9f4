import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import type { PolicyBackend } from "../../src/policy/backend.ts";
import { RlConfig } from "../../src/rl/config.ts";
import {
  inGroups,
  type RewardRollout,
  type RolloutReward,
  rewarding,
  type SampleSettings,
  type ScoreRollout,
  sampleAndReward,
  sampleRequests,
  sampleSettings,
} from "../../src/rl/rollout.ts";
import { aRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

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

  test("gives further tasks of a step groups, ids and streams of their own", () => {
    const first = sampleRequests([aTask(), aTask()], settings);
    const further = sampleRequests([aTask()], { ...settings, firstGroup: 2 });
    assert.deepEqual(
      further.map(({ id, group }) => [id, group]),
      [
        ["5.2.0", 2],
        ["5.2.1", 2],
      ],
    );
    assert.equal(new Set([...first, ...further].map(({ seed }) => seed)).size, 6);
  });

  test("asks for the same rollouts when the step is taken again", () => {
    assert.deepEqual(sampleRequests([aTask()], settings), sampleRequests([aTask()], settings));
  });
});

describe("sampleAndReward", () => {
  const signal = new AbortController().signal;
  const taskOf = new Map([[0, aTask()]]);
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
    const sampled = await sampleAndReward([], { taskOf, policy, reward }, signal);
    assert.deepEqual(
      inGroups(await sampled.rewarded).map((members) => members.map(({ rollout }) => rollout.id)),
      [["b", "a"]],
    );
    assert.deepEqual(
      sampled.rollouts.map(({ id }) => id),
      ["b", "a"],
    );
  });

  test("does not wait for verdicts when all is sampled", async () => {
    const policy = policyOf(async function* () {
      yield aRollout();
    });
    const verdict = Promise.withResolvers<RolloutReward>();
    const { rewarded } = await sampleAndReward([], { taskOf, policy, reward: () => verdict.promise }, signal);
    verdict.resolve({ verdicts: {}, reward: 0.5 });
    assert.equal((await rewarded)[0]!.reward, 0.5);
  });

  test("rewards no paused rollout, whose answer is not there yet, and counts what is new of one that goes on", async () => {
    const paused = aRollout({ id: "5.0.1", index: 1, finish: "paused" });
    const longer = aRollout({ id: "5.0.0", tokens: new Int32Array(5) });
    const policy = policyOf(async function* () {
      yield paused;
      yield longer;
    });
    const [request] = sampleRequests([aTask()], { ...settings, groupSize: 1 });
    const goesOn = { ...request!, continues: aRollout({ finish: "paused" }) };
    const sampled = await sampleAndReward([goesOn], { taskOf, policy, reward: paid }, signal);
    assert.deepEqual(sampled.rollouts, [longer, paused]);
    assert.deepEqual(
      (await sampled.rewarded).map(({ rollout }) => rollout),
      [longer],
    );
    assert.equal(sampled.numTokens, 2 + 5 - 2);
  });

  test("passes on what goes wrong while sampling", async () => {
    const policy = policyOf(async function* () {
      yield aRollout();
      throw new Error("the engine died");
    });
    await assert.rejects(sampleAndReward([], { taskOf, policy, reward: paid }, signal), /the engine died/);
  });
});

describe("sampleSettings", () => {
  test("are those of the recipe and the run that sampling reads, and no others", () => {
    const config = RlConfig.parse({
      steps: 1,
      learningRate: 1e-3,
      maxNewTokens: 9,
      temperature: 0.7,
      routingReplay: "rollout",
      advantages: { kind: "grpo", groupSize: 2 },
    });
    const { step: _, ...ofStage } = settings;
    const deps = { seed: settings.seed, promptTokens: settings.promptTokens, tasks: "not read" };
    assert.deepEqual(sampleSettings(config, deps), { ...ofStage, routingReplay: "rollout" });
  });
});

describe("rewarding", () => {
  const signal = new AbortController().signal;
  const asked = { task: aTask(), rollout: aRollout() };
  const failed = unscorable("timeout");

  test("asks the verifiers, and has no reward where they could not tell", async () => {
    const record = { recordedReward: () => undefined };
    const said: ScoreRollout = async () => ({ verdicts: { exact: scored(1) }, reward: { kind: "scored", reward: 0.75, components: {} } });
    assert.deepEqual(await rewarding(2, { record, score: said })(asked, signal), { verdicts: { exact: scored(1) }, reward: 0.75 });
    const lost: ScoreRollout = async () => ({ verdicts: { exact: failed }, reward: { kind: "unscorable", failures: [] } });
    assert.deepEqual(await rewarding(2, { record, score: lost })(asked, signal), { verdicts: { exact: failed }, reward: undefined });
  });

  test("asks nobody about what the same step recorded, a lost reward included", async () => {
    const recorded: RolloutReward = { verdicts: { exact: failed }, reward: undefined, verifierVersions: { exact: 1 } };
    const record = { recordedReward: (step: number) => (step === 2 ? recorded : undefined) };
    const score: ScoreRollout = () => assert.fail("asked");
    assert.deepEqual(await rewarding(2, { record, score })(asked, signal), recorded);
    await assert.rejects(rewarding(3, { record, score })(asked, signal), /asked/);
  });
});
