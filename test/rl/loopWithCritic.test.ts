// The loop with a critic: single rollouts are enough, the critic is pretrained, saved, killed and rolled back with its policy. Both are
// tables. Task k asks, after token k, for token k + 1.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import type { Task } from "../../src/data/task.ts";
import { ownVerifier } from "../../src/rewards/compose.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { criticFolder, type RlDeps, trainPolicy } from "../../src/rl/loop.ts";
import { MemoryRlRecord } from "../support/memoryRecord.ts";
import { aTask, scored, unscorable } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const numTokens = 8;
const never = new AbortController().signal;
const asked = (task: Task): number => task.reference as number;

type ScoreRollout = RlDeps["score"];
const exact: ScoreRollout = async ({ task, rollout }) => {
  const reward = rollout.tokens[0] === asked(task) + 1 ? 1 : 0;
  return { verdicts: { exact: scored(reward) }, reward: { kind: "scored", reward, components: {} } };
};

/** One rollout a task: without a critic there would be nothing to compare it with. */
const gae = (steps: number, about: object = {}): RlConfig =>
  RlConfig.parse({
    steps,
    tasksPerStep: 40,
    maxNewTokens: 3,
    learningRate: 0.1,
    warmupSteps: 2,
    advantages: { kind: "gae", groupSize: 1, valuePretrainingSteps: 4, critic: { learningRate: 0.2 }, ...about },
  });

const aCritic = (): TabularPolicy => new TabularPolicy(numTokens, { isCritic: true });

interface Wiring {
  readonly config: RlConfig;
  readonly policy?: TabularPolicy;
  readonly critic?: TabularPolicy;
  readonly record?: MemoryRlRecord;
  readonly score?: ScoreRollout;
}

/** Runs the loop with ordinary parts where the test has none of its own. */
async function train({ config, policy = new TabularPolicy(numTokens), critic = aCritic(), record = aRecord(), score = exact }: Wiring) {
  const tasks: RlDeps["tasks"] = {
    batch: (step, count) => Array.from({ length: count }, (_, i) => aTask({ id: `${step}.${i}`, reference: 2 + ((step * count + i) % 5) })),
    further: () => [],
  };
  const deps = { seed: 7, policy, critic, tasks, promptTokens: (task: Task) => Int32Array.of(asked(task)), score, record };
  const terms = [{ verifier: ownVerifier, weight: 1 }];
  const clock = { nowMs: () => 0, elapsedMs: () => 0 };
  await trainPolicy(config, { ...deps, terms, clock, evaluate: async () => ({}), stop: never }, never);
  return { record };
}

function aRecord(earlier?: MemoryRlRecord, until = Number.POSITIVE_INFINITY): MemoryRlRecord {
  const folder = mkdtempSync(join(tmpdir(), "rl-critic-"));
  folders.push(folder);
  return new MemoryRlRecord(folder, { everySteps: 3, ...(earlier === undefined ? {} : { earlier, until }) });
}

/** A new process, which knows only what is in the store and in the last checkpoint, of step `from` at most. */
async function restarted(killed: MemoryRlRecord, from = Number.POSITIVE_INFINITY) {
  const [policy, critic, record] = [new TabularPolicy(numTokens), aCritic(), aRecord(killed, from)];
  const { folder } = record.points.at(-1)!;
  await policy.load(folder);
  await critic.load(criticFolder(folder));
  return { policy, critic, record };
}

