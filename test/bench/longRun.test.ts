import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type Held, judgeLongRun, leavesResult, type RecordedRun } from "../../bench/subject/longRun.ts";

/** Three hundred steps of two seconds, measured every hundred; what a test is about is laid over them. */
function steps(about: (step: number) => Readonly<Record<string, number>> = () => ({})): RecordedRun["steps"] {
  return Array.from({ length: 300 }, (_, step) => {
    const measured = (step + 1) % 100 === 0 ? { "heldOut/accuracy": 0.8 } : {};
    return { stage: "rl", step, finishedMs: 2000 * step, metrics: { entropy: 0.5, rssMiB: 1000, ...measured, ...about(step) } };
  });
}
const judged = (recorded: RecordedRun["steps"], events: RecordedRun["events"] = []) =>
  judgeLongRun({ steps: recorded, events, wantedSteps: 300 });
const answered = (recorded: RecordedRun["steps"], answer: Held): string[] =>
  Object.entries(judged(recorded).holds).flatMap(([name, held]) => (held === answer ? [name] : []));
const broken = (recorded: RecordedRun["steps"]): string[] => answered(recorded, "no");

describe("judgeLongRun", () => {
  test("takes a sound run, and leaves other stages out", () => {
    const sft = { stage: "sft", step: 0, finishedMs: -1e9, metrics: { loss: Number.NaN } };
    const { holds: _, ...numbers } = judged([sft, ...steps()]);
    assert.equal(answered([sft, ...steps()], "yes").length, 6);
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

  test("finds a run unsound that ended before its last step, and tells what ended it", () => {
    const early = steps().slice(0, 250);
    const events = [
      { kind: "failed", detail: "no space" },
      { kind: "resumed", detail: "" },
      { kind: "failed", detail: "rl: entropy" },
    ];
    assert.deepEqual(broken(early), ["cameToItsEnd"]);
    assert.equal(judged(early, events).endedBy, "rl: entropy");
    assert.equal(judged(early).endedBy, undefined, "it may still be working");
    assert.equal(judged(steps(), events).endedBy, undefined, "what failed before it was resumed");
    assert.ok(broken([]).includes("cameToItsEnd"));
    assert.deepEqual(broken(steps().slice(40)), [], "a fork begins where its parent was");
  });

  test("does not judge what was not recorded, nor what has nothing to be compared with", () => {
    const without = (name: string) => steps().map(({ metrics: { [name]: _, ...metrics }, ...each }) => ({ ...each, metrics }));
    const unjudged = (recorded: RecordedRun["steps"]) => answered(recorded, "not judged");
    assert.deepEqual(unjudged(without("heldOut/accuracy")), ["lastNearBest"]);
    assert.deepEqual(unjudged(without("entropy")), ["entropyAboveFloor"]);
    assert.deepEqual(unjudged(without("rssMiB")), ["memoryFlat"]);
    assert.deepEqual(unjudged(steps().slice(0, 140)), ["lastNearBest"], "one measurement is its own best");
    assert.deepEqual(unjudged(steps().slice(0, 139)), ["lastNearBest", "memoryFlat"]);
    assert.deepEqual(unjudged(steps().slice(0, 6)), ["lastNearBest", "memoryFlat"]);
    assert.deepEqual(unjudged(steps().slice(0, 5)), ["lastNearBest", "entropyAboveFloor", "memoryFlat"]);
    assert.deepEqual(unjudged(steps().slice(0, 1)), ["lastNearBest", "entropyAboveFloor", "memoryFlat", "inTime"]);
    assert.deepEqual(unjudged([]), ["lastNearBest", "noNaN", "entropyAboveFloor", "memoryFlat", "inTime"]);
  });

  test("does not judge a number that is NaN, which is one of its own criteria", () => {
    for (const [at, name, criterion] of [
      [7, "entropy", "entropyAboveFloor"],
      [99, "heldOut/accuracy", "lastNearBest"],
      [299, "heldOut/accuracy", "lastNearBest"],
    ] as const) {
      const recorded = steps((step): Record<string, number> => (step === at ? { [name]: Number.NaN } : {}));
      assert.deepEqual([answered(recorded, "not judged"), broken(recorded)], [[criterion], ["noNaN"]]);
    }
  });

  test("gives no number for what was not recorded", () => {
    const { holds: _, strain, alarms: __, ...numbers } = judged([]);
    const known = Object.entries({ ...numbers, ...strain }).filter(([, number]) => number !== undefined);
    assert.deepEqual(Object.fromEntries(known), { steps: 0, skippedUpdates: 0 });
  });

  test("does not count the time in which a run was interrupted", () => {
    const resumed = steps().map((each) => ({ ...each, finishedMs: each.finishedMs + (each.step >= 150 ? 1e8 : 0) }));
    assert.deepEqual(broken(resumed), []);
  });

  test("tells what the stabilisers had to deal with", () => {
    const { strain } = judged(
      steps((step) => ({
        gradNorm: step === 7 ? 9 : 1,
        ratioMax: 1 + step / 100,
        "kl/last": step % 2,
        skippedUpdates: step === 7 ? 2 : 0,
      })),
    );
    assert.deepEqual(strain, { skippedUpdates: 2, largestGradNorm: 9, largestRatio: 3.99, meanKl: 0.5 });
  });

  test("takes the divergence of the only update where a step has one, and none of a step without", () => {
    const { strain } = judged(steps((step): Record<string, number> => (step % 2 === 0 ? { kl: 0.25 } : {})));
    assert.equal(strain.meanKl, 0.25);
  });

  test("counts alarms by name", () => {
    const { alarms } = judged(steps((step) => (step < 3 ? { alarms: 1, "alarm/hack": 1 } : {})));
    assert.deepEqual(alarms, { hack: 3 });
  });
});

describe("leavesResult", () => {
  test("takes a run that came to its end or recorded why it failed, and nothing that was refused, stopped, killed or not recorded", () => {
    const codes = [0, 1, 2, 130, null];
    const isTaken = (judgement: { readonly endedBy?: string }) => codes.map((code) => leavesResult(code, judgement));
    assert.deepEqual(isTaken({ endedBy: "rl: entropy" }), [true, true, false, false, false]);
    assert.deepEqual(isTaken({}), [true, false, false, false, false]);
  });
});
