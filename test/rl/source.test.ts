// What lies between tasks and scored groups, in the loop that it is for.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { CheckpointError, ConfigError } from "../../src/base/errors.ts";
import type { RlStepRecord } from "../../src/rl/record.ts";
import { endsTheSame, run, stateAt } from "../support/killedRuns.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";
import {
  configure,
  endlessTasks,
  exact,
  failed,
  numTokens,
  restarted,
  rewardOf,
  type ScoreRollout,
  taskPool,
} from "../support/tabularRun.ts";

const groupsOf = ({ rollouts }: RlStepRecord) => [...Map.groupBy(rollouts, ({ rollout }) => rollout.group).values()];
const isTrained = (group: RlStepRecord["rollouts"]): boolean => group.some(({ advantage }) => advantage !== undefined);

describe("a refilled step", () => {
  const config = configure({ sampling: { refill: { maxRounds: 3 } } });

  test("learns from as many groups as are wanted, unless its rounds are used up", async () => {
    const { record } = await run({ config });
    for (const step of record.steps) {
      const numTrained = groupsOf(step).filter(isTrained).length;
      assert.equal(step.metrics["refill/missing"], 4 - numTrained);
      assert.ok(numTrained === 4 || step.metrics["refill/rounds"] === 3, `${numTrained} groups in step ${step.step}`);
    }
    const refilled = record.steps.filter(({ metrics }) => metrics["refill/rounds"]! > 0 && metrics["refill/missing"] === 0);
    assert.ok(refilled.length > 2, `${refilled.length} refilled steps`);
  });

  test("records and counts all that was sampled, under ids and streams of their own", async () => {
    const { record } = await run({ config });
    for (const step of record.steps) {
      const groups = groupsOf(step);
      const numTeaching = groups.filter((members) => members.some(({ reward }) => reward !== members[0]!.reward)).length;
      assert.equal(step.metrics["refill/teachingShare"], numTeaching / groups.length);
      assert.ok(Math.abs(step.metrics["flatGroups"]! - (1 - numTeaching / groups.length)) < 1e-12);
      assert.deepEqual(
        step.rollouts.map(({ rollout }) => rollout.group * 8 + rollout.index),
        [...step.rollouts.keys()],
      );
    }
    const rollouts = record.steps.flatMap((step) => step.rollouts);
    for (const name of ["id", "seed"] as const) assert.equal(new Set(rollouts.map(({ rollout }) => rollout[name])).size, rollouts.length);
  });

  test("records groups in excess without learning from them", async () => {
    const { record } = await run({ config: configure({ sampling: { refill: { overdraw: 4 } } }) });
    const excess = record.steps.filter(({ metrics }) => metrics["refill/excess"]! > 0);
    assert.ok(excess.length > 0);
    for (const step of excess) {
      const teaching = groupsOf(step).filter((members) => members.some(({ reward }) => reward !== members[0]!.reward));
      assert.equal(teaching.length, 4 + step.metrics["refill/excess"]!);
      assert.deepEqual(
        teaching.map(isTrained),
        teaching.map((_, i) => i < 4),
      );
    }
  });

  test("cuts minibatches out of the groups that teach", async () => {
    const { record } = await run({ config: configure({ minibatchTasks: 2, sampling: { refill: { maxRounds: 8 } } }) });
    const full = record.steps.filter(({ metrics }) => metrics["refill/missing"] === 0);
    assert.ok(full.length > 5);
    for (const { metrics } of full) assert.equal(metrics["updates"], 2);
  });

  test("samples no further round where too much could not be scored", async () => {
    let numScored = 0;
    const score: ScoreRollout = async () => {
      numScored++;
      return failed;
    };
    await assert.rejects(run({ config, deps: { score } }), /may be unscorable, got 32 of 32/);
    assert.equal(numScored, 32);
  });

  test("learns from what there is where a pool has no more tasks", async () => {
    const { record } = await run({ config, tasks: taskPool(5), deps: { score: async () => rewardOf(1) } });
    const { metrics, rollouts } = record.steps[0]!;
    assert.deepEqual([metrics["refill/rounds"], metrics["refill/missing"], rollouts.length], [1, 4, 40]);
  });

  test("is an ordinary step where every group teaches", async () => {
    const score: ScoreRollout = async (asked, signal) => (asked.rollout.index === 0 ? rewardOf(0.5) : exact(asked, signal));
    const plain = await run({ config: configure(), deps: { score } });
    assert.equal((await run({ config, deps: { score } })).record.chain, plain.record.chain);
  });

  endsTheSame(", with refilling", { config });
});

