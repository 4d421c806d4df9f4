// Whether initial parameters keep activations and gradients in scale with depth: standard deviations by layer at step 0.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { initialParameters, type PolicyConfig, parameterLayout, parameterView } from "../../src/policy/architecture.ts";
import { layerGradients } from "../support/layerGradients.ts";
import { referenceForward, referenceOf } from "../support/referenceQwen3.ts";
import { randomSequences, tinyConfig } from "../support/tinyPolicy.ts";

const modelOf = (numLayers: number): PolicyConfig => tinyConfig({ numLayers, expertWidth: 24 });
const sequences = randomSequences([16, 16], modelOf(1));

interface Model {
  readonly config: PolicyConfig;
  readonly parameters: Float32Array<ArrayBuffer>;
}

function initial(numLayers: number): Model {
  return { config: modelOf(numLayers), parameters: initialParameters(modelOf(numLayers), ["scale"]) };
}

/** The same without the factor 1 / sqrt(2 L) on what is written into the stream. */
function withoutBranchScale({ config, parameters }: Model): Model {
  const flat = parameters.slice();
  for (const entry of parameterLayout(config).entries) {
    const view = parameterView(flat, entry);
    if (/\.(attentionOut|down)$/.test(entry.name)) view.set(view.map((value) => value * Math.sqrt(2 * config.numLayers)));
  }
  return { config, parameters: flat };
}

/** Standard deviations of what each layer gives, over all tokens. */
function activations({ config, parameters }: Model): Readonly<Record<"stream" | "attention" | "ffn", readonly number[]>> {
  const model = referenceOf(config, parameters);
  const traces = sequences.flatMap((tokens) => referenceForward(model, tokens));
  const byLayer = (part: "stream" | "attention" | "ffn"): number[] =>
    Array.from({ length: config.numLayers }, (_, layer) => std(traces.flatMap(({ layers }) => [...layers[layer]![part]])));
  return { stream: byLayer("stream"), attention: byLayer("attention"), ffn: byLayer("ffn") };
}

/** Standard deviations of the gradient of a cross-entropy: in the stream that enters a layer, and in the weights. */
async function gradientStds(model: Model): Promise<Readonly<Record<"stream" | "qkv" | "attentionOut", readonly number[]>>> {
  const { streams, weights } = await layerGradients(model, sequences);
  const of = (name: string): number[] => weights.map((layer) => std(layer[name]!));
  return { stream: streams.map(std), qkv: of("qkv"), attentionOut: of("attentionOut") };
}

function std(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((total, value) => total + value * value, 0) / values.length);
}

/** Largest over smallest. */
function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

// The stream adds up 2 L branches of variance at most 1 / (2 L) to one of variance 1, so its standard deviation stays within 1 and
// sqrt(2). The other bounds are about 1.3 times what 32 layers show.
const bounds = {
  activations: { stream: 1.3, attention: 2, ffn: 1.8 },
  gradients: { stream: 2.5, qkv: 3.6, attentionOut: 3.2 },
};

describe("initialParameters", () => {
  for (const numLayers of [2, 4, 8, 16, 32]) {
    test(`keep ${numLayers} layers in scale`, async () => {
      const model = initial(numLayers);
      const forward = activations(model);
      assert.ok(Math.min(...forward.stream) > 0.9 && Math.max(...forward.stream) < Math.SQRT2, `${forward.stream}`);
      const stds = { activations: forward, gradients: await gradientStds(model) };
      for (const [kind, limits] of Object.entries(bounds)) {
        for (const [part, limit] of Object.entries(limits)) {
          const values = (stds[kind as keyof typeof stds] as Record<string, readonly number[]>)[part]!;
          assert.equal(values.length, numLayers);
          assert.ok(spread(values) < limit, `${kind}, ${part}: largest over smallest is ${spread(values)}, by layer ${values}`);
        }
      }
    });
  }

  test("give a branch the same share of a shallow and of a deep stream's variance", () => {
    const [shallow, deep] = [activations(initial(2)).ffn[0]!, activations(initial(32)).ffn[0]!];
    assert.ok(Math.abs((deep / shallow) * Math.sqrt(32 / 2) - 1) < 0.1, `${deep} and ${shallow}`);
  });

  test("owe it to the factor 1 / sqrt(2 L): without it 32 layers are out of scale", async () => {
    const model = withoutBranchScale(initial(32));
    assert.ok(spread(activations(model).stream) > 2 * bounds.activations.stream);
    const { stream, qkv } = await gradientStds(model);
    assert.ok(spread(stream) > 5 * bounds.gradients.stream, `${stream}`);
    assert.ok(spread(qkv) > 2 * bounds.gradients.qkv, `${qkv}`);
  });
});
