import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { TrainingError } from "../../src/base/errors.ts";
import { type GuardState, initialGuard } from "../../src/optim/guard.ts";
import { SftConfig } from "../../src/sft/config.ts";
import { crossEntropyLoss, supervisedBatch } from "../../src/sft/loss.ts";
import { guardedUpdate, isCheckpointWanted, optimSettings, phaseSpeed, refusedUpdate } from "../../src/train/stage.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const config = SftConfig.parse({ steps: 10, learningRate: 0.4, warmupSteps: 4, maxGradNorm: 2, adam: { beta2: 0.9 } });
const batch = supervisedBatch([{ tokens: Int32Array.of(1, 2), targets: Int32Array.of(1) }]);

function update(policy: TabularPolicy, guard: GuardState = initialGuard) {
  const optimizer = optimSettings(config, { step: 5, guard });
  return guardedUpdate(policy, { batch, loss: crossEntropyLoss, optimizer, guard, stability: config.stability });
}

describe("guardedUpdate", () => {
  test("applies a trusted gradient", async () => {
    const policy = new TabularPolicy(4);
    const outcome = await update(policy);
    assert.ok(outcome.kind === "applied");
    assert.ok(Math.abs(outcome.metrics["loss"]! - Math.log(4)) < 1e-6);
    assert.ok(policy.parameters.some((value) => value !== 0));
  });

  test("leaves no trace of an untrusted one", async () => {
    const policy = new TabularPolicy(4, { faultAt: (call) => call === 0 });
    const outcome = await update(policy);
    assert.equal(outcome.kind, "skipped");
    assert.deepEqual(policy.parameters, new Float32Array(16));
    const healthy = new TabularPolicy(4);
    await update(policy, outcome.guard);
    await update(healthy);
    assert.deepEqual(policy.parameters, healthy.parameters);
  });

  test("wants to go back after three in a row, and gives up when it went back too often", async () => {
    const policy = new TabularPolicy(4, { faultAt: () => true });
    const twice = { ...initialGuard, skippedInARow: 2 };
    const outcome = await update(policy, twice);
    assert.equal(outcome.kind, "untrusted");
    await assert.rejects(update(policy, { ...twice, rollbacks: 3 }), TrainingError);
  });
});

describe("refusedUpdate", () => {
  test("says how many steps may be skipped where going back would take the same ones again", () => {
    const refuse = (maxSkippedInARow: number) =>
      refusedUpdate({
        wants: "go-back",
        reason: "too flat",
        cure: "fork it",
        isRepeated: true,
        guard: { ...initialGuard, skippedInARow: maxSkippedInARow - 1 },
        stability: { ...config.stability, maxSkippedInARow },
      });
    const rest = "may be skipped where nothing was learned since .*, got another cause: too flat; fork it$";
    assert.throws(() => refuse(2), new RegExp(`^TrainingError: training: fewer than 2 steps in a row ${rest}`));
    assert.throws(() => refuse(1), new RegExp(`^TrainingError: training: no step ${rest}`));
  });
});

describe("optimSettings", () => {
  test("is the scheduled rate, lowered as often as the run went back", () => {
    const settings = optimSettings(config, { step: 0, guard: { ...initialGuard, learningRateScale: 0.25 } });
    assert.deepEqual(settings, { learningRate: 0.025, beta1: 0.9, beta2: 0.9, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 2 });
  });
});

describe("isCheckpointWanted", () => {
  const running = new AbortController().signal;
  const record = { checkpointDue: (nextStep: number) => nextStep % 4 === 0 };
  const wanted = (nextStep: number, { skippedInARow = 0, stop = running } = {}) =>
    isCheckpointWanted(nextStep, { guard: { ...initialGuard, skippedInARow }, record, stop, steps: 10 });

  test("follows the recipe and saves the last step", () => {
    assert.deepEqual(
      [1, 4, 7, 8, 9, 10].map((nextStep) => wanted(nextStep)),
      [false, true, false, true, false, true],
    );
  });

  test("does not keep parameters under suspicion, unless the run ends there", () => {
    assert.deepEqual([wanted(4, { skippedInARow: 1 }), wanted(10, { skippedInARow: 1 })], [false, true]);
    assert.equal(wanted(5, { skippedInARow: 1, stop: AbortSignal.abort() }), true);
  });
});

describe("phaseSpeed", () => {
  test("is seconds and tokens per second", () => {
    assert.deepEqual(phaseSpeed("x", { numTokens: 30, elapsedMs: 1500 }), { "seconds/x": 1.5, "tokensPerSecond/x": 20 });
  });

  test("has no rate where no time passed", () => {
    assert.deepEqual(phaseSpeed("x", { numTokens: 30, elapsedMs: 0 }), { "seconds/x": 0 });
  });
});
