// The loop over a policy that really samples and really learns: a table of logits. Task k asks, after token k, for token k + 1.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { TrainingError } from "../../src/base/errors.ts";
import type { RlDeps } from "../../src/rl/loop.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";
import {
  aRecord,
  configure,
  exact,
  exactBut,
  failed,
  numTokens,
  restarted,
  rewardOf,
  type ScoreRollout,
  train,
} from "../support/tabularRun.ts";

describe("trainPolicy", () => {
  test("learns what is rewarded", async () => {
    const { record } = await train({ config: configure({ steps: 60 }) });
    const accuracy = record.steps.map(({ metrics }) => metrics["accuracy"]!);
    assert.ok(accuracy[0]! < 0.4, `starts at ${accuracy[0]}`);
    assert.ok(accuracy.at(-1)! > 0.9, `ends at ${accuracy.at(-1)}`);
  });

  test("samples the same log-probabilities as it trains on", async () => {
    const { record } = await train();
    for (const { metrics } of record.steps) {
      assert.deepEqual([metrics["mismatch"], metrics["mismatchShare"], metrics["mismatchMax"], metrics["kl"]], [0, 0, 0, 0]);
    }
  });

  test("repeats itself to the bit, and differs for another seed", async () => {
    const [once, again, other] = [await train(), await train(), await train({ deps: { seed: 8 } })];
    assert.equal(once.record.chain, again.record.chain);
    assert.notEqual(once.record.chain, other.record.chain);
  });

  test("gives the same when verdicts arrive in another order", async () => {
    const slow: ScoreRollout = async (request, signal) => {
      for (let i = 0; i < request.rollout.index % 3; i++) await Promise.resolve();
      return exact(request, signal);
    };
    assert.equal((await train({ deps: { score: slow } })).record.chain, (await train()).record.chain);
  });

  test("keeps rollouts in order of group and member with their advantages", async () => {
    const { record } = await train();
    const { rollouts } = record.steps[0]!;
    assert.deepEqual(
      rollouts.map(({ rollout }) => [rollout.group, rollout.index]),
      Array.from({ length: 32 }, (_, i) => [i >> 3, i % 8]),
    );
    for (const { reward, advantage } of rollouts) if (advantage !== undefined) assert.equal(advantage > 0, reward === 1);
  });
});

describe("trainPolicy, interrupted", () => {
  test("ends where the undisturbed run ends after it was killed in the middle of a step", async () => {
    const undisturbed = await train();
    const killed = aRecord();
    const crash: ScoreRollout = async (request, signal) => {
      if (request.rollout.id.startsWith("7.2.")) throw new Error("killed");
      return exact(request, signal);
    };
    await assert.rejects(train({ record: killed, deps: { score: crash } }), /killed/);
    assert.equal(killed.steps.length, 7);
    assert.equal(killed.points.at(-1)!.nextStep, 6);
    const resumed = await train(await restarted(killed));
    assert.equal(resumed.record.chain, undisturbed.record.chain);
    assert.deepEqual(resumed.policy.parameters, undisturbed.policy.parameters);
  });

  test("asks for no verdict twice, so that one that came late stays late", async () => {
    const lateOnce = exactBut([6], failed);
    const config = configure({ alarms: { unscorable: { stopAbove: 1 } } });
    const stop = new AbortController();
    const evaluate: RlDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 7) stop.abort();
      return {};
    };
    const first = await train({ config, deps: { score: lateOnce, evaluate, stop: stop.signal } });
    first.record.points.pop(); // as if killed before the checkpoint of step 7 was written
    const rescored: string[] = [];
    const score: ScoreRollout = async (request, signal) => {
      rescored.push(request.rollout.id.split(".")[0]!);
      return exact(request, signal);
    };
    const resumed = await train({ ...(await restarted(first.record)), config, deps: { score } });
    assert.equal(resumed.record.steps[6]!.metrics["unscorable"], 1);
    assert.deepEqual([...new Set(rescored)], ["7", "8", "9", "10", "11"]);
  });

  test("finishes and saves the step when asked to stop, and goes on to the same end", async () => {
    const stop = new AbortController();
    const evaluate: RlDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 5) stop.abort();
      return {};
    };
    const stopped = await train({ deps: { stop: stop.signal, evaluate } });
    assert.equal(stopped.nextStep, 5);
    assert.equal(stopped.record.points.at(-1)!.nextStep, 5);
    const resumed = await train(await restarted(stopped.record));
    assert.equal(resumed.nextStep, 12);
    assert.equal(resumed.record.chain, (await train()).record.chain);
  });

  test("stops at once when the signal is aborted", async () => {
    const controller = new AbortController();
    const record = aRecord();
    const evaluate: RlDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 5) controller.abort();
      return {};
    };
    await assert.rejects(train({ record, deps: { evaluate }, signal: controller.signal }), { name: "AbortError" });
    assert.equal(record.points.at(-1)!.nextStep, 3);
  });
});

