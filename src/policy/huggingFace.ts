// How a policy is spelled in a Hugging Face checkpoint: the keys of config.json and the names, shapes and places of its tensors.
// Reads and writes Qwen3MoeForCausalLM and Qwen3ForCausalLM; whatever this policy cannot compute is refused by name.
//
// Source: `configuration_qwen3_moe.py`, `configuration_qwen3.py` and `modeling_qwen3_moe.py` of huggingface/transformers.
//
// Dimension key:  D width, H query heads, C key/value heads, K head width, E experts.

import { z } from "zod";
import { CheckpointError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { parseJsonWith } from "../base/parse.ts";
import { numElements } from "../graph/shape.ts";
import { type PolicyConfig, parameterLayout } from "./architecture.ts";
import { brokenRules, architectureCaps as caps } from "./config.ts";

const count = z.int().positive();
const absent = z.null().optional();
/** Ten times the largest in use; token ids are 32-bit integers. */
const maxVocabulary = 4_000_000;

/** Keys that are read, and keys that must have the one value this policy computes. Others say nothing about the architecture. */
const ModelJson = z.object({
  model_type: z.enum(["qwen3_moe", "qwen3"]),
  vocab_size: count.max(maxVocabulary),
  hidden_size: count.max(caps.width),
  num_hidden_layers: count.max(caps.layers),
  num_attention_heads: count.max(caps.heads),
  num_key_value_heads: count.max(caps.heads),
  head_dim: count.max(caps.headWidth).nullish(),
  intermediate_size: count.max(caps.width).optional(),
  moe_intermediate_size: count.max(caps.width).optional(),
  num_experts: count.max(caps.experts).optional(),
  num_local_experts: count.max(caps.experts).optional(),
  num_experts_per_tok: count.optional(),
  norm_topk_prob: z.boolean().default(false),
  rope_theta: z.number().min(1).optional(),
  rope_parameters: z.object({ rope_theta: z.number().min(1), rope_type: z.literal("default").default("default") }).nullish(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  max_position_embeddings: count.default(32768),
  router_aux_loss_coef: z.number().nonnegative().default(0.001),
  router_z_loss_coef: z.number().nonnegative().default(0),
  /** A key of this project: the file holds a value head. Readers of Hugging Face pass over it and over the tensor. */
  value_head: z.literal(true).optional(),
  // One supported value each.
  hidden_act: z.literal("silu").default("silu"),
  attention_bias: z.literal(false).default(false),
  attention_dropout: z.literal(0).default(0),
  rope_scaling: absent,
  quantization_config: absent,
  use_sliding_window: z.literal(false).default(false),
  layer_types: z.array(z.literal("full_attention")).nullish(),
  decoder_sparse_step: z.literal(1).default(1),
  mlp_only_layers: z.array(z.int()).max(0).nullish(),
  partial_rotary_factor: z.literal(1).default(1),
});

/** Parses the text of a config.json; `file` is only named in errors. */
export function readModelJson(text: string, file: string): PolicyConfig {
  const json = parseJsonWith(ModelJson, text);
  if (!json.success) {
    const { path, rule, cause } = json;
    const key = path === "" ? "" : `key "${path}" `;
    throw new CheckpointError(`"${file}": ${key}${rule}; this policy reads Qwen3MoeForCausalLM and Qwen3ForCausalLM`, cause);
  }
  const config = toPolicyConfig(json.data, file);
  const rule = brokenRules(config)[0];
  if (rule !== undefined) throw new CheckpointError(`"${file}": ${rule.path} ${rule.message} (as read from the Hugging Face keys)`);
  return config;
}

function toPolicyConfig(json: z.infer<typeof ModelJson>, file: string): PolicyConfig {
  const required = (key: "intermediate_size" | "moe_intermediate_size" | "num_experts_per_tok", value = json[key]): number => {
    if (value === undefined) throw new CheckpointError(`"${file}": key "${key}" is missing, needed by model_type "${json.model_type}"`);
    return value;
  };
  const isMoe = json.model_type === "qwen3_moe";
  const numExperts = isMoe ? (json.num_experts ?? json.num_local_experts) : 0;
  if (numExperts === undefined) throw new CheckpointError(`"${file}": key "num_experts" is missing, needed by model_type "qwen3_moe"`);
  return {
    vocabSize: json.vocab_size,
    width: json.hidden_size,
    numLayers: json.num_hidden_layers,
    numHeads: json.num_attention_heads,
    numKvHeads: json.num_key_value_heads,
    headWidth: json.head_dim ?? json.hidden_size / json.num_attention_heads,
    numExperts,
    expertsPerToken: isMoe ? required("num_experts_per_tok") : 0,
    expertWidth: isMoe ? required("moe_intermediate_size") : 0,
    denseWidth: isMoe ? (json.intermediate_size ?? 0) : required("intermediate_size"),
    normTopkProb: json.norm_topk_prob,
    ropeTheta: json.rope_parameters?.rope_theta ?? json.rope_theta ?? 10_000,
    rmsNormEpsilon: json.rms_norm_eps,
    tieEmbeddings: json.tie_word_embeddings,
    maxPositions: json.max_position_embeddings,
    routerAuxLossWeight: json.router_aux_loss_coef,
    routerZLossWeight: json.router_z_loss_coef,
    ...(json.value_head === undefined ? {} : { valueHead: json.value_head }),
  };
}

/** The text of config.json. `rope_theta` is written in both spellings, for readers of before and after Transformers 5. */
export function writeModelJson(config: PolicyConfig, { eosTokenId }: { eosTokenId: number }): string {
  const isMoe = config.numExperts > 0;
  const experts = {
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    moe_intermediate_size: config.expertWidth,
    norm_topk_prob: config.normTopkProb,
    num_experts: config.numExperts,
    num_experts_per_tok: config.expertsPerToken,
    output_router_logits: false,
    router_aux_loss_coef: config.routerAuxLossWeight,
    router_z_loss_coef: config.routerZLossWeight,
  };
  const json: Json = {
    architectures: [isMoe ? "Qwen3MoeForCausalLM" : "Qwen3ForCausalLM"],
    attention_bias: false,
    attention_dropout: 0,
    dtype: "float32",
    eos_token_id: eosTokenId,
    head_dim: config.headWidth,
    hidden_act: "silu",
    hidden_size: config.width,
    // A mixture has no dense block, but its readers want a width; an unused one keeps what the recipe said.
    intermediate_size: Math.max(1, config.denseWidth),
    max_position_embeddings: config.maxPositions,
    model_type: isMoe ? "qwen3_moe" : "qwen3",
    num_attention_heads: config.numHeads,
    num_hidden_layers: config.numLayers,
    num_key_value_heads: config.numKvHeads,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: "default" },
    rope_theta: config.ropeTheta,
    sliding_window: null,
    tie_word_embeddings: config.tieEmbeddings,
    torch_dtype: "float32",
    use_cache: true,
    use_sliding_window: false,
    vocab_size: config.vocabSize,
    ...(isMoe ? experts : {}),
    ...(config.valueHead === undefined ? {} : { value_head: config.valueHead }),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** One Hugging Face tensor: a stretch of the flat vector. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
  /** First float. */
  readonly offset: number;
}

/** Every tensor of the checkpoint, in the file's order. */
export function tensorPlaces(config: PolicyConfig): readonly TensorPlace[] {
  return parameterLayout(config).entries.flatMap(({ name, shape, offset }) => {
    const [, layer, part] = /^(?:layers\.(\d+)\.)?(.+)$/.exec(name)!;
    const prefix = layer === undefined ? "" : `model.layers.${layer}.`;
    return partsOf(part!, { config, shape }).map((place) => ({ ...place, name: prefix + place.name, offset: offset + place.offset }));
  });
}

/** The tensor's values as a view of the flat vector. */
export function placeView(flat: Float32Array<ArrayBuffer>, { shape, offset }: TensorPlace): Float32Array<ArrayBuffer> {
  return flat.subarray(offset, offset + numElements(shape));
}

/** The tensors that one entry of the layout holds, one after another; names and offsets are relative to it. */
function partsOf(part: string, { config, shape }: { config: PolicyConfig; shape: readonly number[] }): readonly TensorPlace[] {
  const { width: D, numHeads: H, numKvHeads: C, headWidth: K, numExperts: E } = config;
  const whole = (name: string): readonly TensorPlace[] => [{ name, shape, offset: 0 }];
  switch (part) {
    case "qkv":
      return [
        { name: "self_attn.q_proj.weight", shape: [H * K, D], offset: 0 },
        { name: "self_attn.k_proj.weight", shape: [C * K, D], offset: H * K * D },
        { name: "self_attn.v_proj.weight", shape: [C * K, D], offset: (H + C) * K * D },
      ];
    case "gate":
    case "up":
    case "down": {
      if (E === 0) return whole(`mlp.${part}_proj.weight`);
      const [, rows, columns] = shape as [number, number, number];
      return Array.from({ length: E }, (_, expert) => ({
        name: `mlp.experts.${expert}.${part}_proj.weight`,
        shape: [rows, columns],
        offset: expert * rows * columns,
      }));
    }
    default:
      return whole(wholeNames[part]!);
  }
}

/** Entries that are one tensor. */
const wholeNames: Readonly<Record<string, string>> = {
  embed: "model.embed_tokens.weight",
  attentionNorm: "input_layernorm.weight",
  qNorm: "self_attn.q_norm.weight",
  kNorm: "self_attn.k_norm.weight",
  attentionOut: "self_attn.o_proj.weight",
  ffnNorm: "post_attention_layernorm.weight",
  router: "mlp.gate.weight",
  finalNorm: "model.norm.weight",
  head: "lm_head.weight",
  valueHead: "value_head.weight",
};
