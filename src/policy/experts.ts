// Which experts tokens were sent to, as numbers: for each token, layer and slot the expert's id, slots in the order of the router's top k
// (the heaviest first). Recorded while sampling and replayed in training.
//
// A recording covers every token that sampling fed through the network: prompt and response without the last response token, which was
// drawn and not fed any more. Training feeds that one too, but nothing is predicted from it; there the router decides.
//
// Dimension key:  N tokens, L layers, k experts a token.

import type { NDArray } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";

/** Ids for one token; 0 for a policy without experts. */
export function expertsOfToken({ numExperts, numLayers, expertsPerToken }: PolicyConfig): number {
  return numExperts === 0 ? 0 : numLayers * expertsPerToken;
}

/** What graphs said of each layer (int64 [N, k]) as one recording [N, L, k]. */
export function joinLayers(layers: readonly NDArray[]): Uint16Array {
  const [numTokens, k] = layers[0]!.shape as [number, number];
  const joined = new Uint16Array(numTokens * layers.length * k);
  layers.forEach(({ data }, layer) => {
    for (let token = 0; token < numTokens; token++) {
      const to = (token * layers.length + layer) * k;
      for (let slot = 0; slot < k; slot++) joined[to + slot] = Number(data[token * k + slot]);
    }
  });
  return joined;
}

/** A sequence and its recording. */
export interface RecordedSequence {
  readonly tokens: Int32Array;
  readonly experts: Uint16Array;
}

/** Values for `expertInputs`: sequences after one another, -1 for the last token of each. */
export function expertFeeds(sequences: readonly RecordedSequence[], config: PolicyConfig): Record<string, NDArray> {
  const { numLayers, expertsPerToken: k, numExperts } = config;
  const numTokens = sequences.reduce((total, { tokens }) => total + tokens.length, 0);
  const ids = Array.from({ length: numExperts }, (_, expert) => BigInt(expert));
  const layers = Array.from({ length: numLayers }, () => new BigInt64Array(numTokens * k).fill(-1n));
  let start = 0;
  for (const { tokens, experts } of sequences) {
    for (const [i, expert] of experts.entries()) {
      const [token, layer] = [Math.floor(i / (numLayers * k)), Math.floor(i / k) % numLayers];
      layers[layer]![(start + token) * k + (i % k)] = ids[expert]!;
    }
    start += tokens.length;
  }
  return Object.fromEntries(layers.map((data, layer) => [`experts${layer}`, { shape: [numTokens, k], data }]));
}

/** A recording that grows with its sequence. */
export class GrowingExperts {
  #ids: Uint16Array;
  #length: number;

  constructor(start: Uint16Array) {
    this.#ids = start.slice();
    this.#length = start.length;
  }

  add(ids: Uint16Array): void {
    if (this.#length + ids.length > this.#ids.length) {
      const grown = new Uint16Array(2 * (this.#length + ids.length));
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids.set(ids, this.#length);
    this.#length += ids.length;
  }

  /** A copy of what is there. */
  all(): Uint16Array {
    return this.#ids.slice(0, this.#length);
  }
}
