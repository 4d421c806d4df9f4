// The forward pass over whole prompts, many at once, of which keys and values are kept, and where the tokens were sent when that is asked.
// What else the last layer computes is no part of the graph.
//
// Dimension key:  T padded length of the prompts, C key/value heads, K head width, L layers, k experts a token.

import { toOnnx } from "../graph/onnx.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { NDArray, Session } from "../runtime/session.ts";
import type { PolicyConfig } from "./architecture.ts";
import type { DecodeGraph } from "./decodeGraphs.ts";
import { expertFeeds, expertsOfToken, joinLayers } from "./experts.ts";
import type { CachedPrompt } from "./kvCache.ts";
import { type ParameterPiece, parameterInputs } from "./parameters.ts";
import { sequenceFeeds } from "./sequenceFeeds.ts";
import { expertInputs, forwardSequences, sequenceInputs } from "./sequences.ts";

/** What becomes of the experts: nobody asks, they are recorded, or they are those of a recording of each prompt. */
export type PrefillExperts =
  | { readonly kind: "unasked" }
  | { readonly kind: "record" }
  | { readonly kind: "replay"; readonly recordings: readonly Uint16Array[] };

/** Out: `keys${layer}` and `values${layer}` [B, C, T, K], and `experts${layer}` (int64 [N, k]) where they are recorded. */
export function prefillGraph(
  config: PolicyConfig,
  { pieces, kind }: { pieces: readonly ParameterPiece[]; kind: PrefillExperts["kind"] },
): DecodeGraph {
  const parameters = parameterInputs(pieces);
  const experts = kind === "replay" ? expertInputs(config) : [];
  const { caches, routers } = forwardSequences(parameters, { inputs: sequenceInputs(config), config, experts });
  const outputs: Record<string, Tensor> = {};
  caches.forEach(({ keys, values }, layer) => {
    outputs[`keys${layer}`] = keys;
    outputs[`values${layer}`] = values;
    if (kind === "record") outputs[`experts${layer}`] = routers[layer]!.chosen;
  });
  const model = toOnnx(outputs);
  // What only the last layer's result needs is not part of the graph.
  const names = new Set(model.inputs.map(({ name }) => name));
  return { model, pieceNames: parameters.used().flatMap(({ piece }) => (names.has(piece.name) ? [piece.name] : [])) };
}

export interface PrefillRun {
  readonly prompts: readonly Int32Array[];
  readonly weights: Readonly<Record<string, NDArray>>;
  readonly config: PolicyConfig;
  readonly asked: PrefillExperts;
}

/** Keys and values of all but the last token of each prompt, and their experts where they are recorded. */
export async function runPrefill(session: Session, { prompts, weights, config, asked }: PrefillRun): Promise<readonly CachedPrompt[]> {
  const results = await session.run({ ...weights, ...sequenceFeeds(prompts, config), ...replayFeeds(asked, { prompts, config }) });
  const layers = Array.from({ length: config.numLayers }, (_, layer) => layer);
  const experts = asked.kind === "record" ? joinLayers(layers.map((layer) => results[`experts${layer}`]!)) : undefined;
  const perToken = expertsOfToken(config);
  let start = 0;
  return prompts.map((prompt, b) => {
    const numPositions = prompt.length - 1;
    const cut = (name: string): Float32Array => cutPrompt(results[name]!, { b, numPositions });
    const own = experts?.slice(start * perToken, (start + numPositions) * perToken);
    start += prompt.length;
    return {
      numPositions,
      layers: layers.map((layer) => ({ keys: cut(`keys${layer}`), values: cut(`values${layer}`) })),
      ...(own === undefined ? {} : { experts: own }),
    };
  });
}

function replayFeeds(asked: PrefillExperts, { prompts, config }: Pick<PrefillRun, "prompts" | "config">): Record<string, NDArray> {
  if (asked.kind !== "replay") return {};
  const sequences = prompts.map((tokens, i) => ({ tokens, experts: asked.recordings[i]! }));
  return expertFeeds(sequences, config);
}

/** The positions of one prompt [C, positions, K] out of the grid [B, C, T, K]. */
function cutPrompt({ data, shape }: NDArray, { b, numPositions }: { b: number; numPositions: number }): Float32Array {
  const [, C, T, K] = shape as [number, number, number, number];
  const grid = data as Float32Array;
  const part = new Float32Array(C * numPositions * K);
  for (let head = 0; head < C; head++) {
    const from = (b * C + head) * T * K;
    part.set(grid.subarray(from, from + numPositions * K), head * numPositions * K);
  }
  return part;
}
