import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { PolicyConfig } from "../../src/policy/architecture.ts";
import { parameterLayout } from "../../src/policy/architecture.ts";
import { createDecoder, type Decoder } from "../../src/policy/decoder.ts";
import { parameterPieces } from "../../src/policy/parameters.ts";
import { forwardPass, type Policy, weightFeeds } from "../support/forwardPass.ts";
import { randomSequences, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

const configs: Readonly<Record<string, PolicyConfig>> = {
  "grouped heads": tinyConfig(),
  "as many key/value heads as heads": tinyConfig({ numKvHeads: 4 }),
  "no experts, one layer, tied embeddings": tinyConfig({ numExperts: 0, numLayers: 1, tieEmbeddings: true }),
  "three layers": tinyConfig({ numLayers: 3 }),
};

function openDecoder({ config, parameters }: Policy, maxSequences: number): Promise<Decoder> {
  const weights = weightFeeds({ config, parameters });
  const pieces = parameterPieces(parameterLayout(config));
  return createDecoder({ config, pieces, parameter: (name) => weights[name]!, numThreads: 1, maxSequences });
}

/** Log-probabilities after each token of each sequence from its prompt's end on, decoded side by side. */
async function decoded(
  decoder: Decoder,
  { sequences, promptLengths, vocabSize }: { sequences: readonly Int32Array[]; promptLengths: readonly number[]; vocabSize: number },
): Promise<Float32Array[][]> {
  const prompts = await decoder.prefill(
    sequences.map((tokens, i) => tokens.subarray(0, promptLengths[i])),
    { kind: "unasked" },
  );
  for (const [slot, prompt] of prompts.entries()) decoder.cache.fill(slot, prompt);
  const rows: Float32Array[][] = sequences.map(() => []);
  const numSteps = Math.min(...sequences.map(({ length }, i) => length - promptLengths[i]! + 1));
  for (let step = 0; step < numSteps; step++) {
    const positions = promptLengths.map((length) => length - 1 + step);
    const tokens = sequences.map((sequence, i) => sequence[positions[i]!]!);
    const { logProbs } = await decoder.step({ tokens, positions, temperatures: tokens.map(() => 0.7), recordExperts: false });
    rows.forEach((list, slot) => void list.push(logProbs.slice(slot * vocabSize, (slot + 1) * vocabSize)));
  }
  return rows;
}

describe("createDecoder", () => {
  for (const [name, config] of Object.entries(configs)) {
    test(`gives the bits of the forward pass over whole sequences, with ${name}`, async () => {
      const policy = { config, parameters: tinyParameters(config) };
      const { vocabSize } = config;
      await using pass = await forwardPass(policy);
      await using decoder = await openDecoder(policy, 4);
      // Prompts of one token and more, one past the cache's first block; a lone sequence and several.
      for (const promptLengths of [[5], [1], [66, 1, 2, 9]]) {
        const sequences = randomSequences(
          promptLengths.map((length) => length + 7),
          config,
          promptLengths.length,
        );
        const whole = await pass.run(sequences, 0.7);
        const rows = await decoded(decoder, { sequences, promptLengths, vocabSize });
        rows.forEach(
          (list, i) => void assert.deepEqual(list, whole[i]!.slice(promptLengths[i]! - 1), `sequence ${i} of ${promptLengths.length}`),
        );
      }
    });
  }

  test("reads the parameters as they are at each step", async () => {
    const config = tinyConfig();
    const policy = { config, parameters: tinyParameters(config) };
    const other = tinyParameters(config, "other");
    await using decoder = await openDecoder(policy, 2);
    const sequences = randomSequences([4, 6], config);
    const about = { sequences, promptLengths: [2, 3], vocabSize: config.vocabSize };
    const before = await decoded(decoder, about);
    policy.parameters.set(other);
    await using pass = await forwardPass({ config, parameters: other });
    const whole = await pass.run(sequences, 0.7);
    const after = await decoded(decoder, about);
    assert.notDeepEqual(after, before);
    assert.deepEqual(after[1]![0], whole[1]![2]);
  });

  test("divides each sequence's logits by its own temperature", async () => {
    const config = tinyConfig();
    const policy = { config, parameters: tinyParameters(config) };
    const [tokens] = randomSequences([1], config) as [Int32Array];
    await using decoder = await openDecoder(policy, 3);
    const temperatures = [0.5, 1, 2];
    const prompts = await decoder.prefill([tokens, tokens, tokens], { kind: "unasked" });
    for (const [slot, prompt] of prompts.entries()) decoder.cache.fill(slot, prompt);
    const step = { tokens: [tokens[0]!, tokens[0]!, tokens[0]!], positions: [0, 0, 0], temperatures, recordExperts: false };
    const { logProbs } = await decoder.step(step);
    // (log p_a - log p_b) times the temperature is the difference of the logits.
    const differences = temperatures.map((temperature, slot) => temperature * (logProbs[slot * 64]! - logProbs[slot * 64 + 1]!));
    assert.ok(
      differences.every((difference) => Math.abs(difference - differences[1]!) < 1e-5),
      `${differences}`,
    );
    assert.ok(Math.abs(differences[1]!) > 0.01);
  });
});
