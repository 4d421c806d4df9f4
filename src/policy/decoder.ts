// The policy as a machine that takes one token for each of many sequences and gives the log-probabilities of the next ones.
//
// Dimension key:  B sequences, V vocabulary, L layers, k experts a token.

import { compile, type NDArray, type Session } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";
import { type DecodeGraph, decodeGraphs, expertsName, pieceFor } from "./decodeGraphs.ts";
import { joinLayers } from "./experts.ts";
import { type CachedPrompt, KvCache } from "./kvCache.ts";
import type { ParameterPiece } from "./parameters.ts";
import { type PrefillExperts, prefillGraph, runPrefill } from "./prefill.ts";
import { rotaryTables } from "./sequenceFeeds.ts";

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
  readonly recordExperts: boolean;
}

/** What a step gives, in order of the slots. */
export interface DecodedStep {
  /** Log-probabilities [B, V] of the next token, in the engine's own array. */
  readonly logProbs: Float32Array;
  /** Where each sequence's token was sent, [L, k]; undefined where nobody asked. */
  readonly experts: readonly Uint16Array[] | undefined;
}

export interface Decoder extends AsyncDisposable {
  readonly cache: KvCache;
  /** Keys and values of all but the last token of each prompt; the last one is the first that `step` takes. */
  prefill(prompts: readonly Int32Array[], experts: PrefillExperts): Promise<readonly CachedPrompt[]>;
  step(step: DecodeStep): Promise<DecodedStep>;
}

interface Prefill {
  readonly session: Session;
  readonly weights: Readonly<Record<string, NDArray>>;
}

export async function createDecoder({ config, pieces, parameter, numThreads, maxSequences }: DecoderOptions): Promise<Decoder> {
  const graphs = decodeGraphs(config, pieces);
  const open = (graph: DecodeGraph): Promise<Session> => compile(graph.model, { numThreads });
  const [enter, leave] = [await open(graphs.enter), await open(graphs.leave)];
  const between = graphs.between && (await open(graphs.between));
  const feedsFor = ({ pieceNames }: DecodeGraph, layer: number): Record<string, NDArray> =>
    Object.fromEntries(pieceNames.map((name) => [name, parameter(pieceFor(name, layer))]));
  const weights = {
    enter: feedsFor(graphs.enter, 0),
    between: Array.from({ length: config.numLayers - 1 }, (_, layer) => feedsFor(graphs.between!, layer)),
    leave: feedsFor(graphs.leave, 0),
  };
  // One slot more than sequences, since a lone sequence is decoded twice: a product of one row has other bits.
  const { numLayers, numKvHeads, headWidth } = config;
  const cache = new KvCache({ numLayers, numKvHeads, headWidth, numSlots: maxSequences + 1 });
  const tables = rotaryTables(config.maxPositions, config);

  const step = async ({ tokens, positions, temperatures, recordExperts }: DecodeStep): Promise<DecodedStep> => {
    const left = recordExperts ? [] : [expertsName];
    const experts: NDArray[] = [];
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
      state = await between!.run({ ...weights.between[layer], ...inputs }, left);
      if (recordExperts) experts.push(state[expertsName]!);
    }
    write(numLayers - 1);
    const temperature = { shape: [numSlots, 1], data: Float32Array.from(divisors) };
    const inputs = { stream: state["nextStream"]!, queries: state["nextQueries"]!, ...cache.feeds(numLayers - 1, numSlots), temperature };
    const last = await leave.run({ ...weights.leave, ...inputs }, left);
    const logProbs = last["logProbs"]!.data as Float32Array;
    return { logProbs, experts: recordExperts ? rowsOf(joinLayers([...experts, last[expertsName]!]), numSlots) : undefined };
  };

  // Compiled when first asked for: most runs need one of them.
  const prefills = new Map<PrefillExperts["kind"], Prefill>();
  const openPrefill = async (kind: PrefillExperts["kind"]): Promise<Prefill> => {
    const graph = prefillGraph(config, { pieces, kind });
    const opened = { session: await open(graph), weights: feedsFor(graph, 0) };
    prefills.set(kind, opened);
    return opened;
  };

  return {
    cache,
    step,
    prefill: async (prompts, asked) => {
      const { session, weights } = prefills.get(asked.kind) ?? (await openPrefill(asked.kind));
      return runPrefill(session, { prompts, weights, config, asked });
    },
    [Symbol.asyncDispose]: async () => {
      const sessions = [enter, between, leave, ...[...prefills.values()].map(({ session }) => session)];
      for (const session of sessions) await session?.[Symbol.asyncDispose]();
    },
  };
}

function rowsOf(all: Uint16Array, numRows: number): Uint16Array[] {
  const width = all.length / numRows;
  return Array.from({ length: numRows }, (_, row) => all.subarray(row * width, (row + 1) * width));
}
