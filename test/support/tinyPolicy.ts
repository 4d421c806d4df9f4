// Policies small enough for tests, with parameters that leave nothing at its neutral value, and sequences and requests for them.

import { rngFor } from "../../src/base/rng.ts";
import { characterTokenizerJson } from "../../src/policy/alphabets.ts";
import { initialParameters, type PolicyConfig, parameterLayout, parameterView } from "../../src/policy/architecture.ts";
import type { SampleRequest, TrainSample } from "../../src/policy/backend.ts";
import { ModelConfig } from "../../src/policy/config.ts";
import { loadTokenizer } from "../../src/policy/tokenizer.ts";

/** 64 tokens, the control tokens of the chat format among them. */
export const tinyTokenizerJson = characterTokenizerJson("0123456789+=");
export const tinyTokenizer = loadTokenizer(tinyTokenizerJson);

/** Width 32, two layers, four experts of which each token takes two. */
export function tinyConfig(changes: Partial<PolicyConfig> = {}): PolicyConfig {
  const model = ModelConfig.parse({
    width: 32,
    numLayers: 2,
    numHeads: 4,
    numKvHeads: 2,
    headWidth: 8,
    numExperts: 4,
    expertsPerToken: 2,
    expertWidth: 16,
    denseWidth: 48,
    maxPositions: 256,
  });
  return { ...model, vocabSize: tinyTokenizer.vocabSize, ...changes };
}

/** Initial parameters with norms that are not 1, a value head that is not 0, and a head small enough that responses vary. */
export function tinyParameters(config: PolicyConfig, seed: string | number = 0): Float32Array<ArrayBuffer> {
  const flat = initialParameters(config, ["tiny", seed]);
  for (const entry of parameterLayout(config).entries) {
    const rng = rngFor("tiny-norm", seed, entry.name);
    if (entry.kind === "norm" || entry.kind === "value")
      for (const [i] of parameterView(flat, entry).entries()) flat[entry.offset + i] = (entry.kind === "norm" ? 1 : 0) + 0.3 * rng.normal();
  }
  return flat;
}

/** Random tokens, one sequence for each length. */
export function randomSequences(lengths: readonly number[], { vocabSize }: PolicyConfig, seed: string | number = 0): Int32Array[] {
  return lengths.map((length, i) => {
    const rng = rngFor("tiny-sequence", seed, i);
    return Int32Array.from({ length }, () => rng.int(vocabSize));
  });
}

/** Requests that differ in nothing but what `abouts` says and their streams, which the ids name. */
export function requestsFor(abouts: readonly Partial<SampleRequest>[]): SampleRequest[] {
  return abouts.map((about, i) => {
    const id = about.id ?? `r${i}`;
    const promptTokens = about.promptTokens ?? Int32Array.of(1, 2, 3);
    return { taskId: "t", group: 0, index: i, temperature: 1, maxNewTokens: 8, seed: rngFor("tiny", id).seed, ...about, id, promptTokens };
  });
}

/** All tokens but the first are targets, with one column of uneven weights. */
export function samplesFor(sequences: readonly Int32Array[], { temperature = 1 } = {}): TrainSample[] {
  return sequences.map((tokens) => ({
    tokens,
    targets: Int32Array.from({ length: tokens.length - 1 }, (_, i) => i + 1),
    temperature,
    columns: { weight: Float32Array.from({ length: tokens.length - 1 }, (_, i) => 0.01 * (1 + (i % 3))) },
  }));
}

/** Random sets of different experts for all but the last token of each sequence, as sampling would have recorded them. */
export function randomExperts(
  sequences: readonly Int32Array[],
  { numLayers, numExperts, expertsPerToken }: PolicyConfig,
  seed: string | number = 0,
): Uint16Array[] {
  return sequences.map(({ length }, i) => {
    const rng = rngFor("tiny-experts", seed, i);
    const draw = (): number[] => rng.shuffle(Array.from({ length: numExperts }, (_, expert) => expert)).slice(0, expertsPerToken);
    return Uint16Array.from(Array.from({ length: (length - 1) * numLayers }, draw).flat());
  });
}

/** What a recording says of a token and layer; undefined for the last token, where the router decides. */
export function recordedExperts(
  experts: Uint16Array,
  { numLayers, expertsPerToken: k }: PolicyConfig,
): (about: { position: number; layer: number }) => number[] | undefined {
  return ({ position, layer }) => {
    const from = (position * numLayers + layer) * k;
    return from < experts.length ? [...experts.subarray(from, from + k)] : undefined;
  };
}
