import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type SampleSettings, sampleRequests } from "../../src/rl/rollout.ts";
import { aTask } from "../support/rollouts.ts";

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

  test("asks for the same rollouts when the step is taken again", () => {
    assert.deepEqual(sampleRequests([aTask()], settings), sampleRequests([aTask()], settings));
  });
});