describe("trainPolicy, with a critic", () => {
  test("learns what is rewarded from single rollouts, and the critic foretells it", async () => {
    const { record } = await train({ config: gae(60) });
    const series = (name: string): (number | undefined)[] => record.steps.map(({ metrics }) => metrics[name]);
    const accuracy = series("accuracy");
    assert.ok(accuracy[0]! < 0.4, `starts at ${accuracy[0]}`);
    assert.ok(accuracy.at(-1)! > 0.9, `ends at ${accuracy.at(-1)}`);
    assert.equal(series("critic/value")[0], 0);
    assert.ok(Math.abs(series("critic/value").at(-1)! - series("critic/return").at(-1)!) < 0.15);
  });

  test("leaves the policy alone while the critic is pretrained, and then starts its warm-up", async () => {
    const { record } = await train({ config: gae(8) });
    const digests = (name: string): number => new Set(record.steps.slice(0, 4).map((step) => step.digests[name])).size;
    assert.deepEqual([digests("parameters"), digests("critic")], [1, 4]);
    assert.notEqual(record.steps[4]!.digests["parameters"], record.steps[3]!.digests["parameters"]);
    assert.deepEqual(
      record.steps.slice(3, 6).map(({ metrics }) => metrics["learningRate"]),
      [undefined, 0.05, 0.1],
    );
    assert.ok(record.steps.every(({ metrics }) => metrics["mismatchMax"] === 0));
  });

  test("does what alarms want while the critic is pretrained too", async () => {
    const attempts = new Set<string>();
    const troubled: ScoreRollout = async (request, signal) => {
      const isTroubled = request.rollout.id.startsWith("1.") && !attempts.has(request.rollout.id);
      attempts.add(request.rollout.id);
      return isTroubled
        ? { verdicts: { exact: unscorable("crash") }, reward: { kind: "unscorable", failures: [] } }
        : exact(request, signal);
    };
    const watched = async (action: string) => {
      attempts.clear();
      const alarms = { unscorable: { action, stopAbove: 1 } };
      return (await train({ config: RlConfig.parse({ ...gae(6), alarms }), score: troubled })).record;
    };
    assert.equal((await watched("slow")).steps[5]!.guard.learningRateScale, 0.5);
    assert.match((await watched("skip")).steps[1]!.notes.join(), /update skipped: alarm "unscorable": 100 %/);
    const { wentBack, steps } = await watched("go-back");
    assert.deepEqual([wentBack.map(({ step }) => step), steps.length], [[1], 6]);
    assert.match(wentBack[0]!.reason, /alarm "unscorable": 100 %/);
    assert.equal(steps[1]!.metrics["unscorable"], 0, "the verdicts that failed are asked for again");
  });

  test("lets the learning rate fall over the policy's own steps", async () => {
    const { record } = await train({ config: { ...gae(8), decay: { kind: "linear", floor: 0.5 } } });
    const rates = record.steps.slice(4).map(({ metrics }) => metrics["learningRate"]!);
    const alone = await train({ config: { ...gae(4, { valuePretrainingSteps: 0 }), decay: { kind: "linear", floor: 0.5 } } });
    assert.deepEqual(
      rates,
      alone.record.steps.map(({ metrics }) => metrics["learningRate"]),
    );
    assert.ok(rates.at(-1)! < 0.1, `${rates}`);
  });

  test("ends where the undisturbed run ends after it was killed, in pretraining and after it", async () => {
    const undisturbed = await train({ config: gae(12) });
    for (const killedIn of [3, 7]) {
      const killed = aRecord();
      const crash: ScoreRollout = async (request, signal) => {
        if (request.rollout.id.startsWith(`${killedIn}.22.`)) throw new Error("killed");
        return exact(request, signal);
      };
      await assert.rejects(train({ config: gae(12), record: killed, score: crash }), /killed/);
      const resumed = await train({ config: gae(12), ...(await restarted(killed)) });
      assert.equal(resumed.record.chain, undisturbed.record.chain);
    }
  });

  test("goes back with its critic", async () => {
    const config = gae(12, { valuePretrainingSteps: 0 });
    const { record } = await train({ policy: new TabularPolicy(numTokens, { faultAt: (call) => call >= 4 && call <= 6 }), config });
    assert.equal(record.wentBack.length, 1);
    const again = await train({ ...(await restarted(record, 3)), config });
    assert.equal(again.record.chain, record.chain);
  });

  test("leaves unscorable rollouts out and counts them", async () => {
    const score: ScoreRollout = async (request, signal) =>
      request.rollout.group === 0
        ? { verdicts: { exact: unscorable("timeout") }, reward: { kind: "unscorable", failures: [] } }
        : exact(request, signal);
    const { record } = await train({ config: gae(6, { valuePretrainingSteps: 0 }), score });
    const { metrics, rollouts } = record.steps[0]!;
    assert.deepEqual([metrics["unscorable"], metrics["droppedGroups"]], [1 / 40, 1 / 40]);
    assert.equal(rollouts[0]!.advantage, undefined);
    assert.equal(
      metrics["trainedTokens"],
      rollouts.slice(1).reduce((sum, { rollout }) => sum + rollout.tokens.length, 0),
    );
  });
});