describe("trainPolicy, aborted while sampling", () => {
  test("neither scores nor learns from what was cancelled", async () => {
    const controller = new AbortController();
    const record = aRecord();
    const seen: string[] = [];
    const score: ScoreRollout = async (request, signal) => {
      seen.push(request.rollout.finish);
      if (seen.length === 40) controller.abort(); // the eighth rollout of the second step
      return exact(request, signal);
    };
    await assert.rejects(train({ record, deps: { score }, signal: controller.signal }), { name: "AbortError" });
    assert.equal(seen.length, 40);
    assert.equal(seen.includes("cancelled"), false);
    assert.equal(record.steps.length, 1);
  });

  test("does not go on with a step whose last rollout came before the abort", async () => {
    const controller = new AbortController();
    const record = aRecord();
    let numScored = 0;
    const score: ScoreRollout = async (request, signal) => {
      if (++numScored === 32) controller.abort();
      return exact(request, signal);
    };
    await assert.rejects(train({ record, deps: { score }, signal: controller.signal }), { name: "AbortError" });
    assert.equal(record.steps.length, 0);
  });
});

describe("trainPolicy, in trouble", () => {
  test("skips an update that is not a number and says so", async () => {
    const policy = new TabularPolicy(numTokens, { faultAt: (call) => call === 4 });
    const { record } = await train({ policy });
    const parameters = record.steps.map(({ digests }) => digests["parameters"]);
    assert.equal(parameters[4], parameters[3]);
    assert.notEqual(parameters[5], parameters[4]);
    assert.equal(record.steps[4]!.metrics["skippedUpdates"], 1);
    assert.match(record.steps[4]!.notes.join(), /update skipped: gradient norm is NaN/);
    assert.deepEqual(record.steps[5]!.guard.skippedInARow, 0);
  });

  test("goes back to the last checkpoint before the trouble, at half the learning rate", async () => {
    const policy = new TabularPolicy(numTokens, { faultAt: (call) => call >= 4 && call <= 6 });
    const { record, nextStep } = await train({ policy });
    assert.equal(nextStep, 12);
    // checkpoints at 0 and 3; step 6 has none, since the updates of 4 and 5 were skipped
    assert.deepEqual(
      record.wentBack.map(({ step }) => step),
      [6],
    );
    assert.equal(record.steps[3]!.metrics["learningRate"], 0.05);
    assert.equal(record.steps[2]!.metrics["learningRate"], 0.1);
    assert.equal(record.steps.at(-1)!.guard.rollbacks, 1);
    assert.equal(record.steps.length, 12);
    const fromCheckpoint = await restarted(record, 3);
    assert.equal((await train(fromCheckpoint)).record.chain, record.chain);
  });

  test("goes back when the policy gives no numbers any more, and takes what it gave for no flat group", async () => {
    const policy = new TabularPolicy(numTokens);
    const record = aRecord();
    let isPoisoned = false;
    const evaluate: RlDeps["evaluate"] = async (nextStep) => {
      if (nextStep === 4 && !isPoisoned) policy.parameters.fill(Number.NaN);
      isPoisoned ||= nextStep === 4;
      return {};
    };
    await train({ policy, record, deps: { evaluate } });
    assert.deepEqual(
      record.wentBack.map(({ step }) => step),
      [6],
    );
    assert.match(record.wentBack[0]!.reason, /log-probabilities of \d+ of \d+ sampled tokens are not finite/);
    assert.equal(record.steps.length, 12);
    assert.ok(policy.parameters.every(Number.isFinite));
  });

  test("gives up when going back does not help", async () => {
    const record = aRecord();
    const policy = new TabularPolicy(numTokens, { faultAt: (call) => call >= 4 });
    const raised = await train({ policy, record }).catch((error: unknown) => error);
    assert.ok(raised instanceof TrainingError);
    assert.match(raised.message, /may go back at most 3 times, got another cause: gradient norm is NaN/);
    assert.equal(record.wentBack.length, 3);
    assert.deepEqual(
      record.attempts.map(({ step, rollouts }) => [step, rollouts.length]),
      [...record.wentBack, { step: 5 }].map(({ step }) => [step, 32]),
    );
  });

  test("leaves unscorable rollouts out and counts them", async () => {
    const score: ScoreRollout = async (request, signal) => (request.rollout.index === 0 ? failed : exact(request, signal));
    const { record } = await train({ config: configure({ alarms: { unscorable: { stopAbove: 0.2 } } }), deps: { score } });
    const { metrics, rollouts } = record.steps[0]!;
    assert.deepEqual([metrics["unscorable"], metrics["unscorable/timeout"]], [1 / 8, 1 / 8]);
    assert.ok(rollouts.every(({ rollout, advantage }) => rollout.index !== 0 || advantage === undefined));
    const trained = rollouts.filter(({ advantage }) => advantage !== undefined);
    assert.equal(
      metrics["trainedTokens"],
      trained.reduce((sum, { rollout }) => sum + rollout.tokens.length, 0),
    );
  });

  test("ends the run when too many verdicts failed, naming the first, and keeps the step's rollouts", async () => {
    const score: ScoreRollout = async (request, signal) => (request.rollout.index < 2 ? failed : exact(request, signal));
    const record = aRecord();
    await assert.rejects(train({ record, config: configure({ alarms: { unscorable: { stopAbove: 0.2 } } }), deps: { score } }), (error) => {
      assert.ok(error instanceof TrainingError);
      assert.match(error.message, /at most 0\.2 .* got 8 of 32 after 0 steps, the first by verifier "exact": timeout, died/);
      assert.match(error.message, /; whetstone runs rollouts memory-1 --unscorable shows them$/);
      return true;
    });
    const [{ step, rollouts }] = record.attempts as [(typeof record.attempts)[number]];
    assert.deepEqual([step, rollouts.length, rollouts.filter(({ reward }) => reward === undefined).length], [0, 32, 8]);
    assert.equal(record.steps.length, 0);
  });

  test("leaves the policy alone where no group prefers anything", async () => {
    const { record, policy } = await train({ deps: { score: async () => rewardOf(1) } });
    assert.deepEqual(policy.parameters, new Float32Array(numTokens ** 2));
    assert.deepEqual([record.steps[0]!.metrics["flatGroups"], record.steps[0]!.metrics["updates"]], [1, 0]);
  });

  test("fails with the scorer's own error when scoring breaks", async () => {
    const score: ScoreRollout = async () => Promise.reject(new Error("pool closed"));
    await assert.rejects(train({ deps: { score } }), /pool closed/);
  });
});

describe("trainPolicy, in minibatches", () => {
  test("takes one update for each, and only the first is on-policy", async () => {
    const { record } = await train({ config: configure({ minibatchTasks: 2 }) });
    const updates = record.steps.map(({ metrics }) => metrics["updates"]!);
    assert.ok(Math.max(...updates) === 2);
    const moved = record.steps.filter(({ metrics }) => metrics["updates"] === 2);
    assert.ok(moved.some(({ metrics }) => metrics["kl"]! > 0));
    assert.ok(moved.every(({ metrics }) => metrics["mismatch"] === 0));
  });

  test("equals whole steps when a minibatch is a step", async () => {
    const whole = await train({ config: configure({ minibatchTasks: 4 }) });
    assert.equal(whole.record.chain, (await train()).record.chain);
  });
});
