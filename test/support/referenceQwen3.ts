// Qwen3 and Qwen3-MoE a second time: loops over float64 numbers, one token after another, straight from the published architecture
// (`modeling_qwen3_moe.py` of huggingface/transformers) and by its names. Knows nothing of graphs, layouts and packing.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { PolicyConfig } from "../../src/policy/architecture.ts";
import { placeView, tensorPlaces, writeModelJson } from "../../src/policy/huggingFace.ts";
import { openSafetensors } from "../../src/policy/safetensors.ts";

/** The keys of config.json that decide the numbers. */
interface HuggingFaceConfig {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly num_experts?: number;
  readonly num_experts_per_tok?: number;
  readonly norm_topk_prob?: boolean;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
  readonly vocab_size: number;
}

export interface ReferenceModel {
  readonly config: HuggingFaceConfig;
  /** Matrices are [out, in], as Hugging Face stores them. */
  readonly tensors: ReadonlyMap<string, Float64Array>;
}

/** What one layer did with one token. */
export interface LayerTrace {
  readonly attention: Float64Array;
  readonly ffn: Float64Array;
  /** The residual stream after the layer. */
  readonly stream: Float64Array;
  /** Empty in a dense model. */
  readonly routerLogits: Float64Array;
  /** Where the token was sent, heaviest first where the router decided. */
  readonly experts: readonly number[];
}

/** The experts that a token must be sent to; undefined where the router decides. */
export type ForcedExperts = (about: { readonly position: number; readonly layer: number }) => readonly number[] | undefined;

export interface TokenTrace {
  readonly logits: Float64Array;
  /** Of this project's own tensor `value_head.weight`; undefined where there is none. */
  readonly value: number | undefined;
  readonly layers: readonly LayerTrace[];
}

/** The model of a checkpoint folder. */
export function readReference(folder: string): ReferenceModel {
  using file = openSafetensors(join(folder, "model.safetensors"));
  const tensors = [...file.tensors.keys()].map((name) => [name, Float64Array.from(file.read(name))] as const);
  return { config: JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as HuggingFaceConfig, tensors: new Map(tensors) };
}

/** The model of a flat parameter vector. */
export function referenceOf(config: PolicyConfig, flat: Float32Array<ArrayBuffer>): ReferenceModel {
  const tensors = tensorPlaces(config).map((place) => [place.name, Float64Array.from(placeView(flat, place))] as const);
  return { config: JSON.parse(writeModelJson(config, { eosTokenId: 0 })) as HuggingFaceConfig, tensors: new Map(tensors) };
}

/** The forward pass over one sequence. */
export function referenceForward(
  { config, tensors }: ReferenceModel,
  tokens: ArrayLike<number>,
  forced: ForcedExperts = () => undefined,
): readonly TokenTrace[] {
  const tensor = (name: string): Float64Array => tensors.get(name)!;
  const { hidden_size: width, rms_norm_eps: epsilon } = config;
  const embedding = tensor("model.embed_tokens.weight");
  const head = config.tie_word_embeddings ? embedding : tensor("lm_head.weight");
  const caches = Array.from({ length: config.num_hidden_layers }, () => ({ keys: [] as Float64Array[][], values: [] as Float64Array[][] }));
  return Array.from(tokens, (token, position) => {
    let stream: Float64Array = embedding.slice(token * width, (token + 1) * width);
    const layers = caches.map((cache, layer): LayerTrace => {
      const own = (name: string): Float64Array => tensor(`model.layers.${layer}.${name}.weight`);
      const attention = attend(norm(stream, own("input_layernorm"), epsilon), { cache, position, own, config });
      const middle = plus(stream, attention);
      const normal = norm(middle, own("post_attention_layernorm"), epsilon);
      const { ffn, ...routing } = feedForward(normal, { own, config, forced: forced({ position, layer }) });
      stream = plus(middle, ffn);
      return { attention, ffn, stream, ...routing };
    });
    const normal = norm(stream, tensor("model.norm.weight"), epsilon);
    const valueHead = tensors.get("value_head.weight");
    return { logits: linear(head, normal), value: valueHead && dot(valueHead, normal), layers };
  });
}

/** Natural log of softmax(logits / temperature). */
export function logSoftmax(logits: Float64Array, temperature = 1): Float64Array {
  const scaled = logits.map((logit) => logit / temperature);
  const top = Math.max(...scaled);
  const logTotal = top + Math.log(scaled.reduce((total, logit) => total + Math.exp(logit - top), 0));
  return scaled.map((logit) => logit - logTotal);
}

