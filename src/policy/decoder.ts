// The policy as a machine that takes one token for each of many sequences and gives the log-probabilities of the next ones.
//
// Dimension key:  B sequences, V vocabulary, T padded length of the prompts, C key/value heads, K head width.

import { toOnnx } from "../graph/onnx.ts";
import type { Tensor } from "../graph/tensor.ts";
import { compile, type NDArray, type Session } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";
import { type DecodeGraph, decodeGraphs, pieceFor } from "./decodeGraphs.ts";
import { type CachedPrompt, KvCache } from "./kvCache.ts";
import { type ParameterPiece, parameterInputs } from "./parameters.ts";
import { rotaryTables, sequenceFeeds } from "./sequenceFeeds.ts";
import { forwardSequences, sequenceInputs } from "./sequences.ts";

export interface DecoderOptions {
  readonly config: PolicyConfig;
  readonly pieces: readonly ParameterPiece[];
  /** The current values of a piece: always the same object for a name, a view of the flat vector. */
  readonly parameter: (name: string) => NDArray;
  readonly numThreads: number;
  /** Sequences that are decoded at once. */
  readonly maxSequences: number;
}

/** The token at `position` of each sequence; sequence b uses slot b of the cache. */
export interface DecodeStep {
  readonly tokens: readonly number[];
  readonly positions: readonly number[];
  /** Divides the logits. */
  readonly temperatures: readonly number[];
}

export interface Decoder extends AsyncDisposable {
  readonly cache: KvCache;
  /** Keys and values of all but the last token of each prompt; the last one is the first that `step` takes. */
  prefill(prompts: readonly Int32Array[]): Promise<readonly CachedPrompt[]>;
  /** Log-probabilities [B, V] of the next token, in the engine's own array. */
  step(step: DecodeStep): Promise<Float32Array>;
}

export async function createDecoder({ config, pieces, parameter, numThreads, maxSequences }: DecoderOptions): Promise<Decoder> {
  const graphs = decodeGraphs(config, pieces);
  const prefillGraph = buildPrefill(config, pieces);
  const open = (graph: DecodeGraph): Promise<Session> => compile(graph.model, { numThreads });
  const [enter, leave, prefill] = [await open(graphs.enter), await open(graphs.leave), await open(prefillGraph)];
  const between = graphs.between && (await open(graphs.between));
  const feedsFor = ({ pieceNames }: DecodeGraph, layer: number): Record<string, NDArray> =>
    Object.fromEntries(pieceNames.map((name) => [name, parameter(pieceFor(name, layer))]));
  const weights = {
    enter: feedsFor(graphs.enter, 0),
    between: Array.from({ length: config.numLayers - 1 }, (_, layer) => feedsFor(graphs.between!, layer)),
    leave: feedsFor(graphs.leave, 0),
    prefill: feedsFor(prefillGraph, 0),
  };
  // One slot more than sequences, since a lone sequence is decoded twice: a product of one row has other bits.
  const { numLayers, numKvHeads, headWidth } = config;
  const cache = new KvCache({ numLayers, numKvHeads, headWidth, numSlots: maxSequences + 1 });
  const tables = rotaryTables(config.maxPositions, config);

  const step = async ({ tokens, positions, temperatures }: DecodeStep): Promise<Float32Array> => {
    const lone = tokens.length === 1;
    if (lone) cache.move(0, 1);
    const pad = <T>(list: readonly T[]): readonly T[] => (lone ? [list[0]!, list[0]!] : list);
    const [ids, places, divisors] = [pad(tokens), pad(positions), pad(temperatures)];
    const numSlots = ids.length;
    cache.reserve(Math.max(...places) + 1);
    places.forEach((position, slot) => {
      cache.show(slot, position);
    });
    const turn = { ...tables, positions: { shape: [numSlots, 1], data: BigInt64Array.from(places, BigInt) } };
    const first = { tokens: { shape: [numSlots], data: Int32Array.from(ids) } };
    let state = await enter.run({ ...weights.enter, ...first, ...turn });
    const write = (layer: number): void => {
      const { newKeys, newValues } = state;
      cache.write(layer, { keys: newKeys!.data as Float32Array, values: newValues!.data as Float32Array, positions: places });
    };
    for (let layer = 0; layer < numLayers - 1; layer++) {
      write(layer);
      const inputs = { stream: state["nextStream"]!, queries: state["nextQueries"]!, ...cache.feeds(layer, numSlots), ...turn };
      state = await between!.run({ ...weights.between[layer], ...inputs });
    }
    write(numLayers - 1);
    const temperature = { shape: [numSlots, 1], data: Float32Array.from(divisors) };
    const inputs = { stream: state["nextStream"]!, queries: state["nextQueries"]!, ...cache.feeds(numLayers - 1, numSlots), temperature };
    const { logProbs } = await leave.run({ ...weights.leave, ...inputs });
    return logProbs!.data as Float32Array;
  };

  return {
    cache,
    step,
    prefill: (prompts) => runPrefill(prefill, { prompts, weights: weights.prefill, config }),
    [Symbol.asyncDispose]: async () => {
      for (const session of [enter, between, leave, prefill]) await session?.[Symbol.asyncDispose]();
    },
  };
}

/** The forward pass over whole prompts, of which only keys and values are kept. */
function buildPrefill(config: PolicyConfig, pieces: readonly ParameterPiece[]): DecodeGraph {
  const parameters = parameterInputs(pieces);
  const { caches } = forwardSequences(parameters, { inputs: sequenceInputs(config), config });
  const outputs: Record<string, Tensor> = {};
  caches.forEach(({ keys, values }, layer) => {
    outputs[`keys${layer}`] = keys;
    outputs[`values${layer}`] = values;
  });
  const model = toOnnx(outputs);
  // What only the last layer's result needs is not part of the graph.
  const names = new Set(model.inputs.map(({ name }) => name));
  return { model, pieceNames: parameters.used().flatMap(({ piece }) => (names.has(piece.name) ? [piece.name] : [])) };
}

async function runPrefill(
  session: Session,
  { prompts, weights, config }: { prompts: readonly Int32Array[]; weights: Record<string, NDArray>; config: PolicyConfig },
): Promise<readonly CachedPrompt[]> {
  const { numLayers, numKvHeads: C, headWidth: K } = config;
  const results = await session.run({ ...weights, ...sequenceFeeds(prompts, config) });
  return prompts.map((prompt, b) => {
    const numPositions = prompt.length - 1;
    const cut = (name: string): Float32Array => {
      const grid = results[name]!.data as Float32Array;
      const T = results[name]!.shape[2]!;
      const part = new Float32Array(C * numPositions * K);
      for (let head = 0; head < C; head++) {
        const from = (b * C + head) * T * K;
        part.set(grid.subarray(from, from + numPositions * K), head * numPositions * K);
      }
      return part;
    };
    const layers = Array.from({ length: numLayers }, (_, layer) => ({ keys: cut(`keys${layer}`), values: cut(`values${layer}`) }));
    return { numPositions, layers };
  });
}
