// The policy's architecture as numbers: a Qwen3-MoE decoder (zero experts: dense Qwen3), and where each of its tensors lies
// in the one flat vector of parameters. Source: the Qwen3 report (arXiv:2505.09388) and `transformers/models/qwen3_moe`.
//
// Matrices are stored [out, in], as Hugging Face stores them, so that each of its tensors is a stretch of the flat vector; query,
// key and value lie after one another and are one matrix.
//
// Dimension key:  V vocabulary, D width, L layers, H query heads, C key/value heads, K head width, E experts, F feed-forward width.

import { type Rng, rngFor } from "../base/rng.ts";
import { numElements } from "../graph/shape.ts";

/** The numbers that a policy's shape follows from. */
export interface PolicyConfig {
  readonly vocabSize: number;
  readonly width: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Key and value heads; each serves `numHeads / numKvHeads` query heads. */
  readonly numKvHeads: number;
  readonly headWidth: number;
  /** 0: every layer has one dense feed-forward block of `denseWidth`. */
  readonly numExperts: number;
  readonly expertsPerToken: number;
  readonly expertWidth: number;
  /** Not used when there are experts. */
  readonly denseWidth: number;
  /** Whether the weights of a token's chosen experts are scaled to add up to 1. */
  readonly normTopkProb: boolean;
  readonly ropeTheta: number;
  readonly rmsNormEpsilon: number;
  /** Whether the output head is the transposed embedding. */
  readonly tieEmbeddings: boolean;
  readonly maxPositions: number;
  readonly routerAuxLossWeight: number;
  readonly routerZLossWeight: number;
  /** Whether a value is read from the stream too: the policy is a critic. No key of a recipe; it is absent from other policies. */
  readonly valueHead?: true;
}

/** One tensor of the layout. */
export interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** First float in the flat vector; a multiple of `alignmentFloats`. */
  readonly offset: number;
  readonly kind: "norm" | "matrix" | "embedding" | "value";
  /** Number of inputs that add up in one output; an embedding row is read alone, so 1. */
  readonly fanIn: number;
}

/** All tensors in the order of the flat vector. */
export interface ParameterLayout {
  readonly entries: readonly ParameterEntry[];
  /** Floats in the flat vector, padding included. Padding is zero and stays zero. */
  readonly total: number;
}

/** Tensors start at 64-byte boundaries, so that kernels read whole vector registers. */
const alignmentFloats = 16;

/**
 * Where every tensor lies. Layers are contiguous, in order, between the embedding and the final norm. The value head is last, so that
 * a critic's vector begins as the vector of a policy without one.
 */
export function parameterLayout(config: PolicyConfig): ParameterLayout {
  const { vocabSize: V, width: D, numLayers, tieEmbeddings, valueHead = false } = config;
  const specs: EntrySpec[] = [
    { name: "embed", shape: [V, D], kind: "embedding", fanIn: 1 },
    ...Array.from({ length: numLayers }, (_, layer) =>
      layerEntries(config).map((entry) => ({ ...entry, name: `layers.${layer}.${entry.name}` })),
    ).flat(),
    norm("finalNorm", D),
    ...(tieEmbeddings ? [] : [matrix("head", [V, D])]),
    ...(valueHead ? [{ name: "valueHead", shape: [1, D], kind: "value", fanIn: D } as const] : []),
  ];
  const entries: ParameterEntry[] = [];
  let total = 0;
  for (const spec of specs) {
    entries.push({ ...spec, offset: total });
    total += Math.ceil(numElements(spec.shape) / alignmentFloats) * alignmentFloats;
  }
  return { entries, total };
}

/** The part of `flat` that holds `entry`, without a copy. */
export function parameterView(flat: Float32Array<ArrayBuffer>, entry: ParameterEntry): Float32Array<ArrayBuffer> {
  return flat.subarray(entry.offset, entry.offset + numElements(entry.shape));
}

