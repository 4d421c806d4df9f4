// What `forward` says of a sample: the bits that sampling recorded and that training computes, whatever the batch and the engines.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConfigError } from "../../src/base/errors.ts";
import { abs, add, constant, largest, lessThan, sub, sum } from "../../src/graph/ops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { byteTokenizerJson } from "../../src/policy/alphabets.ts";
import type { ForwardOutputs, Loss } from "../../src/policy/backend.ts";
import { logSoftmax, referenceForward, referenceOf } from "../support/referenceQwen3.ts";
import { collected, openBackend, sampleOf, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, requestsFor, samplesFor, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

const critic = tinyConfig({ valueHead: true });
/** Its control tokens lie beyond the policy's vocabulary, so that every response is as long as it may be. */
const of = { config: critic, tokenizerJson: byteTokenizerJson() };

const bits = ({ logProb, entropy, value }: ForwardOutputs) =>
  [logProb, entropy, value!].map((numbers) => [...new Uint32Array(numbers.buffer)]);

describe("forward", () => {
  test("gives the recorded log-probabilities, and entropies and values of one kind, in every bit", async () => {
    await using stack = new AsyncDisposableStack();
    const sides = [
      { maxSequences: 1, numThreads: 1, microBatchTokens: 139 },
      { maxSequences: 6, numThreads: 2, microBatchTokens: 1000 },
      { maxSequences: 32, numThreads: 3, microBatchTokens: 160 },
    ].map((side) => stack.use(openBackend(side, of)));
    const lengths = [132, 1, 12, 5, 23, 3, 9];
    const prompts = randomSequences([7, 1, 30, 2, 7], critic, "prompt");
    const requests = requestsFor(
      lengths.map((maxNewTokens, i) => ({ promptTokens: prompts[i % 5]!, maxNewTokens, group: i % 3, temperature: i % 2 === 0 ? 1 : 0.7 })),
    );
    const rollouts = (await collected(sides[0]!.sample(requests))).toSorted((a, b) => a.index - b.index);
    const samples = rollouts.map(sampleOf);
    const expected = (await sides[0]!.forward(samples)).map(bits);
    assert.deepEqual(
      expected.map(([logProb]) => logProb),
      rollouts.map(({ logProbs }) => [...new Uint32Array(logProbs.buffer)]),
    );
    for (const side of sides) {
      assert.deepEqual((await side.forward(samples.toReversed())).map(bits).toReversed(), expected);
      const alone: ForwardOutputs[] = [];
      for (const sample of samples) alone.push(...(await side.forward([sample])));
      assert.deepEqual(alone.map(bits), expected);
    }
  });

  test("gives what the loss of a training step is built from, in every bit", async () => {
    await using backend = openBackend({ microBatchTokens: 60 }, of);
    const samples = samplesFor(randomSequences([40, 9, 33, 2, 17], critic), { temperature: 0.8 });
    const outputs = await backend.forward(samples);
    const recorded = samples.map((sample, i) => ({ ...sample, columns: { ...outputs[i]! } as unknown as Record<string, Float32Array> }));
    const differences: Loss = {
      name: "differences",
      settings: {},
      build: ({ logProb_N, entropy_N, value_N, column }) => {
        const distance = (x_N: Tensor, name: string): Tensor => abs(sub(x_N, column(name)));
        const apart_N = add(add(distance(logProb_N, "logProb"), distance(entropy_N, "entropy")), distance(value_N!, "value"));
        const different = sum(lessThan(constant(0), apart_N));
        return { loss: sum(apart_N), metrics: { different }, maxima: { worst: largest(apart_N) } };
      },
    };
    const { different, worst } = await backend.forwardBackward({ samples: recorded }, differences);
    assert.deepEqual([different, worst], [0, 0]);
    new Uint32Array(recorded[2]!.columns["value"]!.buffer)[3]! ^= 1;
    assert.equal((await backend.forwardBackward({ samples: recorded }, differences))["different"], 1);
  });

  test("agrees with the architecture computed a second time, at the sample's temperature", async () => {
    await using backend = openBackend({}, of);
    const samples = samplesFor(randomSequences([11, 6], critic), { temperature: 1.5 });
    const outputs = await backend.forward(samples);
    const model = referenceOf(critic, tinyParameters(critic));
    for (const [i, { tokens, targets }] of samples.entries()) {
      const traces = referenceForward(model, tokens);
      const { logProb, entropy, value } = outputs[i]!;
      targets.forEach((target, j) => {
        const { logits, value: worth } = traces[target - 1]!;
        const row = logSoftmax(logits, 1.5);
        const spread = -row.reduce((total, x) => total + Math.exp(x) * x, 0);
        for (const [got, wanted] of [
          [logProb[j], row[tokens[target]!]],
          [entropy[j], spread],
          [value![j], worth],
        ])
          assert.ok(Math.abs(got! - wanted!) < 1e-5, `got ${got}, expected ${wanted}`);
      });
    }
  });

  test("leaves parameters, optimizer and the accumulated gradient alone", async () => {
    const samples = samplesFor(randomSequences([12, 5], critic));
    const [plain, looked] = [openBackend({}, of), openBackend({}, of)];
    await using _ = plain;
    await using __ = looked;
    for (const backend of [plain, looked]) await backend.forwardBackward({ samples }, weightedCrossEntropy);
    await looked.forward(samples);
    assert.deepEqual(await looked.digests(), await plain.digests());
    const again = [
      await plain.forwardBackward({ samples }, weightedCrossEntropy),
      await looked.forwardBackward({ samples }, weightedCrossEntropy),
    ];
    assert.deepEqual(again[1], again[0]);
  });

  test("sees the parameters of the last update", async () => {
    await using backend = openBackend({ numThreads: 2 }, of);
    const samples = samplesFor(randomSequences([12, 5, 8], critic));
    const before = await backend.forward(samples);
    await backend.forwardBackward({ samples }, weightedCrossEntropy);
    await backend.optimStep({ learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 });
    const after = await backend.forward(samples);
    const likelihood = (outputs: readonly ForwardOutputs[]) => outputs.flatMap(({ logProb }) => [...logProb]).reduce((a, b) => a + b);
    assert.ok(likelihood(after) > likelihood(before));
  });

  test("has nothing to say where nothing is asked, and no values without a head", async () => {
    await using backend = openBackend();
    const [asked] = samplesFor(randomSequences([5], tinyConfig()));
    const silent = { ...asked!, targets: new Int32Array() };
    const [first, second, third] = await backend.forward([silent, asked!, silent]);
    assert.deepEqual([first!.logProb.length, second!.logProb.length, third!.entropy.length], [0, 4, 0]);
    assert.equal(second!.value, undefined);
    assert.deepEqual(await backend.forward([]), []);
  });

  test("refuses a sequence that no micro-batch holds", async () => {
    await using backend = openBackend({ microBatchTokens: 8 });
    await assert.rejects(backend.forward(samplesFor(randomSequences([9], tinyConfig()))), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^forward: a sequence must fit into engine\.microBatchTokens, got 9 tokens and 8; raise it$/);
      return true;
    });
  });
});
