import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { judgeLongRun, type RecordedStep } from "../../bench/subject/longRun.ts";

/** Three hundred steps of two seconds, measured every hundred; what a test is about is laid over them. */
function steps(about: (step: number) => Readonly<Record<string, number>> = () => ({})): RecordedStep[] {
  return Array.from({ length: 300 }, (_, step) => {
    const measured = (step + 1) % 100 === 0 ? { "heldOut/accuracy": 0.8 } : {};
    return { stage: "rl", step, finishedMs: 2000 * step, metrics: { entropy: 0.5, rssMiB: 1000, ...measured, ...about(step) } };
  });
}
const broken = (recorded: readonly RecordedStep[]): string[] =>
  Object.entries(judgeLongRun(recorded).holds).flatMap(([name, holds]) => (holds ? [] : [name]));

describe("judgeLongRun", () => {
  test("takes a sound run, and leaves other stages out", () => {
    const sft = { stage: "sft", step: 0, finishedMs: -1e9, metrics: { loss: Number.NaN } };
    const { holds: _, ...numbers } = judgeLongRun([sft, ...steps()]);
    assert.deepEqual(broken([sft, ...steps()]), []);
    assert.deepEqual([numbers.steps, numbers.secondsPerStep, numbers.memoryRatio, numbers.alarms], [300, 2, 1, {}]);
  });

  test("sees each thing that can go wrong", () => {
    assert.deepEqual(broken(steps((step) => (step === 99 ? { "heldOut/accuracy": 0.84 } : {}))), ["lastNearBest"]);
    assert.deepEqual(broken(steps((step) => (step === 99 ? { "heldOut/accuracy": 0.825 } : {}))), []);
    assert.deepEqual(broken(steps((step) => (step === 7 ? { gradNorm: Number.NaN } : {}))), ["noNaN"]);
    assert.deepEqual(broken(steps((step) => (step > 200 ? { entropy: 0.049 } : {}))), ["entropyAboveFloor"]);
    assert.deepEqual(broken(steps((step) => (step === 200 ? { entropy: 0.001 } : {}))), [], "one odd step is none");
    assert.deepEqual(broken(steps((step) => (step > 100 ? { rssMiB: 1000 + step } : {}))), ["memoryFlat"]);
    const slow = steps().map((each) => ({ ...each, finishedMs: 20 * each.finishedMs }));
    assert.deepEqual(broken(slow), ["inTime"]);
  });

  test("does not count the time in which a run was interrupted", () => {
    const resumed = steps().map((each) => ({ ...each, finishedMs: each.finishedMs + (each.step >= 150 ? 1e8 : 0) }));
    assert.deepEqual(broken(resumed), []);
  });

  test("tells what the stabilisers had to deal with", () => {
    const { strain } = judgeLongRun(
      steps((step) => ({
        gradNorm: step === 7 ? 9 : 1,
        ratioMax: 1 + step / 100,
        "kl/last": step % 2,
        skippedUpdates: step === 7 ? 2 : 0,
      })),
    );
    assert.deepEqual(strain, { skippedUpdates: 2, largestGradNorm: 9, largestRatio: 3.99, meanKl: 0.5 });
  });

  test("counts alarms by name", () => {
    const { alarms } = judgeLongRun(steps((step) => (step < 3 ? { alarms: 1, "alarm/hack": 1 } : {})));
    assert.deepEqual(alarms, { hack: 3 });
  });
});
