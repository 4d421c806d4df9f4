import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { runReport, workingMs } from "../../src/runs/report.ts";
import { RunStore } from "../../src/runs/store.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { fingerprint, sampleStep, stoppedClock } from "./samples.ts";

describe("workingMs", () => {
  test("counts an undisturbed run from start to now", () => {
    assert.equal(workingMs({ starts: [{ atMs: 100 }], finished: [150, 200], nowMs: 300 }), 200);
  });

  test("leaves out the time between a killed process's last step and the next start", () => {
    // 100 to 200 worked, killed, resumed at 1000, worked to 1300: 100 + 300
    assert.equal(workingMs({ starts: [{ atMs: 100 }, { atMs: 1000 }], finished: [150, 200, 1100], nowMs: 1300 }), 400);
  });

  test("counts nothing for a start that took no step", () => {
    assert.equal(workingMs({ starts: [{ atMs: 100 }, { atMs: 500 }], finished: [600], nowMs: 700 }), 200);
  });
});

describe("runReport", () => {
  test("holds the last measurement of each stage, and the one before the first step where there was one", (t) => {
    using store = new RunStore(tempFolder(t), stoppedClock());
    store.createRun({ id: "sums-1", name: "sums", recipe: {}, recipeFile: "/r/recipe.ts", fingerprint, startHash: "start" });
    store.addEvent("sums-1", { kind: "started", detail: "" });
    const put = (stage: string, step: number, name: string, accuracy: number) =>
      store.addEvaluation("sums-1", {
        stage,
        step,
        name,
        result: { accuracy, byFamily: {}, tasks: 8, unscorable: 0, meanResponseTokens: 4 },
        rollouts: [],
        verifierVersions: {},
      });
    store.recordStep("sums-1", sampleStep({ step: 0, metrics: { peakRssMiB: 70 } }));
    put("rl", 0, "heldOut", 0.1);
    put("rl", 5, "heldOut", 0.5);
    put("rl", 9, "heldOut", 0.8);
    put("rl", 9, "heldOutBeyond", 0.4);
    assert.deepEqual(runReport(store, { id: "sums-1", nowMs: 1_002_000, peakRssMiB: 77 }), {
      version: 2,
      seconds: 2,
      peakRssMiB: 77,
      start: { accuracy: 0.1 },
      rl: { accuracy: 0.8, accuracyBeyond: 0.4 },
    });
  });

  test("holds the most memory of all starts, not of the last one, and how often there were alarms", (t) => {
    using store = new RunStore(tempFolder(t), stoppedClock());
    store.createRun({ id: "sums-1", name: "sums", recipe: {}, recipeFile: "/r/recipe.ts", fingerprint, startHash: "start" });
    store.recordStep("sums-1", sampleStep({ step: 0, hash: "a", metrics: { peakRssMiB: 300 } }));
    store.recordStep("sums-1", sampleStep({ step: 1, hash: "b", metrics: { peakRssMiB: 200, alarms: 1, "alarm/hack": 1 } }));
    store.recordStep("sums-1", sampleStep({ step: 2, hash: "c", metrics: { "alarm/hack": 1, "alarm/entropy": 1 } }));
    const { peakRssMiB, alarms } = runReport(store, { id: "sums-1", nowMs: 0, peakRssMiB: 250 });
    assert.equal(peakRssMiB, 300);
    assert.deepEqual(alarms, { hack: 2, entropy: 1 });
  });
});
