// Experts that sampling recorded and training replays: what is recorded, that replaying changes no bit while the parameters are those that
// sampled, and what replaying means once they are others.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ConfigError } from "../../src/base/errors.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { add, constant, mul, sum } from "../../src/graph/ops.ts";
import type { PolicyConfig } from "../../src/policy/architecture.ts";
import type { Loss, SampleRequest, TrainSample } from "../../src/policy/backend.ts";
import type { EmbeddedBackend } from "../../src/train/backend.ts";
import { logSoftmax, referenceForward, referenceOf } from "../support/referenceQwen3.ts";
import { adamSettings, collected, openBackend, sampleOf, stateOf } from "../support/tinyBackend.ts";
import { randomSequences, recordedExperts, requestsFor, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

// Router losses that would show a token that is sent elsewhere.
const config = tinyConfig({ numExperts: 6, routerAuxLossWeight: 0.5, routerZLossWeight: 0.3 });

/** A shared prompt, prompts of one token and of several, several temperatures, budgets, and more than fit into 3 slots. */
function mixedRequests(about: Partial<SampleRequest> = {}): SampleRequest[] {
  const prompts = randomSequences([9, 1, 30, 2], config, "prompt");
  const lengths = [70, 1, 12, 5, 33, 3, 9, 20];
  return requestsFor(
    lengths.map((maxNewTokens, i) => {
      const budget = i % 3 === 0 ? { thinkingBudget: 2 } : {};
      return { promptTokens: prompts[i % 4]!, maxNewTokens, group: i % 4, temperature: 0.5 + 0.5 * (i % 3), ...budget, ...about };
    }),
  );
}

/** Sum of the log-probabilities, each weighed by its place, and of the entropies. */
const loss: Loss = {
  name: "replay test",
  settings: {},
  build: ({ logProb_N, entropy_N, column }) => {
    const total = sum(mul(logProb_N, column("weight")));
    return { loss: add(total, mul(constant(0.3), sum(mul(entropy_N, column("weight"))))), metrics: { total } };
  },
};

/** Each target weighed by its place. */
function weighted(rollout: Rollout): TrainSample {
  const sample = sampleOf(rollout);
  return { ...sample, columns: { weight: Float32Array.from(sample.targets, (target) => 0.1 * (1 + (target % 4))) } };
}

function withoutExperts({ experts: _, ...sample }: TrainSample): TrainSample {
  return sample;
}

describe("recorded experts", () => {
  let recorded: readonly Rollout[];
  before(async () => {
    await using backend = openBackend({ maxSequences: 3 }, { config });
    recorded = await collected(backend.sample(mixedRequests({ recordExperts: true })));
  });

  test("are those that a second implementation's router chooses, for all tokens but the last", () => {
    const reference = referenceOf(config, tinyParameters(config));
    for (const { id, promptTokens, tokens, experts } of recorded) {
      const traces = referenceForward(reference, [...promptTokens, ...tokens]).slice(0, -1);
      assert.deepEqual(
        [...experts!],
        traces.flatMap(({ layers }) => layers.flatMap((layer) => layer.experts)),
        id,
      );
    }
  });

  test("change nothing else of a rollout, and are absent where nobody asked", async () => {
    await using backend = openBackend({ maxSequences: 8, numThreads: 2 }, { config });
    const plain = new Map((await collected(backend.sample(mixedRequests()))).map((rollout) => [rollout.id, rollout]));
    for (const { experts: _, ...rollout } of recorded) assert.deepEqual(plain.get(rollout.id), rollout);
    const half = mixedRequests().map((request, i) => (i % 2 === 0 ? { ...request, recordExperts: true as const } : request));
    const expected = new Map(recorded.map((rollout) => [rollout.id, rollout]));
    for (const rollout of await collected(backend.sample(half))) {
      const asked = half.find(({ id }) => id === rollout.id)!.recordExperts;
      assert.deepEqual(rollout, asked ? expected.get(rollout.id) : plain.get(rollout.id));
    }
  });
});

describe("replayed experts", () => {
  const changes: Readonly<Record<string, Partial<PolicyConfig>>> = {
    "weights that add up to 1": {},
    "weights as the router gives them": { normTopkProb: false },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`change no bit of what is said, metrics and gradients while the parameters are the same, with ${name}`, async (t) => {
      const changed = { ...config, ...change };
      await using backend = openBackend({ microBatchTokens: 110, numThreads: 2, gradientShards: 2 }, { config: changed });
      await using twin = openBackend({ microBatchTokens: 110, numThreads: 2, gradientShards: 2 }, { config: changed });
      const rollouts = await collected(backend.sample(mixedRequests({ recordExperts: true })));
      const samples = rollouts.map(weighted);
      const logProbs = (await backend.forward(samples)).map(({ logProb }) => logProb);
      assert.deepEqual(
        logProbs,
        rollouts.map((rollout) => sampleOf(rollout).columns["recorded"]),
      );
      const { routingAgreement, ...metrics } = await backend.forwardBackward({ samples }, loss);
      assert.ok(Math.abs(routingAgreement! - 1) < 1e-6, `${routingAgreement}`);
      assert.deepEqual(metrics, await twin.forwardBackward({ samples: samples.map(withoutExperts) }, loss));
      for (const each of [backend, twin]) await each.optimStep(adamSettings);
      assert.deepEqual(await stateOf(backend, t), await stateOf(twin, t));
    });
  }

  test("are used once the router would choose others", async (t) => {
    await using backend = openBackend({}, { config });
    const rollouts = await collected(backend.sample(mixedRequests({ recordExperts: true })));
    const samples = rollouts.map(weighted);
    for (let i = 0; i < 3; i++) {
      await backend.forwardBackward({ samples }, loss);
      await backend.optimStep({ ...adamSettings, learningRate: 0.02 });
    }
    const reference = referenceOf(config, (await stateOf(backend, t)).parameters);
    let numOther = 0;
    for (const sample of samples) {
      const [replayed] = await backend.forward([sample]);
      const [own] = await backend.forward([withoutExperts(sample)]);
      const expected = expectedLogProbs(sample, referenceForward(reference, sample.tokens, recordedExperts(sample.experts!, config)));
      const expectedOwn = expectedLogProbs(sample, referenceForward(reference, sample.tokens));
      assert.ok(furthest(replayed!.logProb, expected) < 1e-4, `replayed: ${furthest(replayed!.logProb, expected)}`);
      assert.ok(furthest(own!.logProb, expectedOwn) < 1e-4, `own: ${furthest(own!.logProb, expectedOwn)}`);
      const { total, routingAgreement } = await backend.forwardBackward({ samples: [sample] }, loss);
      await backend.discardGradient();
      const weighed = expected.reduce((sum, logProb, i) => sum + sample.columns["weight"]![i]! * logProb, 0);
      assert.ok(Math.abs(total! - weighed) < 2e-4, `${total}, expected ${weighed}`);
      assert.ok(routingAgreement! > 0 && routingAgreement! < 1, `${routingAgreement}`);
      if (furthest(own!.logProb, expected) > 0.01) numOther++;
    }
    assert.ok(numOther >= samples.length / 2, `${numOther} of ${samples.length} differ`);
  });

  test("add up to the same total and agreement however a batch is cut", async () => {
    await using backend = openBackend({}, { config });
    const samples = (await collected(backend.sample(mixedRequests({ recordExperts: true })))).map(weighted);
    await backend.forwardBackward({ samples }, loss);
    await backend.optimStep({ ...adamSettings, learningRate: 0.02 });
    const agreements: number[] = [];
    const alone: number[] = [];
    for (const sample of samples) {
      const metrics = await backend.forwardBackward({ samples: [sample] }, loss);
      alone.push(metrics["total"]!);
      agreements.push(metrics["routingAgreement"]! * (sample.tokens.length - 1));
    }
    await backend.discardGradient();
    const { total, routingAgreement } = await backend.forwardBackward({ samples }, loss);
    const numReplayed = samples.reduce((count, { tokens }) => count + tokens.length - 1, 0);
    assert.ok(Math.abs(total! - alone.reduce((a, b) => a + b, 0)) < 1e-3 * Math.abs(total!));
    assert.ok(Math.abs(routingAgreement! - agreements.reduce((a, b) => a + b, 0) / numReplayed) < 1e-6);
  });
});

