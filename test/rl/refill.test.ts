import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { chooseGroups, tasksToDraw } from "../../src/rl/refill.ts";
import type { Group } from "../../src/rl/rollout.ts";
import { aRollout, aScoredRollout, scored } from "../support/rollouts.ts";

const group = (id: number, ...scores: number[]): Group =>
  scores.map((score) => aScoredRollout(scored(score), { rollout: aRollout({ group: id }) }));
const teaches = (members: Group): boolean => members.some(({ reward }) => reward !== members[0]!.reward);
const [flat, first, solved, second, third] = [group(0, 0, 0), group(1, 0, 1), group(2, 1, 1), group(3, 1, 0), group(4, 0, 1)];
const rule = { wanted: 4, teaches, settings: { maxRounds: 2, overdraw: 1 } };

describe("tasksToDraw", () => {
  test("draws what is missing, or so many times as much, rounded up", () => {
    assert.equal(tasksToDraw([flat, first, solved], { ...rule, round: 1 }), 3);
    assert.equal(tasksToDraw([flat, first, solved], { ...rule, round: 2, settings: { maxRounds: 2, overdraw: 1.5 } }), 5);
  });

  test("ends when enough groups teach, or the rounds are used up", () => {
    assert.equal(tasksToDraw([first, second, third], { ...rule, wanted: 2, round: 1 }), 0);
    assert.equal(tasksToDraw([flat], { ...rule, round: 3 }), 0);
  });
});

describe("chooseGroups", () => {
  test("takes the first that teach and keeps the others, in order", () => {
    const groups = [flat, first, solved, second, third];
    assert.deepEqual(chooseGroups(groups, { wanted: 2, teaches }), { chosen: [first, second], others: [flat, solved, third] });
    assert.deepEqual(chooseGroups(groups, { wanted: 9, teaches }), { chosen: [first, second, third], others: [flat, solved] });
  });
});
