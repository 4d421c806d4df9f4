// The printed form of a run is read back from what the command line prints of a store, not from a form that the test writes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ShownRun } from "../../src/runs/shown.ts";
import { RunStore } from "../../src/runs/store.ts";
import { whetstone } from "../cli/whetstone.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { fingerprint, sampleRecipe, sampleStep, stoppedClock } from "./samples.ts";

describe("ShownRun", () => {
  test("has the numbers that were recorded, those included that JSON lacks", async (t) => {
    const folder = tempFolder(t);
    using store = new RunStore(folder, stoppedClock());
    const recipe = JSON.parse(JSON.stringify(sampleRecipe()));
    store.createRun({ id: "sums-1", name: "sums", recipe, recipeFile: "/r/recipe.ts", fingerprint, startHash: "start" });
    const metrics = { reward: 0.5, loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY, "kl/last": Number.NEGATIVE_INFINITY };
    store.recordStep("sums-1", sampleStep({ metrics }));
    store.addEvent("sums-1", { kind: "failed", detail: "no space" });

    const { code, stdout, stderr } = await whetstone(folder, "runs", "show", "sums-1", "--runs", ".", "--json");
    assert.equal(code, 0, stderr);
    assert.deepEqual(ShownRun.parse(JSON.parse(stdout)), {
      name: "sums",
      createdMs: 1_000_000,
      recipe: { seed: recipe.seed, rl: { steps: 6 } },
      steps: [{ stage: "rl", step: 0, finishedMs: 1_000_000, metrics }],
      events: [{ kind: "failed", detail: "no space" }],
    });
  });

  test("refuses a metric that is text", () => {
    const run = { name: "a", createdMs: 0, recipe: { seed: 0 }, events: [] };
    const step = { stage: "rl", step: 0, finishedMs: 0 };
    assert.equal(ShownRun.safeParse({ ...run, steps: [{ ...step, metrics: { loss: "NaN" } }] }).success, true);
    assert.equal(ShownRun.safeParse({ ...run, steps: [{ ...step, metrics: { loss: "" } }] }).success, false);
  });
});
