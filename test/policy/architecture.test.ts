import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { numElements } from "../../src/graph/shape.ts";

import { initialParameters, numParameters, type PolicyConfig, parameterLayout, parameterView } from "../../src/policy/architecture.ts";
import { ModelConfig } from "../../src/policy/config.ts";

const tiny: PolicyConfig = {
  ...ModelConfig.parse({
    width: 4,
    numLayers: 2,
    numHeads: 2,
    numKvHeads: 1,
    headWidth: 2,
    numExperts: 3,
    expertsPerToken: 2,
    expertWidth: 5,
  }),
  vocabSize: 7,
};
const dense: PolicyConfig = { ...tiny, numExperts: 0, denseWidth: 6, tieEmbeddings: true };
const wide: PolicyConfig = { ...ModelConfig.parse({}), vocabSize: 64 };

const rows = (config: PolicyConfig) => parameterLayout(config).entries.map(({ name, shape, offset }) => `${name} [${shape}] ${offset}`);

function entry(config: PolicyConfig, name: string, flat: Float32Array<ArrayBuffer>) {
  return parameterView(flat, parameterLayout(config).entries.find((candidate) => candidate.name === name)!);
}

function std(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

describe("parameterLayout", () => {
  test("is the hand-computed one for a mixture, each tensor at a multiple of 16 floats", () => {
    assert.deepEqual(rows(tiny), [
      "embed [7,4] 0", // 28 floats, padded to 32
      "layers.0.attentionNorm [4] 32",
      "layers.0.qkv [8,4] 48", // (2 query + 2 x 1 key/value heads) x width 2
      "layers.0.qNorm [2] 80",
      "layers.0.kNorm [2] 96",
      "layers.0.attentionOut [4,4] 112",
      "layers.0.ffnNorm [4] 128",
      "layers.0.router [3,4] 144",
      "layers.0.gate [3,5,4] 160", // 60 floats, padded to 64
      "layers.0.up [3,5,4] 224",
      "layers.0.down [3,4,5] 288",
      "layers.1.attentionNorm [4] 352",
      "layers.1.qkv [8,4] 368",
      "layers.1.qNorm [2] 400",
      "layers.1.kNorm [2] 416",
      "layers.1.attentionOut [4,4] 432",
      "layers.1.ffnNorm [4] 448",
      "layers.1.router [3,4] 464",
      "layers.1.gate [3,5,4] 480",
      "layers.1.up [3,5,4] 544",
      "layers.1.down [3,4,5] 608",
      "finalNorm [4] 672",
      "head [7,4] 688",
    ]);
    assert.equal(parameterLayout(tiny).total, 720);
  });

  test("has neither router nor head in a dense model with tied embeddings", () => {
    assert.deepEqual(rows(dense).slice(5, 10), [
      "layers.0.attentionOut [4,4] 112",
      "layers.0.ffnNorm [4] 128",
      "layers.0.gate [6,4] 144", // 24 floats, padded to 32
      "layers.0.up [6,4] 176",
      "layers.0.down [4,6] 208",
    ]);
    assert.equal(rows(dense).at(-1), "finalNorm [4] 448");
  });

  test("puts a value head after everything else", () => {
    assert.deepEqual(rows({ ...tiny, valueHead: true }), [...rows(tiny), "valueHead [1,4] 720"]);
    assert.equal(numParameters({ ...tiny, valueHead: true }), numParameters(tiny) + 4);
  });

  test("has as many parameters as Qwen3-30B-A3B publishes: 30.5 billion, 29.9 without embeddings", () => {
    const published: PolicyConfig = {
      ...wide,
      vocabSize: 151936,
      width: 2048,
      numLayers: 48,
      numHeads: 32,
      numKvHeads: 4,
      headWidth: 128,
      numExperts: 128,
      expertsPerToken: 8,
      expertWidth: 768,
    };
    assert.equal((numParameters(published) / 1e9).toFixed(1), "30.5");
    assert.equal(((numParameters(published) - 2 * 151936 * 2048) / 1e9).toFixed(1), "29.9");
  });
});

describe("initialParameters", () => {
  const wideFlat = initialParameters(wide, [1]);

  test("writes ones into norms and zeros into padding", () => {
    const flat = initialParameters(tiny, [1]);
    for (const { kind, offset, shape } of parameterLayout(tiny).entries) {
      const end = offset + numElements(shape);
      if (kind === "norm") assert.deepEqual(new Set(flat.subarray(offset, end)), new Set([1]));
      assert.ok(flat.subarray(end, Math.ceil(end / 16) * 16).every((value) => value === 0));
    }
  });

  test("gives a critic the policy's own numbers and a value head of zeros", () => {
    const [plain, critic] = [initialParameters(tiny, [1]), initialParameters({ ...tiny, valueHead: true }, [1])];
    assert.deepEqual(critic, Float32Array.of(...plain, ...new Float32Array(16)));
  });

  test("gives each matrix the spread that its formula promises", () => {
    // Tensors of 4,096 to 131,072 normals: the estimate of the standard deviation is good to 4 / sqrt(2 * 4096) = 4.4 %.
    const expected = {
      embed: 1,
      "layers.0.qkv": 1 / Math.sqrt(128),
      "layers.3.gate": 1 / Math.sqrt(128),
      "layers.3.up": 1 / Math.sqrt(128),
      head: 1 / Math.sqrt(128),
      "layers.1.attentionOut": 1 / Math.sqrt(128 * 8),
      "layers.2.down": 1 / Math.sqrt(128 * 8),
    };
    for (const [name, value] of Object.entries(expected)) {
      const measured = std(entry(wide, name, wideFlat));
      assert.ok(Math.abs(measured / value - 1) < 0.045, `${name}: ${measured}, expected ${value}`);
    }
    const tied = { ...wide, tieEmbeddings: true };
    const tiedFlat = initialParameters(tied, [1]);
    assert.ok(Math.abs(std(entry(tied, "embed", tiedFlat)) * Math.sqrt(128) - 1) < 0.045);
    assert.ok(Math.abs(std(entry(tied, "layers.2.down", tiedFlat)) * Math.sqrt(128 * 8 * 128) - 1) < 0.045);
  });

  test("draws normals: moments and tails of 131,072 values", () => {
    const values = Array.from(entry(wide, "layers.0.gate", wideFlat), (value) => value * Math.sqrt(128));
    const mean = (of: (x: number) => number) => values.reduce((sum, x) => sum + of(x), 0) / values.length;
    assert.ok(Math.abs(mean((x) => x)) < 0.012, "mean 0, standard error 1 / sqrt(n) = 0.0028");
    assert.ok(Math.abs(mean((x) => x ** 4) - 3) < 0.11, "fourth moment 3, standard error sqrt(96 / n) = 0.027");
    assert.ok(Math.abs(mean((x) => (Math.abs(x) > 1.96 ? 1 : 0)) - 0.05) < 0.003, "5 % beyond 1.96");
    const lagged = values.slice(1).reduce((sum, x, i) => sum + x * values[i]!, 0) / values.length;
    assert.ok(Math.abs(lagged) < 0.012, "neighbours do not correlate");
  });

  test("depends on the seed and the tensor's name, not on the rest of the layout", () => {
    const small = { ...wide, numLayers: 2 };
    const qkv = entry(small, "layers.0.qkv", initialParameters(small, [1]));
    const other = { ...small, vocabSize: 99, numExperts: 4, tieEmbeddings: true };
    assert.deepEqual(entry(other, "layers.0.qkv", initialParameters(other, [1])), qkv);
    assert.notDeepEqual(entry(small, "layers.1.qkv", initialParameters(small, [1])), qkv);
    assert.notDeepEqual(entry(small, "layers.0.qkv", initialParameters(small, [2])), qkv);
  });
});