describe("a curriculum by pass rate", () => {
  const config = configure({ steps: 40, learningRate: 0.2, sampling: { curriculum: { kind: "pass-rate", revisitShare: 0.1 } } });
  const stage = { config, tasks: taskPool(20) };

  test("retires what is solved and draws what is not", async () => {
    const { record } = await run(stage);
    const [first, last] = [record.steps[0]!.metrics, record.steps.at(-1)!.metrics];
    assert.equal(first["curriculum/active"]! + first["curriculum/retired"]!, 20);
    assert.ok(last["curriculum/retired"]! > 10, `${last["curriculum/retired"]} retired`);
  });

  test("draws every task in turn before any comes again", async () => {
    const { record } = await run({ ...stage, deps: { score: async () => rewardOf(0) } });
    const drawn = record.steps.slice(0, 5).flatMap((step) => groupsOf(step).map((members) => members[0]!.task.id));
    assert.equal(new Set(drawn).size, 20);
  });

  test("looks at retired tasks again and brings back what was forgotten", async () => {
    // All is right in the first ten steps, and wrong from then on.
    const score: ScoreRollout = async ({ rollout }) => rewardOf(Number(rollout.id.split(".")[0]) < 10 ? 1 : 0);
    const { record } = await run({ ...stage, config: { ...config, steps: 80 }, deps: { score } });
    const metric = (name: string): number[] => record.steps.map(({ metrics }) => metrics[`curriculum/${name}`]!);
    assert.equal(Math.max(...metric("retired")), 20);
    assert.ok(metric("returned").reduce((a, b) => a + b, 0) > 10, `${metric("returned")}`);
    assert.equal(metric("retired").at(-1), 0);
  });

  test("carries no more than the tasks it drew", async () => {
    const { record } = await run(stage);
    const { source } = record.points.at(-1)!.carried as { source: { curriculum: object } };
    assert.equal(Object.keys(source.curriculum).length, 20);
    const plain = (await run({ config: configure() })).record.points.at(-1)!.carried;
    assert.equal("source" in (plain as object), false);
  });

  test("needs tasks that come again", async () => {
    await assert.rejects(run({ config, tasks: endlessTasks }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /kept for tasks that come again, got a source that never ends/);
      return true;
    });
  });

  endsTheSame(", with a curriculum", { ...stage, config: { ...config, steps: 12 } });
  endsTheSame(", with a curriculum, refilling and a lag", {
    ...stage,
    config: configure({ sampling: { ...config.sampling, lag: 2, refill: {} } }),
  });
});