interface LayerContext {
  readonly own: (name: string) => Float64Array;
  readonly config: HuggingFaceConfig;
}

/** Keys and values of the tokens so far, each one array a head. */
interface Cache {
  readonly keys: Float64Array[][];
  readonly values: Float64Array[][];
}

function attend(x: Float64Array, { cache, position, own, config }: LayerContext & { cache: Cache; position: number }): Float64Array {
  const { num_attention_heads, num_key_value_heads, head_dim, rms_norm_eps: epsilon, rope_theta } = config;
  const project = (name: string): Float64Array[] => heads(linear(own(`self_attn.${name}`), x), head_dim);
  const turn = (head: Float64Array): Float64Array => rotate(head, position, rope_theta);
  const queries = project("q_proj").map((head) => turn(norm(head, own("self_attn.q_norm"), epsilon)));
  cache.keys.push(project("k_proj").map((head) => turn(norm(head, own("self_attn.k_norm"), epsilon))));
  cache.values.push(project("v_proj"));
  const perKvHead = num_attention_heads / num_key_value_heads;
  const results = queries.flatMap((query, h) => {
    const kvHead = Math.floor(h / perKvHead);
    const scores = Float64Array.from(cache.keys, (keys) => dot(query, keys[kvHead]!) / Math.sqrt(head_dim));
    const weights = logSoftmax(scores).map(Math.exp);
    const result = new Float64Array(head_dim);
    for (const [t, values] of cache.values.entries()) addScaled(result, values[kvHead]!, weights[t]!);
    return [...result];
  });
  return linear(own("self_attn.o_proj"), Float64Array.from(results));
}

function feedForward(
  x: Float64Array,
  { own, config, forced }: LayerContext & { forced: readonly number[] | undefined },
): Pick<LayerTrace, "ffn" | "routerLogits" | "experts"> {
  const { num_experts = 0, num_experts_per_tok = 0, norm_topk_prob = false } = config;
  if (num_experts === 0) return { ffn: swiglu(x, (name) => own(`mlp.${name}`)), routerLogits: new Float64Array(), experts: [] };
  const routerLogits = linear(own("mlp.gate"), x);
  const probs = logSoftmax(routerLogits).map(Math.exp);
  const chosen = forced ?? [...probs.keys()].sort((a, b) => probs[b]! - probs[a]! || a - b).slice(0, num_experts_per_tok);
  const total = norm_topk_prob ? chosen.reduce((sum, expert) => sum + probs[expert]!, 0) : 1;
  const ffn = new Float64Array(x.length);
  for (const expert of chosen)
    addScaled(
      ffn,
      swiglu(x, (name) => own(`mlp.experts.${expert}.${name}`)),
      probs[expert]! / total,
    );
  return { ffn, routerLogits, experts: chosen };
}

function swiglu(x: Float64Array, own: (name: string) => Float64Array): Float64Array {
  const gate = linear(own("gate_proj"), x);
  const up = linear(own("up_proj"), x);
  return linear(
    own("down_proj"),
    gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!),
  );
}

/** Matrix [out, in] times vector. */
function linear(matrix: Float64Array, x: Float64Array): Float64Array {
  const result = new Float64Array(matrix.length / x.length);
  for (let o = 0; o < result.length; o++) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += matrix[o * x.length + i]! * x[i]!;
    result[o] = sum;
  }
  return result;
}

function norm(x: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const inverse = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => weight[i]! * value * inverse);
}

/** Element i of the first half turns with element i of the second, by position theta^(-2i / width). */
function rotate(x: Float64Array, position: number, theta: number): Float64Array {
  const half = x.length / 2;
  const result = new Float64Array(x.length);
  for (let i = 0; i < half; i++) {
    const angle = position * theta ** ((-2 * i) / x.length);
    result[i] = x[i]! * Math.cos(angle) - x[i + half]! * Math.sin(angle);
    result[i + half] = x[i + half]! * Math.cos(angle) + x[i]! * Math.sin(angle);
  }
  return result;
}

function heads(x: Float64Array, width: number): Float64Array[] {
  return Array.from({ length: x.length / width }, (_, head) => x.slice(head * width, (head + 1) * width));
}

function plus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}

function addScaled(target: Float64Array, x: Float64Array, scale: number): void {
  for (let i = 0; i < x.length; i++) target[i]! += scale * x[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
