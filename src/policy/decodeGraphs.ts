// One decoding step as three graphs that meet where a key and a value have to be written into the cache: `enter` makes the first
// layer's heads, `between` finishes a layer and makes the next one's heads (one graph for all layers: weights are inputs), `leave`
// finishes the last layer and gives log-probabilities. The cache stays with the caller, so nothing of it is ever copied.
//
// Dimension key:  B sequences (one new token each), D width, H query heads, C key/value heads, G = H / C, K head width, S cached positions,
// k experts a token.

import { type OnnxModel, toOnnx } from "../graph/onnx.ts";
import { attend, concat, input, reshape, rmsNorm, rotary, split } from "../graph/ops.ts";
import { scope, type Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "./architecture.ts";
import { embed, finishLayer, nextTokenLogProbs, projectHeads } from "./model.ts";
import { type ParameterInputs, type ParameterPiece, parameterInputs } from "./parameters.ts";

/** A graph and the parameters it takes. Names are those of layer 0 (and 1 for the next); `pieceFor` gives a layer's own. */
export interface DecodeGraph {
  readonly model: OnnxModel;
  readonly pieceNames: readonly string[];
}

/** The output that says where a layer sent its tokens: int64 [B, k]. Policies without experts lack it. */
export const expertsName = "experts";

export interface DecodeGraphs {
  /** In: tokens [B], positions [B, 1], cos, sin. Out: nextStream [B, D], nextQueries [B, H, 1, K], newKeys and newValues [B, C, 1, K]. */
  readonly enter: DecodeGraph;
  /** In: stream, queries, cachedKeys and cachedValues [B, C, S, K], visible [B, 1, 1, S], positions, cos, sin. Out: as `enter`, and `experts`. Absent with one layer. */
  readonly between: DecodeGraph | undefined;
  /** In: stream, queries, cachedKeys, cachedValues, visible, temperature [B, 1]. Out: logProbs [B, V], and `experts`. */
  readonly leave: DecodeGraph;
}

export function decodeGraphs(config: PolicyConfig, pieces: readonly ParameterPiece[]): DecodeGraphs {
  const between = config.numLayers === 1 ? undefined : betweenGraph(config, pieces);
  return { enter: enterGraph(config, pieces), between, leave: leaveGraph(config, pieces) };
}

/** The piece that stands for `name` of a `between` graph that finishes `layer`. */
export function pieceFor(name: string, layer: number): string {
  return name.replace(/^layers\.(\d+)\./, (_, number: string) => `layers.${Number(number) + layer}.`);
}

interface Heads {
  readonly nextQueries: Tensor;
  readonly newKeys: Tensor;
  readonly newValues: Tensor;
}

interface LayerStep {
  readonly layer: number;
  readonly config: PolicyConfig;
}

function enterGraph(config: PolicyConfig, pieces: readonly ParameterPiece[]): DecodeGraph {
  const parameters = parameterInputs(pieces);
  const stream = embed(parameters, input("tokens", ["B"], "int32"));
  return finish(parameters, { nextStream: stream, ...newHeads(parameters, { stream, layer: 0, config }) });
}

function betweenGraph(config: PolicyConfig, pieces: readonly ParameterPiece[]): DecodeGraph {
  const parameters = parameterInputs(pieces);
  const { stream, ...experts } = finishCached(parameters, { layer: 0, config });
  return finish(parameters, { nextStream: stream, ...newHeads(parameters, { stream, layer: 1, config }), ...experts });
}

function leaveGraph(config: PolicyConfig, pieces: readonly ParameterPiece[]): DecodeGraph {
  const parameters = parameterInputs(pieces);
  const { stream, ...experts } = finishCached(parameters, { layer: config.numLayers - 1, config });
  const logProbs = nextTokenLogProbs(parameters, { x_ND: stream, temperature_N1: input("temperature", ["B", 1]), config });
  return finish(parameters, { logProbs, ...experts });
}

function finish(parameters: ParameterInputs, outputs: Readonly<Record<string, Tensor>>): DecodeGraph {
  return { model: toOnnx(outputs), pieceNames: parameters.used().map(({ piece }) => piece.name) };
}

/** Normalised and rotated heads of the new token. */
function newHeads(parameters: ParameterInputs, { stream, layer, config }: LayerStep & { stream: Tensor }): Heads {
  const { numHeads: H, numKvHeads: C, headWidth: K, rmsNormEpsilon } = config;
  const qkv = projectHeads(parameters, { x_ND: stream, layer, config });
  return scope(`layers.${layer}.attention`, () => {
    const [q, k, v] = split(qkv, { axis: 1, sizes: [H * K, C * K, C * K] }) as [Tensor, Tensor, Tensor];
    const turn = { cos: input("cos", ["P", K / 2]), sin: input("sin", ["P", K / 2]), positions: input("positions", ["B", 1], "int64") };
    const turned = (heads: Tensor, { count, norm }: { count: number; norm: string }): Tensor =>
      rotary(rmsNorm(reshape(heads, ["B", count, 1, K]), parameters.get(`layers.${layer}.${norm}`), rmsNormEpsilon), turn);
    return {
      nextQueries: turned(q, { count: H, norm: "qNorm" }),
      newKeys: turned(k, { count: C, norm: "kNorm" }),
      newValues: reshape(v, ["B", C, 1, K]),
    };
  });
}

/** The stream after a layer whose queries attend to the cache, which holds the new token's key and value already. */
function finishCached(
  parameters: ParameterInputs,
  { layer, config }: LayerStep,
): { readonly stream: Tensor; readonly [expertsName]?: Tensor } {
  const { width: D, numHeads: H, numKvHeads: C, headWidth: K } = config;
  const heads_N = scope(`layers.${layer}.attention`, () => {
    const cache = { k: input("cachedKeys", ["B", C, "S", K]), v: input("cachedValues", ["B", C, "S", K]) };
    const q = reshape(input("queries", ["B", H, 1, K]), ["B", C, H / C, K]);
    // A product of one row takes another path through the engine and differs in the last bits: a lone query goes in twice.
    const rows = H === C ? concat([q, q], 2) : q;
    const out = attend({ q: rows, ...cache, mask: input("visible", ["B", 1, 1, "S"]), scale: 1 / Math.sqrt(K) });
    return reshape(H === C ? split(out, { axis: 2, sizes: [1, 1] })[0]! : out, ["B", H * K]);
  });
  const { x_ND, router } = finishLayer(parameters, { x_ND: input("stream", ["B", D]), heads_N, layer, config });
  return { stream: x_ND, ...(router === undefined ? {} : { [expertsName]: router.chosen }) };
}