describe("a lag", () => {
  const config = configure({ sampling: { lag: 2 } });

  test("learns from what the policy sampled so many steps before", async () => {
    const start = (await new TabularPolicy(numTokens).digests()).parameters;
    const { record } = await run({ config });
    const before = [start, ...record.steps.map(({ digests }) => digests["parameters"]!)];
    for (const { step, rollouts, metrics } of record.steps) {
      const sampledBy = Math.max(0, step - 2);
      assert.deepEqual([...new Set(rollouts.map(({ rollout }) => rollout.policy[0]!.version))], [before[sampledBy]]);
      assert.deepEqual([metrics["staleness"], metrics["stalenessMax"]], [step - sampledBy, step - sampledBy]);
      assert.deepEqual([metrics["mismatch"], metrics["mismatchShare"], metrics["mismatchMax"]], [0, 0, 0]);
    }
  });

  test("takes what was sampled ahead from the checkpoint when the stage goes back to it", async () => {
    const policy = new TabularPolicy(numTokens, { faultAt: (call) => call >= 4 && call <= 6 });
    const { record } = await run({ config, policy });
    assert.equal(record.wentBack.length, 1);
    assert.equal((await run({ config, ...(await restarted(record, 3)) })).record.chain, record.chain);
  });

  test("says where the engine disagrees with itself, whatever was learned since", async () => {
    const policy = new TabularPolicy(numTokens);
    const forward = policy.forward.bind(policy);
    policy.forward = async (samples) =>
      (await forward(samples)).map((said) => ({ ...said, logProb: said.logProb.map((logProb) => logProb + 0.25) }));
    const { record } = await run({ config, policy });
    assert.equal(record.steps[5]!.metrics["mismatchShare"], 1);
    assert.match(record.steps[5]!.notes.join(), /differ from the sampled ones in 100 % of the tokens, by up to 0\.25/);
  });

  test("draws the same tasks and streams as without one", async () => {
    const [lagging, plain] = [await run({ config }), await run({ config: configure() })];
    const seeds = ({ record }: typeof plain) => record.steps.flatMap(({ rollouts }) => rollouts.map(({ rollout }) => rollout.seed));
    assert.deepEqual(seeds(lagging), seeds(plain));
    assert.notEqual(lagging.record.chain, plain.record.chain);
    assert.equal(plain.record.steps[5]!.metrics["staleness"], 0);
  });

  test("scores beside training", async () => {
    // Verdicts of step 3 arrive only when step 1 is recorded, which is trained on after they were asked for.
    const recorded = Promise.withResolvers<void>();
    const score: ScoreRollout = async (asked, signal) => {
      if (asked.rollout.id.startsWith("3.")) await recorded.promise;
      return exact(asked, signal);
    };
    const evaluate = async (nextStep: number) => {
      if (nextStep === 2) recorded.resolve();
      return {};
    };
    const waited = await run({ config, deps: { score, evaluate } });
    assert.equal(waited.record.chain, (await run({ config })).record.chain);
  });

  test("samples nothing that nobody will learn from", async () => {
    let numScored = 0;
    const score: ScoreRollout = async (asked, signal) => {
      numScored++;
      return exact(asked, signal);
    };
    await run({ config, deps: { score } });
    assert.equal(numScored, 12 * 32);
  });

  test("goes back with what was ahead at the checkpoint, and does not call staleness a fault", async () => {
    const policy = new TabularPolicy(numTokens, { faultAt: (call) => call >= 4 && call <= 6 });
    const { record } = await run({ config, policy });
    assert.equal(record.wentBack.length, 1);
    assert.equal(record.steps.length, 12);
    assert.deepEqual(record.steps[8]!.notes, []);
  });

  test("carries what was sampled for the steps to come, with its verdicts", async () => {
    const { record } = await run({ config });
    const { ahead, inFlight } = stateAt(record.points[2]!);
    assert.deepEqual([ahead.map(({ step }) => step), inFlight], [[6, 7], []]);
    for (const { step, groups } of ahead) {
      const learned = record.steps[step]!.rollouts.map(({ task, rollout, verdicts, reward }) => ({ task, rollout, verdicts, reward }));
      assert.deepEqual(groups.flat(), learned);
    }
    assert.equal((record.points[2]!.carried as { source: { rollouts: number } }).source.rollouts, 2 * 32);
  });

  test("does not go on without what was sampled ahead", async () => {
    const parts = await restarted((await run({ config })).record, 3);
    rmSync(join(parts.record.start.folder!, "rollouts.jsonl.gz"));
    let numScored = 0;
    const score: ScoreRollout = async (asked, signal) => {
      numScored++;
      return exact(asked, signal);
    };
    await assert.rejects(run({ config, ...parts, deps: { score } }), CheckpointError);
    assert.equal(numScored, 0);
  });

  test("is made up for by importance weights of the policy as it is", async () => {
    const { record } = await run({ config: configure({ sampling: { lag: 2 }, correction: { kind: "truncated" } }) });
    const weights = record.steps.map(({ metrics }) => metrics["correction/ratio"] ?? 1);
    assert.equal(weights[0], 1);
    assert.ok(
      weights.some((weight) => weight !== 1),
      `${weights}`,
    );
  });

  endsTheSame(", with a lag", { config });
  endsTheSame(", with a lag and a correction", { config: configure({ sampling: { lag: 2 }, correction: { kind: "truncated" } }) });
});

describe("overlong responses", () => {
  test("are punished on what is learned from, not on what is recorded", async () => {
    const { record } = await run({
      config: configure({ overlong: { kind: "shape", cacheTokens: 2 } }),
      deps: { score: async () => rewardOf(1) },
    });
    const { metrics, rollouts } = record.steps[0]!;
    assert.ok(rollouts.every(({ reward }) => reward === 1));
    for (const { rollout, advantage } of rollouts) if (rollout.tokens.length === 3 && advantage !== undefined) assert.ok(advantage < 0);
    assert.ok(metrics["updates"]! > 0);
    assert.ok(metrics["overlong/penalty"]! < 0);
  });

  test("are counted and not learned from where they are filtered", async () => {
    const { record } = await run({ config: configure({ overlong: { kind: "filter" }, alarms: { unscorable: { stopAbove: 0 } } }) });
    for (const { metrics, rollouts } of record.steps) {
      const cut = rollouts.filter(({ rollout }) => rollout.finish === "length");
      assert.equal(metrics["overlong/filtered"], cut.length / rollouts.length);
      assert.ok(cut.every(({ advantage, reward }) => advantage === undefined && reward !== undefined));
    }
    assert.ok(record.steps.some(({ rollouts }) => rollouts.some(({ advantage }) => advantage !== undefined)));
  });
});
