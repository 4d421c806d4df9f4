import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { RlDeps } from "../../src/rl/loop.ts";
import type { RlStepRecord } from "../../src/rl/record.ts";
import { endsTheSame, run } from "../support/killedRuns.ts";
import { aRecord, configure, exact, failed, restarted, type ScoreRollout, taskPool } from "../support/tabularRun.ts";

/** Groups of 3, responses of up to 6 tokens, 2 in a step: a group takes 1 to 3 steps. */
const partial = { maxNewTokens: 6, advantages: { kind: "grpo", groupSize: 3 } };
const config = configure({ ...partial, sampling: { partial: { tokensPerStep: 2 } } });
const startOf = (id: string): number => Number(id.split(".")[0]);

describe("openPartialSource", () => {
  test("learns from whole groups, the oldest that are finished", async () => {
    const { record } = await run({ config: { ...config, steps: 40 } });
    const finishedAt = (rollouts: RlStepRecord["rollouts"]): number => {
      const longest = Math.max(...rollouts.map(({ rollout }) => rollout.tokens.length));
      return startOf(rollouts[0]!.rollout.id) + Math.ceil(longest / 2) - 1;
    };
    let waited = 0;
    for (const { step, rollouts, metrics } of record.steps) {
      const groups = [...Map.groupBy(rollouts, ({ rollout }) => rollout.group).values()];
      assert.ok(groups.length <= 4);
      for (const members of groups) {
        assert.deepEqual(
          members.map(({ rollout }) => rollout.index),
          [0, 1, 2],
        );
        assert.ok(finishedAt(members) <= step);
        waited += step - finishedAt(members);
      }
      assert.ok(groups.length === 4 || metrics["partial/groupsWaiting"] === 0);
    }
    assert.ok(waited > 0);
    assert.ok(record.steps.slice(3).every(({ rollouts }) => rollouts.length > 0));
  });

  test("lets no group wait that is older than one it learns from", async () => {
    const { record } = await run({ config: { ...config, steps: 40 } });
    const groups = record.steps.flatMap(({ step, rollouts }) =>
      [...Map.groupBy(rollouts, ({ rollout }) => rollout.group).values()].map((members) => {
        const start = startOf(members[0]!.rollout.id);
        const longest = Math.max(...members.map(({ rollout }) => rollout.tokens.length));
        return { learnedAt: step, start, finishedAt: start + Math.ceil(longest / 2) - 1 };
      }),
    );
    let numWaiting = 0;
    for (const { learnedAt, start } of groups) {
      const waiting = groups.filter((other) => other.finishedAt <= learnedAt && other.learnedAt > learnedAt);
      assert.ok(waiting.every((other) => other.start >= start));
      numWaiting += waiting.length;
    }
    assert.ok(numWaiting > 0);
  });

  test("starts no task of a curriculum's pool that is in flight already", async () => {
    const about = { sampling: { partial: { tokensPerStep: 2 }, curriculum: { kind: "pass-rate" } } };
    const { record } = await run({ config: configure({ ...partial, ...about, steps: 40 }), tasks: taskPool(7) });
    const spans = record.steps.flatMap(({ step, rollouts }) =>
      rollouts
        .filter(({ rollout }) => rollout.index === 0)
        .map(({ task, rollout }) => ({ id: task.id, from: startOf(rollout.id), to: step })),
    );
    for (const own of Map.groupBy(spans, ({ id }) => id).values()) {
      const inTurn = own.toSorted((x, y) => x.from - y.from);
      for (const [i, { to }] of inTurn.entries()) assert.ok(to < (inTurn[i + 1]?.from ?? Number.POSITIVE_INFINITY));
    }
  });

  test("samples every token with the policy as it is then, and tells which", async () => {
    const { record } = await run({ config });
    for (const { step, rollouts, metrics } of record.steps) {
      for (const { rollout } of rollouts) {
        const start = startOf(rollout.id);
        for (const { version, from } of rollout.policy) {
          const before = start + from / 2 - 1; // the step whose policy it is
          if (before >= 0) assert.equal(version, record.steps[before]!.digests["parameters"]);
        }
      }
      if (rollouts.length === 0) continue;
      assert.ok(metrics["stalenessMax"]! <= 5);
      assert.equal(metrics["mismatchMax"] ?? 0, 0, `step ${step}`);
    }
    const late = record.steps.filter(({ metrics }) => metrics["staleness"]! > 0);
    assert.ok(late.length > 0);
  });

  test("starts as many groups in every step, under ids, places and streams of their own", async () => {
    const { record } = await run({ config });
    let inFlight = 0;
    for (const { metrics, rollouts } of record.steps) {
      inFlight += 4 - rollouts.length / 3;
      assert.equal(metrics["partial/groupsPaused"]! + metrics["partial/groupsWaiting"]!, inFlight);
    }
    const all = record.steps.flatMap(({ rollouts }) => rollouts.map(({ rollout }) => rollout));
    for (const name of ["id", "seed"] as const) assert.equal(new Set(all.map((rollout) => rollout[name])).size, all.length);
  });

  test("draws a thinking budget anew in every step", async () => {
    const thinking = { kind: "budgets", grid: { from: 1, to: 1000 }, autonomousShare: 0 };
    const roomy = configure({ ...partial, maxNewTokens: 1010, thinking, sampling: { partial: { tokensPerStep: 500 } } });
    const { record } = await run({ config: { ...roomy, steps: 4 } });
    const budgetOf = new Map(record.steps.flatMap(({ rollouts }) => rollouts.map(({ task }) => [task.id, task.thinkingBudget])));
    assert.ok(budgetOf.size >= 12, `${budgetOf.size} tasks`);
    assert.ok(new Set(budgetOf.values()).size > 8, [...budgetOf.values()].join());
  });

  test("scores a rollout once, when it is finished", async () => {
    const seen = new Map<string, number>();
    const score: ScoreRollout = async (asked, signal) => {
      seen.set(asked.rollout.id, (seen.get(asked.rollout.id) ?? 0) + 1);
      assert.notEqual(asked.rollout.finish, "paused");
      return exact(asked, signal);
    };
    const { record } = await run({ config, deps: { score } });
    assert.deepEqual([...new Set(seen.values())], [1]);
    for (const { rollouts } of record.steps) for (const { rollout } of rollouts) assert.ok(seen.has(rollout.id));
  });

  test("keeps the verdicts that a step recorded when members are scored anew", async () => {
    // The first life's verdicts all come too late. Steps 3 and 4 are taken again in the second, which has no such trouble.
    let isLate = true;
    const score: ScoreRollout = async (asked, signal) => (isLate ? failed : exact(asked, signal));
    const evaluate: RlDeps["evaluate"] = async (nextStep) => {
      if (isLate && nextStep === 6) throw new Error("killed");
      return {};
    };
    const record = aRecord();
    const stage = {
      config: { ...config, alarms: { ...config.alarms, unscorable: { ...config.alarms.unscorable, stopAbove: 1 } } },
      deps: { score, evaluate },
    };
    await assert.rejects(run({ ...stage, record }), /killed/);
    isLate = false;
    const resumed = await run({ ...stage, ...(await restarted(record)) });
    const digests = (steps: readonly RlStepRecord[]) => steps.slice(0, 5).map((step) => step.digests);
    assert.deepEqual(digests(resumed.record.steps), digests(record.steps));
    assert.equal(
      resumed.record.steps.slice(8).every(({ metrics }) => metrics["unscorable"] === 0),
      true,
    );
  });

  test("learns what is rewarded, over versions", async () => {
    const { record } = await run({ config: { ...config, steps: 60, tasksPerStep: 8, minibatchTasks: 8 } });
    const accuracy = record.steps.flatMap(({ metrics }) => metrics["accuracy"] ?? []);
    assert.ok(accuracy.at(-1)! > accuracy[0]! + 0.4, `${accuracy[0]} to ${accuracy.at(-1)}`);
  });

  endsTheSame(", with partial rollouts", { config });
  endsTheSame(", with partial rollouts and a curriculum", {
    tasks: taskPool(20),
    config: configure({ ...partial, sampling: { partial: { tokensPerStep: 2 }, curriculum: { kind: "pass-rate" } } }),
  });
});