function expectedLogProbs({ tokens, targets, temperature }: TrainSample, traces: ReturnType<typeof referenceForward>): number[] {
  return Array.from(targets, (target) => logSoftmax(traces[target - 1]!.logits, temperature)[tokens[target]!]!);
}

function furthest(actual: Float32Array, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)));
}

describe("forwardBackward refuses", () => {
  let backend: EmbeddedBackend;
  let samples: readonly TrainSample[];
  before(async () => {
    backend = openBackend({}, { config });
    const requests = requestsFor([{ maxNewTokens: 4 }, { maxNewTokens: 2 }]).map((request) => ({
      ...request,
      recordExperts: true as const,
    }));
    samples = (await collected(backend.sample(requests))).map(weighted).sort((a, b) => b.tokens.length - a.tokens.length);
  });
  after(() => backend[Symbol.asyncDispose]());

  const refused = (changed: (samples: readonly TrainSample[]) => readonly TrainSample[], message: string) =>
    assert.rejects(backend.forwardBackward({ samples: changed(samples) }, loss), (error) => {
      return error instanceof ConfigError && error.message === `forwardBackward: ${message}`;
    });

  test("a batch of which some have experts and some have not", () =>
    refused(
      ([a, b]) => [a!, withoutExperts(b!)],
      "of a batch either all samples have experts or none, got none at sample 1; record them for every rollout (recordExperts) or leave them out",
    ));
  test("experts of another sequence", () =>
    refused(
      ([a, b]) => [a!, { ...b!, experts: b!.experts!.slice(1) }],
      "the experts of 5 tokens, the last one left out, are 16 numbers, got 15 at sample 1; give those of its rollout as they are",
    ));
  test("experts that the policy lacks", () =>
    refused(
      ([a, b]) => [{ ...a!, experts: a!.experts!.fill(6, 3, 4) }, b!],
      "experts must be in 0..5, got 6 at sample 0; give those that this policy recorded",
    ));
  test("experts for a policy without any", async () => {
    await using plain = openBackend({}, { config: tinyConfig({ numExperts: 0 }) });
    await assert.rejects(plain.forwardBackward({ samples }, loss), /experts need a policy with experts, got one without; leave them out/);
    await assert.rejects(
      collected(plain.sample(requestsFor([{ recordExperts: true }]))),
      /sample: recordExperts needs a policy with experts, got one without \(request "r0"\)/,
    );
  });
});
