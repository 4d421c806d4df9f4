// Every loss runs in the engine as the float64 evaluator says, from the log-probabilities and entropies that the engine itself gives.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { ForwardOutputs, TrainSample } from "../../src/policy/backend.ts";
import { ObjectiveConfig } from "../../src/rl/algorithmConfig.ts";
import { policyLoss } from "../../src/rl/losses.ts";
import { evaluateLoss } from "../support/lossValues.ts";
import { oneLayer, openBackend } from "../support/tinyBackend.ts";
import { randomSequences, samplesFor } from "../support/tinyPolicy.ts";

const names = ["advantage", "oldLogProb", "refLogProb", "weight", "share", "kept", "penalised"] as const;

/** Old and reference policy a little away from the policy, a sequence's advantage the same for all of its tokens. */
function withColumns(sample: Omit<TrainSample, "columns">, { logProb }: ForwardOutputs, index: number): TrainSample {
  const rng = rngFor("losses in the engine", index);
  const near = (): Float32Array => logProb.map((own) => own + 0.4 * rng.normal());
  const filled = (value: number): Float32Array => new Float32Array(logProb.length).fill(value);
  const columns = {
    advantage: filled(index % 2 === 0 ? 1.5 : -0.5),
    oldLogProb: near(),
    refLogProb: near(),
    weight: filled(1 / 16),
    share: filled(1 / 32),
    kept: logProb.map((_, t) => t % 2),
    penalised: logProb.map((_, t) => t % 3),
  };
  return { ...sample, columns };
}

describe("policyLoss", () => {
  const beside = [
    { entropy: { kind: "none" }, kl: { kind: "none" } },
    { entropy: { kind: "bonus", weight: 0.3 }, kl: { kind: "loss", estimator: "k2", weight: 0.7 } },
    { entropy: { kind: "clip-cov", share: 1, min: 0, max: 1 }, kl: { kind: "loss", estimator: "k3", weight: 0.7 } },
    { entropy: { kind: "kl-cov", share: 1, weight: 0.5 }, kl: { kind: "loss", estimator: "unbiased", weight: 0.7 } },
    { entropy: { kind: "none" }, kl: { kind: "reward", weight: 0.7 } },
  ] as const;

  test("gives in the engine the loss and the metrics of the reference", async () => {
    await using backend = openBackend({ microBatchTokens: 12, gradientShards: 1 });
    const plain = samplesFor(randomSequences([9, 4, 7, 2], oneLayer));
    const said = await backend.forward(plain);
    const samples = plain.map((sample, index) => withColumns(sample, said[index]!, index));
    const flat = (of: (sample: TrainSample, index: number) => Float32Array): number[] => samples.flatMap((sample, i) => [...of(sample, i)]);
    const feeds = {
      logProb: flat((_, i) => said[i]!.logProb),
      entropy: flat((_, i) => said[i]!.entropy),
      columns: Object.fromEntries(names.map((name) => [name, flat(({ columns }) => columns[name]!)])),
      lengths: samples.map(({ targets }) => targets.length),
    };
    for (const [i, { shape }] of ObjectiveConfig.options.entries()) {
      const loss = policyLoss({ objective: ObjectiveConfig.parse({ kind: shape.kind.value }), ...beside[i]! });
      const { gradNorm, ...reported } = await backend.forwardBackward({ samples }, loss);
      await backend.discardGradient();
      const expected = evaluateLoss(loss, feeds);
      assert.ok(gradNorm! > 0);
      for (const [name, value] of Object.entries({ ...expected.metrics, loss: expected.loss })) {
        assert.ok(
          Math.abs(reported[name]! - value) < 2e-5,
          `${loss.name} ${shape.kind.value}: ${name} ${reported[name]}, expected ${value}`,
        );
      }
    }
  });
});
