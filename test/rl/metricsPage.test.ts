// docs/metrics.md lists whatever a step records.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { listedMetrics, unlistedMetrics } from "../support/metricsPage.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";
import { configure, exact, failed, numTokens, type ScoreRollout, train } from "../support/tabularRun.ts";
import { adamSettings, openBackend, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor, tinyConfig } from "../support/tinyPolicy.ts";

/** Of every step of a run. */
async function recorded(about: Parameters<typeof train>[0]): Promise<string[]> {
  const { record } = await train(about);
  return [...new Set(record.steps.flatMap(({ metrics }) => Object.keys(metrics)))];
}

describe("docs/metrics.md", () => {
  test("lists what the loop records, failures included", async () => {
    const score: ScoreRollout = async (request, signal) => (request.rollout.index === 0 ? failed : exact(request, signal));
    const names = await recorded({ config: configure({ steps: 2, alarms: { unscorable: { stopAbove: 1 } } }), deps: { score } });
    assert.ok(names.includes("unscorable/timeout"), names.join());
    assert.deepEqual(unlistedMetrics(names), []);
  });

  test("lists what bounds, a reference and a correction record", async () => {
    const about = {
      objective: { kind: "clip", dual: 3 },
      kl: { kind: "loss", weight: 0.1 },
      sampling: { lag: 1 },
      correction: { kind: "truncated" },
      innerEpochs: 2,
    };
    const names = await recorded({ config: configure({ steps: 2, ...about }), deps: { reference: new TabularPolicy(numTokens) } });
    for (const name of ["clippedDual", "klRefReverse", "correction/ess", "kl/last", "mismatchEss"]) assert.ok(names.includes(name), name);
    assert.deepEqual(unlistedMetrics(names), []);
  });

  test("lists what a critic records", async () => {
    const config = configure({ steps: 3, advantages: { kind: "gae", groupSize: 8 } });
    const names = await recorded({ config, deps: { critic: new TabularPolicy(numTokens, { isCritic: true }) } });
    assert.ok(names.includes("critic/explainedVariance"), names.join());
    assert.deepEqual(unlistedMetrics(names), []);
  });

  test("lists what each way of sampling records", async () => {
    let elapsedMs = 0;
    const clock = { nowMs: () => 0, elapsedMs: () => (elapsedMs += 10) };
    const ways: readonly (readonly [about: object, name: string])[] = [
      [{ sampling: { refill: {}, lag: 1, curriculum: { kind: "pass-rate" } } }, "refill/teachingShare"],
      [{ sampling: { partial: { tokensPerStep: 1 } }, overlong: { kind: "filter" } }, "partial/groupsPaused"],
      [{ overlong: { kind: "shape", cacheTokens: 1 } }, "overlong/penalty"],
    ];
    for (const [about, name] of ways) {
      const names = await recorded({ config: configure({ steps: 5, ...about }), deps: { clock } });
      assert.ok(names.includes(name), names.join());
      assert.deepEqual(unlistedMetrics(names), []);
    }
  });

  test("lists what the engine reports", async () => {
    const config = tinyConfig({ valueHead: true });
    await using backend = openBackend({}, { config });
    const { likeliest: _ofTheTest, ...metrics } = await backend.forwardBackward(
      { samples: samplesFor(randomSequences([9, 4], config)) },
      weightedCrossEntropy,
    );
    const names = [...Object.keys(metrics), ...Object.keys(await backend.optimStep(adamSettings))];
    assert.ok(names.includes("gradNorm/layers.0.router") && names.includes("deadExperts"), names.join());
    assert.deepEqual(unlistedMetrics(names), []);
  });

  test("has no name twice", () => {
    const names = listedMetrics();
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) < i),
      [],
    );
    assert.deepEqual(unlistedMetrics(["reward/sums", "rewards", "gradNorm/layers.3.ffn"]), ["rewards"]);
  });
});
