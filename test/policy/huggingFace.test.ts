import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { CheckpointError } from "../../src/base/errors.ts";
import { type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import { ModelConfig } from "../../src/policy/config.ts";
import { placeView, readModelJson, tensorPlaces, writeModelJson } from "../../src/policy/huggingFace.ts";

/** The published config.json of Qwen/Qwen3-30B-A3B. */
const qwen3Moe = {
  architectures: ["Qwen3MoeForCausalLM"],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 151643,
  decoder_sparse_step: 1,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: "silu",
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 6144,
  max_position_embeddings: 40960,
  max_window_layers: 48,
  mlp_only_layers: [],
  model_type: "qwen3_moe",
  moe_intermediate_size: 768,
  norm_topk_prob: true,
  num_attention_heads: 32,
  num_experts: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 48,
  num_key_value_heads: 4,
  output_router_logits: false,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000.0,
  router_aux_loss_coef: 0.001,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  transformers_version: "4.51.0",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

/** Changes to it; undefined takes a key away. */
const read = (changes: object = {}) => readModelJson(JSON.stringify({ ...qwen3Moe, ...changes }), "config.json");
const refusal = (changes: object) => {
  try {
    read(changes);
  } catch (error) {
    assert.ok(error instanceof CheckpointError);
    return error.message;
  }
  return assert.fail("was not refused");
};

const tiny: PolicyConfig = {
  ...ModelConfig.parse({
    width: 4,
    numLayers: 1,
    numHeads: 2,
    numKvHeads: 1,
    headWidth: 2,
    numExperts: 2,
    expertsPerToken: 1,
    expertWidth: 3,
  }),
  vocabSize: 5,
};

describe("readModelJson", () => {
  test("reads a published mixture", () => {
    assert.deepEqual(read(), {
      vocabSize: 151936,
      width: 2048,
      numLayers: 48,
      numHeads: 32,
      numKvHeads: 4,
      headWidth: 128,
      numExperts: 128,
      expertsPerToken: 8,
      expertWidth: 768,
      denseWidth: 6144,
      normTopkProb: true,
      ropeTheta: 1e6,
      rmsNormEpsilon: 1e-6,
      tieEmbeddings: false,
      maxPositions: 40960,
      routerAuxLossWeight: 0.001,
      routerZLossWeight: 0,
    });
  });

  test("reads a dense model", () => {
    const config = read({ model_type: "qwen3", num_experts: undefined, tie_word_embeddings: true, layer_types: ["full_attention"] });
    assert.deepEqual([config.numExperts, config.denseWidth, config.tieEmbeddings], [0, 6144, true]);
  });

  test("reads the keys of newer and older writers", () => {
    assert.equal(read({ rope_theta: undefined, rope_parameters: { rope_theta: 5e5, rope_type: "default" } }).ropeTheta, 5e5);
    assert.equal(read({ num_experts: undefined, num_local_experts: 16 }).numExperts, 16);
    assert.equal(read({ head_dim: undefined }).headWidth, 64);
    assert.equal(read({ rope_theta: undefined }).ropeTheta, 10_000);
  });

  test("names the key that it cannot compute, and its value", () => {
    const unsupported: Record<string, unknown> = {
      model_type: "llama",
      attention_bias: true,
      rope_scaling: { type: "yarn", factor: 4 },
      mlp_only_layers: [0],
      decoder_sparse_step: 2,
      use_sliding_window: true,
      hidden_act: "gelu",
      attention_dropout: 0.1,
      quantization_config: { quant_method: "fp8" },
      partial_rotary_factor: 0.5,
    };
    for (const [key, value] of Object.entries(unsupported)) {
      const message = refusal({ [key]: value });
      assert.ok(message.includes(`key "${key}"`) && message.includes(JSON.stringify(value)), message);
    }
    assert.match(refusal({ rope_parameters: { rope_theta: 1e4, rope_type: "yarn" } }), /key "rope_parameters.rope_type".*got "yarn"/);
    assert.match(refusal({ layer_types: ["full_attention", "sliding_attention"] }), /key "layer_types.1"/);
  });

  test("names the key that is missing or makes no sense", () => {
    for (const key of ["vocab_size", "hidden_size", "num_hidden_layers", "num_experts", "num_experts_per_tok", "moe_intermediate_size"]) {
      assert.ok(refusal({ [key]: undefined }).includes(`"${key}"`), key);
    }
    assert.match(refusal({ hidden_size: -2 }), /key "hidden_size".*got -2/);
    assert.match(refusal({ num_experts_per_tok: 200 }), /between 1 and numExperts, got 200 of 128/);
    assert.throws(() => readModelJson("{", "x/config.json"), /"x\/config.json": must be JSON/);
    assert.throws(() => readModelJson("[]", "x/config.json"), CheckpointError);
  });

  test("reads back what writeModelJson wrote", () => {
    for (const config of [
      tiny,
      { ...tiny, valueHead: true as const },
      { ...tiny, routerZLossWeight: 0.25, ropeTheta: 12345.5, normTopkProb: false, tieEmbeddings: true },
    ]) {
      assert.deepEqual(readModelJson(writeModelJson(config, { eosTokenId: 3 }), "config.json"), config);
    }
    const dense = {
      ...tiny,
      numExperts: 0,
      expertsPerToken: 0,
      expertWidth: 0,
      denseWidth: 6,
      normTopkProb: false,
      routerAuxLossWeight: 0.001,
      routerZLossWeight: 0,
    };
    assert.deepEqual(readModelJson(writeModelJson(dense, { eosTokenId: 3 }), "config.json"), dense);
  });
});

describe("writeModelJson", () => {
  test("says nothing of a value head where there is none", () => {
    const keys = (config: PolicyConfig) => Object.keys(JSON.parse(writeModelJson(config, { eosTokenId: 3 })) as object);
    assert.deepEqual(keys({ ...tiny, valueHead: true }), [...keys(tiny), "value_head"]);
  });
});

describe("tensorPlaces", () => {
  test("adds a critic's value head after what Hugging Face knows", () => {
    const [plain, critic] = [tensorPlaces(tiny), tensorPlaces({ ...tiny, valueHead: true })];
    assert.deepEqual(critic.slice(0, -1), plain);
    assert.deepEqual([critic.at(-1)!.name, critic.at(-1)!.shape], ["value_head.weight", [1, 4]]);
  });

  test("names and shapes tensors as Qwen3MoeForCausalLM does", () => {
    assert.deepEqual(
      tensorPlaces(tiny).map(({ name, shape }) => `${name} [${shape}]`),
      [
        "model.embed_tokens.weight [5,4]",
        "model.layers.0.input_layernorm.weight [4]",
        "model.layers.0.self_attn.q_proj.weight [4,4]",
        "model.layers.0.self_attn.k_proj.weight [2,4]",
        "model.layers.0.self_attn.v_proj.weight [2,4]",
        "model.layers.0.self_attn.q_norm.weight [2]",
        "model.layers.0.self_attn.k_norm.weight [2]",
        "model.layers.0.self_attn.o_proj.weight [4,4]",
        "model.layers.0.post_attention_layernorm.weight [4]",
        "model.layers.0.mlp.gate.weight [2,4]",
        "model.layers.0.mlp.experts.0.gate_proj.weight [3,4]",
        "model.layers.0.mlp.experts.1.gate_proj.weight [3,4]",
        "model.layers.0.mlp.experts.0.up_proj.weight [3,4]",
        "model.layers.0.mlp.experts.1.up_proj.weight [3,4]",
        "model.layers.0.mlp.experts.0.down_proj.weight [4,3]",
        "model.layers.0.mlp.experts.1.down_proj.weight [4,3]",
        "model.norm.weight [4]",
        "lm_head.weight [5,4]",
      ],
    );
  });

  test("names a dense block as Qwen3ForCausalLM does", () => {
    const names = tensorPlaces({ ...tiny, numExperts: 0, denseWidth: 6, tieEmbeddings: true }).map(
      ({ name, shape }) => `${name} [${shape}]`,
    );
    assert.deepEqual(names.slice(-4), [
      "model.layers.0.mlp.gate_proj.weight [6,4]",
      "model.layers.0.mlp.up_proj.weight [6,4]",
      "model.layers.0.mlp.down_proj.weight [4,6]",
      "model.norm.weight [4]",
    ]);
  });

  test("finds values at their places in the flat vector", () => {
    const { entries, total } = parameterLayout(tiny);
    const flat = Float32Array.from({ length: total }, (_, i) => i);
    const start = (name: string) => entries.find((entry) => entry.name === name)!.offset;
    const first = (name: string) => placeView(flat, tensorPlaces(tiny).find((place) => place.name === name)!)[0]! - start("embed");
    // qkv is [8, 4]: outputs 0..3 are q, 4..5 k, 6..7 v, each a row of 4.
    const qkv = start("layers.0.qkv");
    assert.equal(first("model.layers.0.self_attn.q_proj.weight"), qkv);
    assert.equal(first("model.layers.0.self_attn.k_proj.weight"), qkv + 16);
    assert.equal(first("model.layers.0.self_attn.v_proj.weight"), qkv + 24);
    // An expert's gate and up are [3, 4], its down is [4, 3].
    assert.equal(first("model.layers.0.mlp.experts.1.gate_proj.weight"), start("layers.0.gate") + 12);
    assert.equal(first("model.layers.0.mlp.experts.1.up_proj.weight"), start("layers.0.up") + 12);
    assert.equal(first("model.layers.0.mlp.experts.1.down_proj.weight"), start("layers.0.down") + 12);
    assert.equal(first("lm_head.weight"), start("head"));
  });

  test("covers every parameter exactly once, and no padding", () => {
    for (const config of [tiny, { ...tiny, numExperts: 0, denseWidth: 6, tieEmbeddings: true }]) {
      const { entries, total } = parameterLayout(config);
      const flat = new Float32Array(total);
      for (const place of tensorPlaces(config)) {
        const view = placeView(flat, place);
        view.set(view.map((value) => value + 1));
      }
      const expected = new Float32Array(total);
      for (const { offset, shape } of entries) expected.fill(1, offset, offset + shape.reduce((a, b) => a * b));
      assert.deepEqual(flat, expected);
    }
  });
});
