// The log-probabilities that sampling records are the ones that training recomputes, in every bit: whatever was sampled together,
// however a batch is cut and padded, and whatever the number of threads on either side.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { byteTokenizerJson } from "../../src/policy/alphabets.ts";
import type { PolicyConfig } from "../../src/policy/architecture.ts";
import type { SampleRequest, TrainSample } from "../../src/policy/backend.ts";
import type { EmbeddedBackend } from "../../src/train/backend.ts";
import type { EngineConfig } from "../../src/train/config.ts";
import { collected, mismatch, openBackend, sampleOf } from "../support/tinyBackend.ts";
import { randomSequences, requestsFor, tinyConfig } from "../support/tinyPolicy.ts";

/** Its control tokens lie beyond the policies' vocabularies, so that every response is as long as it may be. */
const tokenizerJson = byteTokenizerJson();

/** Over all batches. */
async function compared(backend: EmbeddedBackend, batches: readonly (readonly TrainSample[])[]) {
  let [different, worst] = [0, 0];
  for (const samples of batches) {
    const metrics = await backend.forwardBackward({ samples }, mismatch);
    different += metrics["different"]!;
    worst = Math.max(worst, metrics["worst"]!);
  }
  return { different, worst };
}

/** Prompts of 1, 2, 7 and 30 tokens, a shared one among them; responses of 1 to `longest` tokens; two temperatures. */
function mixedRequests(config: PolicyConfig, { longest }: { longest: number }): SampleRequest[] {
  const prompts = randomSequences([7, 1, 30, 2, 7], config, "prompt");
  const lengths = [longest, 1, 12, 5, 23, 3, 9];
  return requestsFor(
    lengths.map((maxNewTokens, i) => {
      return { promptTokens: prompts[i % prompts.length]!, maxNewTokens, group: i % 3, temperature: i % 2 === 0 ? 1 : 0.7 };
    }),
  );
}

const same = { different: 0, worst: 0 };
const tiny = tinyConfig();

describe("recomputed log-probabilities equal the sampled ones in every bit", () => {
  const sides: readonly Partial<EngineConfig>[] = [
    { maxSequences: 1, numThreads: 1, microBatchTokens: 139, gradientShards: 1 },
    { maxSequences: 6, numThreads: 2, microBatchTokens: 1000, gradientShards: 2 },
    { maxSequences: 32, numThreads: 1, microBatchTokens: 160, gradientShards: 5 },
  ];
  test("for any number of neighbours, threads, shards, cut and order", async () => {
    // Longer than two blocks of the cache.
    const requests = mixedRequests(tiny, { longest: 132 });
    await using stack = new AsyncDisposableStack();
    const backends = sides.map((side) => stack.use(openBackend(side, { config: tiny, tokenizerJson })));
    const batches: TrainSample[][] = [];
    for (const backend of backends) batches.push((await collected(backend.sample(requests))).map(sampleOf));
    const alone = batches[0]!.map((sample) => [sample]);
    for (const [i, backend] of backends.entries()) {
      assert.deepEqual(await compared(backend, [...batches, batches[1]!.toReversed(), ...alone]), same, JSON.stringify(sides[i]));
    }
  });

  // The sums of the last ones the engine would cut at places that depend on the number of rows (src/graph/ops/product.ts).
  const architectures: Readonly<Record<string, Partial<PolicyConfig>>> = {
    "as many key/value heads as heads": { numKvHeads: 4, numLayers: 1 },
    "no experts and tied embeddings": { numExperts: 0, tieEmbeddings: true },
    "experts that most tokens miss": { numExperts: 12, expertsPerToken: 1, numLayers: 1, normTopkProb: false },
    "sums of 384 terms in 64 columns": { width: 384, numLayers: 1, numExperts: 2, expertWidth: 32 },
    "heads of 160 numbers": { numHeads: 2, numKvHeads: 1, headWidth: 160, numLayers: 1, numExperts: 0 },
  };
  for (const [name, changes] of Object.entries(architectures)) {
    test(`with ${name}`, async () => {
      const config = tinyConfig(changes);
      const requests = mixedRequests(config, { longest: 70 });
      await using backend = openBackend({ maxSequences: 2, microBatchTokens: 110 }, { config, tokenizerJson });
      const batches: TrainSample[][] = [];
      // Short ones first, so that the cache grows between them.
      for (const part of [requests.slice(1), requests]) batches.push((await collected(backend.sample(part))).map(sampleOf));
      assert.deepEqual(await compared(backend, [...batches, batches.flat()]), same);
    });
  }

  test("and one changed bit is seen", async () => {
    await using backend = openBackend({}, { config: tiny, tokenizerJson });
    const samples = (await collected(backend.sample(mixedRequests(tiny, { longest: 3 })))).map(sampleOf);
    const recorded = samples[2]!.columns["recorded"]!;
    new Uint32Array(recorded.buffer, recorded.byteOffset)[0]! ^= 1;
    const { different, worst } = await compared(backend, [samples]);
    assert.equal(different, 1);
    assert.ok(worst > 0 && worst < 1e-6);
  });
});
