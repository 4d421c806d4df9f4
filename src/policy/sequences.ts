// A micro-batch of whole sequences as a graph: the forward pass that training differentiates and that computes a prompt once.
// Tokens are packed without padding; only attention works on a padded grid of positions, into which rows are gathered. The grid's
// queries are cut into blocks along the positions, each of which meets only the keys up to its own end: most of the masked half
// of attention is never computed.
//
// Dimension key:  N tokens, B sequences, U positions in a block, T = numBlocks U, H query heads, C key/value heads, G = H / C, K head width.

import { attend, gatherJoined, gatherParts, input, prefix, reshape, rmsNorm, rotary } from "../graph/ops.ts";
import { mulDims } from "../graph/shape.ts";
import { scope, type Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "./architecture.ts";
import { embed, finishLayer, projectHeads, type RouterReport } from "./model.ts";
import type { ParameterInputs } from "./parameters.ts";

/** Four blocks leave 5/8 of the square of scores; more would leave little less and make many small products. */
export const numBlocks = 4;

/** One block of query positions. */
export interface BlockInputs {
  /** Rows of the [N (H + 2 C), K] heads that fill the block [B, H, U]; padding repeats row 0. */
  readonly queries: Tensor;
  /** [B, U]. */
  readonly positions: Tensor;
  /** For each place of the block [B H U] the row of [N, H] that takes its result (padding: 0), and whether there is one. */
  readonly inverse: Tensor;
  readonly filled: Tensor;
  /** 0 where a query may see a key, -1e9 elsewhere: [1, 1, G U, keys up to the block's end]. */
  readonly causal: Tensor;
}

/** Graph inputs that say which token belongs where. `sequenceFeeds` makes their values. */
export interface SequenceInputs {
  readonly tokens_N: Tensor;
  readonly positions_BT: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly blocks: readonly BlockInputs[];
  /** Rows of the heads that fill the key and value grids; padding repeats row 0. */
  readonly keys_BCT: Tensor;
  readonly values_BCT: Tensor;
  /** For each of the N (H + 2 C) rows its place in the blocks, keys and values laid after one another. */
  readonly inverse: Tensor;
  /** Places of the results [N, H] in the blocks laid after one another. */
  readonly results_NH: Tensor;
}

export function sequenceInputs({ numHeads: H, numKvHeads: C, headWidth: K }: PolicyConfig): SequenceInputs {
  const T = mulDims(numBlocks, "U");
  const block = (i: number): BlockInputs => ({
    queries: input(`queries${i}`, ["B", H, "U"], "int32"),
    positions: input(`positions${i}`, ["B", "U"], "int64"),
    inverse: input(`resultsInverse${i}`, [mulDims(H, "B", "U")], "int32"),
    filled: input(`filled${i}`, [mulDims(H, "B", "U"), 1]),
    causal: input(`causal${i}`, [1, 1, mulDims(H / C, "U"), mulDims(i + 1, "U")]),
  });
  return {
    tokens_N: input("tokens", ["N"], "int32"),
    positions_BT: input("positions", ["B", T], "int64"),
    cos: input("cos", ["P", K / 2]),
    sin: input("sin", ["P", K / 2]),
    blocks: Array.from({ length: numBlocks }, (_, i) => block(i)),
    keys_BCT: input("keys", ["B", C, T], "int32"),
    values_BCT: input("values", ["B", C, T], "int32"),
    inverse: input("inverse", [mulDims(H + 2 * C, "N")], "int32"),
    results_NH: input("results", ["N", H], "int32"),
  };
}

export interface SequenceOutputs {
  /** The stream after the last layer. */
  readonly x_ND: Tensor;
  /** Keys and values of each layer in the grid [B, C, T, K], as attention saw them. */
  readonly caches: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  readonly routers: readonly RouterReport[];
}

/** One input for each layer: int64 [N, k], the experts to send tokens to, -1 where the router decides. */
export function expertInputs({ numLayers, expertsPerToken }: PolicyConfig): readonly Tensor[] {
  return Array.from({ length: numLayers }, (_, layer) => input(`experts${layer}`, ["N", expertsPerToken], "int64"));
}

/** The forward pass; with `experts` (of `expertInputs`) tokens go where these say. */
export function forwardSequences(
  parameters: ParameterInputs,
  { inputs, config, experts = [] }: { inputs: SequenceInputs; config: PolicyConfig; experts?: readonly Tensor[] },
): SequenceOutputs {
  let x_ND = embed(parameters, inputs.tokens_N);
  const caches: { keys: Tensor; values: Tensor }[] = [];
  const routers: RouterReport[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const qkv_N = projectHeads(parameters, { x_ND, layer, config });
    const { heads_N, keys, values } = attendSequences(parameters, { qkv_N, layer, inputs, config });
    const finished = finishLayer(parameters, { x_ND, heads_N, layer, config, recorded: experts[layer] });
    x_ND = finished.x_ND;
    caches.push({ keys, values });
    if (finished.router !== undefined) routers.push(finished.router);
  }
  return { x_ND, caches, routers };
}

interface AttendInputs {
  readonly qkv_N: Tensor;
  readonly layer: number;
  readonly inputs: SequenceInputs;
  readonly config: PolicyConfig;
}

function attendSequences(
  parameters: ParameterInputs,
  { qkv_N, layer, inputs, config }: AttendInputs,
): { readonly heads_N: Tensor; readonly keys: Tensor; readonly values: Tensor } {
  return scope(`layers.${layer}.attention`, () => {
    const { numHeads: H, numKvHeads: C, headWidth: K, rmsNormEpsilon } = config;
    const { cos, sin, blocks, inverse } = inputs;
    const rows = reshape(qkv_N, [mulDims(H + 2 * C, "N"), K]);
    const grids = gatherParts(rows, { indices: [...blocks.map(({ queries }) => queries), inputs.keys_BCT, inputs.values_BCT], inverse });
    const [keyGrid, values] = grids.slice(numBlocks) as [Tensor, Tensor];
    const turned = (grid: Tensor, { norm, positions }: { norm: string; positions: Tensor }): Tensor =>
      rotary(rmsNorm(grid, parameters.get(`layers.${layer}.${norm}`), rmsNormEpsilon), { cos, sin, positions });
    const keys = turned(keyGrid, { norm: "kNorm", positions: inputs.positions_BT });
    const results = blocks.map(({ positions, causal, inverse: way, filled }, i) => {
      // The query heads of one key/value head share its keys: their rows form one product.
      const q = reshape(turned(grids[i]!, { norm: "qNorm", positions }), ["B", C, mulDims(H / C, "U"), K]);
      const seen = { axis: 2, size: mulDims(i + 1, "U") };
      const out = attend({ q, k: prefix(keys, seen), v: prefix(values, seen), mask: causal, scale: 1 / Math.sqrt(K) });
      return { rows: reshape(out, [mulDims(H, "B", "U"), K]), inverse: way, picked: filled };
    });
    const heads_NHK = gatherJoined(results, inputs.results_NH);
    return { heads_N: reshape(heads_NHK, ["N", H * K]), keys, values };
  });
}
