import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import { forwardSample, numTrainedTokens, policyBatch } from "../../src/rl/batch.ts";
import { aRollout } from "../support/rollouts.ts";

const forced = aRollout({
  promptTokens: Int32Array.of(7, 8, 9),
  tokens: Int32Array.of(1, 2, 3, 4),
  chosen: Uint8Array.of(1, 0, 0, 1),
  logProbs: Float32Array.of(-0.25, Number.NaN, Number.NaN, -0.75),
  temperature: 0.5,
});
const tokenMean = { kind: "token-mean" } as const;
const short = aRollout({ promptTokens: Int32Array.of(7), tokens: Int32Array.of(2), logProbs: Float32Array.of(-1) });

describe("policyBatch", () => {
  test("trains the chosen tokens of the response and nothing else", () => {
    const [sample] = policyBatch([{ rollout: forced, advantage: 2, group: 0 }], tokenMean).samples;
    assert.deepEqual(sample, {
      tokens: Int32Array.of(7, 8, 9, 1, 2, 3, 4),
      targets: Int32Array.of(3, 6),
      temperature: 0.5,
      columns: {
        advantage: Float32Array.of(2, 2),
        oldLogProb: Float32Array.of(-0.25, -0.75),
        weight: Float32Array.of(0.5, 0.5),
        share: Float32Array.of(0.5, 0.5),
      },
    });
  });

  test("gives each chosen token its own advantage where a critic told them apart", () => {
    const [sample] = policyBatch(
      [{ rollout: forced, group: 0, advantage: 1, tokenAdvantages: Float64Array.of(1.5, 0.5) }],
      tokenMean,
    ).samples;
    assert.deepEqual(sample!.columns["advantage"], Float32Array.of(1.5, 0.5));
  });

  test("weighs every trained token of the batch the same, whatever rollout it is in", () => {
    const batch = policyBatch(
      [
        { rollout: forced, advantage: 1, group: 0 },
        { rollout: short, advantage: -1, group: 0 },
      ],
      tokenMean,
    );
    const third = Math.fround(1 / 3);
    assert.deepEqual(
      batch.samples.map(({ columns }) => [...columns["weight"]!]),
      [[third, third], [third]],
    );
    assert.equal(numTrainedTokens(batch), 3);
  });

  test("replays the experts where they were recorded, for the policy that they are of and no other", () => {
    const experts = Uint16Array.of(3, 1);
    const recorded = { ...short, experts };
    const sampleOf = (rollout: Rollout) => policyBatch([{ rollout, advantage: 1, group: 0 }], tokenMean).samples[0]!;
    const [plain, replayed] = [short, recorded].map((rollout) => sampleOf(rollout).experts);
    assert.deepEqual([plain, replayed], [undefined, experts]);
    assert.equal(forwardSample(recorded).experts, undefined);
  });

  test("leaves out a rollout in which the policy chose nothing", () => {
    const nothing = aRollout({ tokens: Int32Array.of(1), chosen: Uint8Array.of(0), logProbs: Float32Array.of(Number.NaN) });
    const batch = policyBatch(
      [
        { rollout: nothing, advantage: 1, group: 0 },
        { rollout: short, advantage: 1, group: 1 },
      ],
      { kind: "prompt-mean" },
    );
    assert.deepEqual(
      batch.samples.map(({ tokens }) => [...tokens]),
      [[7, 2]],
    );
    assert.deepEqual(batch.samples[0]!.columns["weight"], Float32Array.of(1));
  });

  test("multiplies weights by the correction, and shares by nothing", () => {
    const correction = Float32Array.of(2, 0);
    const [sample] = policyBatch([{ rollout: forced, advantage: 1, group: 0, correction }], { kind: "constant", length: 8 }).samples;
    assert.deepEqual(sample!.columns["weight"], Float32Array.of(0.25, 0));
    assert.deepEqual(sample!.columns["share"], Float32Array.of(0.5, 0.5));
  });

  test("takes the ratio to what it is given, and carries the reference along", () => {
    const given = { oldLogProb: Float32Array.of(-3, -4), refLogProb: Float32Array.of(-5, -6) };
    const [sample] = policyBatch([{ rollout: forced, advantage: 1, group: 0, ...given }], tokenMean).samples;
    assert.deepEqual([sample!.columns["oldLogProb"], sample!.columns["refLogProb"]], [given.oldLogProb, given.refLogProb]);
  });
});
