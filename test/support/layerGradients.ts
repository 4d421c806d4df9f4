// The gradient of a deep policy, chained through one compiled layer, since the engine takes very long to compile many layers at once.
// Weights are inputs, so one graph serves all layers; a layer is a policy whose vocabulary are the batch's tokens, and its embedding
// is the stream that enters it.
//
// Dimension key:  N tokens, D width.

import { gradients } from "../../src/graph/backward.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import { input, mul, neg, pick, sum } from "../../src/graph/ops.ts";
import { numElements } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import { nextTokenLogProbs } from "../../src/policy/model.ts";
import { parameterInputs, parameterPieces } from "../../src/policy/parameters.ts";
import { sequenceFeeds } from "../../src/policy/sequenceFeeds.ts";
import { forwardSequences, sequenceInputs } from "../../src/policy/sequences.ts";
import { compile, type NDArray, type Session } from "../../src/runtime/session.ts";

export interface LayerGradients {
  /** Of the stream that enters each layer: [N, D]. */
  readonly streams: readonly Float32Array[];
  /** Of the weights, by the parameter piece's name without "layers.0.". */
  readonly weights: readonly Readonly<Record<string, Float32Array>>[];
}

/** Gradients of the summed cross-entropy of token 0 after every token. */
export async function layerGradients(
  { config, parameters }: { config: PolicyConfig; parameters: Float32Array<ArrayBuffer> },
  sequences: readonly Int32Array[],
): Promise<LayerGradients> {
  const tokens = sequences.flatMap((sequence) => [...sequence]);
  const pieces = new Map(parameterPieces(parameterLayout(config)).map((piece) => [piece.name, piece]));
  const weight = (name: string): NDArray => {
    const { shape, offset } = pieces.get(name)!;
    return { shape, data: parameters.subarray(offset, offset + numElements(shape)) };
  };
  const { names, ...layer } = layerGraph({ ...config, numLayers: 1, vocabSize: tokens.length });
  await using session = await compile(layer.model, { numThreads: 1 });
  await using head = await compile(headGraph(config, tokens.length), { numThreads: 1 });

  const places = { ...sequenceFeeds(sequences, config), tokens: { shape: [tokens.length], data: Int32Array.from(tokens.keys()) } };
  const run = (l: number, feeds: Record<"embed" | "after", NDArray>): ReturnType<Session["run"]> => {
    const own = names.map((name) => [`layers.0.${name}`, weight(`layers.${l}.${name}`)] as const);
    return session.run({ ...places, ...Object.fromEntries(own), ...feeds });
  };
  const embedding = weight("embed").data as Float32Array;
  const rows = tokens.flatMap((token) => [...embedding.subarray(token * config.width, (token + 1) * config.width)]);
  const streams: NDArray[] = [{ shape: [tokens.length, config.width], data: Float32Array.from(rows) }];
  for (let l = 0; l < config.numLayers; l++) streams.push((await run(l, { embed: streams[l]!, after: streams[l]! }))["x"]!);

  const ends = { x: streams.at(-1)!, finalNorm: weight("finalNorm"), head: weight("head") };
  let after = (await head.run({ ...ends, ...ones(tokens.length) }))["gradient"]!;
  const found = { streams: [] as Float32Array[], weights: [] as Record<string, Float32Array>[] };
  for (let l = config.numLayers - 1; l >= 0; l--) {
    const outputs = await run(l, { embed: streams[l]!, after });
    after = outputs["gradient of embed"]!;
    found.streams.unshift(after.data as Float32Array);
    const own = names.map((name) => [name, outputs[`gradient of layers.0.${name}`]!.data as Float32Array] as const);
    found.weights.unshift(Object.fromEntries(own));
  }
  return found;
}

/** The stream after a layer, and what the gradient `after` of it becomes in the stream before and in the weights. */
function layerGraph(config: PolicyConfig) {
  const parameters = parameterInputs(parameterPieces(parameterLayout(config)));
  const { x_ND } = forwardSequences(parameters, { inputs: sequenceInputs(config), config });
  const used = parameters.used();
  const along = sum(mul(x_ND, input("after", ["N", config.width])));
  const grads = gradients(
    along,
    used.map(({ tensor }) => tensor),
  );
  const outputs = used.map(({ piece }, i): [string, Tensor] => [`gradient of ${piece.name}`, grads[i]!]);
  const names = used.flatMap(({ piece: { name } }) => (name.startsWith("layers.0.") ? [name.slice("layers.0.".length)] : []));
  return { model: toOnnx({ x: x_ND, ...Object.fromEntries(outputs) }), names };
}

function headGraph(config: PolicyConfig, N: number) {
  const x_ND = input("x", [N, config.width]);
  const parameters = parameterInputs(parameterPieces(parameterLayout(config)));
  const logProbs_NV = nextTokenLogProbs(parameters, { x_ND, temperature_N1: input("temperature", [N, 1]), config });
  return toOnnx({ gradient: gradients(neg(sum(pick(logProbs_NV, input("targets", [N, 1], "int32")))), [x_ND])[0]! });
}

function ones(N: number): Record<"temperature" | "targets", NDArray> {
  return { temperature: { shape: [N, 1], data: new Float32Array(N).fill(1) }, targets: { shape: [N, 1], data: new Int32Array(N) } };
}