/** Trainable numbers, padding excluded. */
export function numParameters(config: PolicyConfig): number {
  const { vocabSize: V, width: D, numLayers, tieEmbeddings, valueHead = false } = config;
  const ofLayer = layerEntries(config).reduce((sum, { shape }) => sum + numElements(shape), 0);
  return V * D * (tieEmbeddings ? 1 : 2) + numLayers * ofLayer + D * (valueHead ? 2 : 1);
}

/** Of a new policy: training would hold at least five vectors of 8 GiB. */
export const maxParameters = 2 ** 31;

/**
 * Normal initialisation that keeps activations and gradients in scale with depth. Norm weights are 1; the value head is 0, so that
 * values start at 0 and not at the noise of a random direction.
 *
 *     std(W) = 1 / sqrt(fanIn)                           input of rms 1, output of rms 1 (LeCun et al. 1998, eq. 16)
 *     std(attentionOut), std(down) = s / sqrt(fanIn 2L)   2L branches together add variance of order s^2 (GPT-2, section 2.3)
 *     std(embed) = s                                     the stream starts where the branches leave it
 *
 * s = 1: a stream that starts small has gradients that grow towards the embedding ("Spike No More", arXiv:2312.16903,
 * section 3). With tied embeddings s = 1 / sqrt(D), so that logits start with rms 1; pre-norm does not see the factor.
 *
 * Each tensor has a stream of its own, named by `seed` and its name: its values depend on neither the order of the layout nor the other tensors.
 */
export function initialParameters(config: PolicyConfig, seed: readonly (string | number)[]): Float32Array<ArrayBuffer> {
  const { entries, total } = parameterLayout(config);
  const flat = new Float32Array(total);
  for (const entry of entries) {
    const view = parameterView(flat, entry);
    if (entry.kind === "norm") view.fill(1);
    else if (entry.kind !== "value")
      fillNormal(view, { std: initialStd(config, entry), rng: rngFor(...seed, "initial-parameters", entry.name) });
  }
  return flat;
}

type EntrySpec = Omit<ParameterEntry, "offset">;

/** One layer's tensors; names without the layer's prefix. */
function layerEntries({ width: D, numHeads: H, numKvHeads: C, headWidth: K, ...rest }: PolicyConfig): EntrySpec[] {
  const { numExperts: E, expertWidth, denseWidth } = rest;
  return [
    norm("attentionNorm", D),
    matrix("qkv", [(H + 2 * C) * K, D]),
    norm("qNorm", K),
    norm("kNorm", K),
    matrix("attentionOut", [D, H * K]),
    norm("ffnNorm", D),
    ...(E === 0
      ? feedForward([], { width: D, ffnWidth: denseWidth })
      : [matrix("router", [E, D]), ...feedForward([E], { width: D, ffnWidth: expertWidth })]),
  ];
}

/** Gate, up and down of one dense block, or of as many experts as `lead` says. */
function feedForward(lead: readonly number[], { width: D, ffnWidth: F }: { width: number; ffnWidth: number }): EntrySpec[] {
  return [matrix("gate", [...lead, F, D]), matrix("up", [...lead, F, D]), matrix("down", [...lead, D, F])];
}

function norm(name: string, width: number): EntrySpec {
  return { name, shape: [width], kind: "norm", fanIn: 1 };
}

function matrix(name: string, shape: readonly number[]): EntrySpec {
  return { name, shape, kind: "matrix", fanIn: shape.at(-1)! };
}

function initialStd({ width, numLayers, tieEmbeddings }: PolicyConfig, { name, kind, fanIn }: ParameterEntry): number {
  const streamScale = tieEmbeddings ? 1 / Math.sqrt(width) : 1;
  if (kind === "embedding") return streamScale;
  const writesToStream = name.endsWith(".attentionOut") || name.endsWith(".down");
  return writesToStream ? streamScale / Math.sqrt(fanIn * 2 * numLayers) : 1 / Math.sqrt(fanIn);
}

/** Box-Muller on pairs, both values used: one 32-bit draw a number, enough for single precision (tails end at 6.7 std). */
function fillNormal(out: Float32Array, { std, rng }: { std: number; rng: Rng }): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = std * Math.sqrt(-2 * Math.log((rng.uint32() + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * rng.uint32()) / 2 ** 32;
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
}
