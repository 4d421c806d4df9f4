// The loop on the embedded engine with experts that sampling recorded and training replays. A step takes two updates. Before the first the
// policy is the one that sampled, or with a lag was it once; from the second on its router would choose others.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import type { MemoryRlRecord } from "../support/memoryRecord.ts";
import { aRecord, configure, rewardOf, type ScoreRollout, train } from "../support/tabularRun.ts";
import { openBackend } from "../support/tinyBackend.ts";
import { tinyConfig } from "../support/tinyPolicy.ts";

const policyConfig = tinyConfig({ numExperts: 6 });
const twoUpdates = { steps: 5, warmupSteps: 0, learningRate: 0.02, innerEpochs: 2, advantages: { kind: "grpo", groupSize: 4 } };
const replayed = { ...twoUpdates, routingReplay: "rollout" };

/** Members of a group hardly ever earn the same, though the policy knows nothing. */
const score: ScoreRollout = async ({ rollout }) => rewardOf((rollout.tokens[0]! % 4) / 3);

/** Runs the loop on an engine of its own, from the last checkpoint where the record has one. */
async function trainOnEngine(changes: object, record = aRecord()): Promise<MemoryRlRecord> {
  await using policy = openBackend({}, { config: policyConfig });
  const last = record.points.at(-1);
  if (last !== undefined) await policy.load(last.folder);
  await train({ config: configure(changes), record, deps: { policy, score } });
  return record;
}

for (const lag of [0, 1]) {
  const config = { ...replayed, sampling: { lag } };

  describe(`trainPolicy with replayed experts and a lag of ${lag}`, () => {
    let record: MemoryRlRecord;
    before(async () => {
      record = await trainOnEngine(config);
    });

    test("keeps the experts of all tokens but the last with every rollout", () => {
      for (const { rollout } of record.steps.flatMap(({ rollouts }) => rollouts)) {
        const numTokens = rollout.promptTokens.length + rollout.tokens.length - 1;
        assert.equal(rollout.experts?.length, numTokens * policyConfig.numLayers * policyConfig.expertsPerToken, rollout.id);
      }
    });

    test("takes two updates in every step and recomputes what it sampled, in every bit", () => {
      const seen = record.steps.map(({ metrics }) => [metrics["updates"], metrics["mismatchMax"], metrics["stalenessMax"]]);
      assert.deepEqual(
        seen,
        seen.map((_, step) => [2, 0, Math.min(lag, step)]),
      );
    });

    test("goes on from a checkpoint to the same digests", async () => {
      const resumed = aRecord(record, { until: 3 });
      resumed.steps.length = 3;
      await trainOnEngine(config, resumed);
      assert.deepEqual(
        resumed.steps.map(({ digests }) => digests),
        record.steps.map(({ digests }) => digests),
      );
    });
  });
}

describe("trainPolicy with replayed experts", () => {
  const [own, sampled] = [
    { ...twoUpdates, steps: 1 },
    { ...replayed, steps: 1 },
  ];
  const firstStep = async (changes: object) => (await trainOnEngine(changes)).steps[0]!;

  test("is what it is without them after one update of what the policy itself sampled", async () => {
    const [plain, replaying] = [await firstStep({ ...own, innerEpochs: 1 }), await firstStep({ ...sampled, innerEpochs: 1 })];
    assert.equal(replaying.digests["parameters"], plain.digests["parameters"]);
    assert.ok(Math.abs(replaying.metrics["routingAgreement"]! - 1) < 1e-6);
  });

  test("uses them in the second update, for which the router would choose others", async () => {
    const [plain, replaying] = [await firstStep(own), await firstStep(sampled)];
    assert.notEqual(replaying.digests["parameters"], plain.digests["parameters"]);
    assert.notEqual(replaying.metrics["loss"], plain.metrics["loss"]);
    assert.ok(replaying.metrics["routingAgreement"]! < 0.95, `${replaying.metrics["routingAgreement"]}`);
    assert.ok(!("routingAgreement" in plain.metrics));
  });
});
