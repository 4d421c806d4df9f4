// A micro-batch of whole sequences as a graph: the forward pass that training differentiates and that computes a prompt once.
// Tokens are packed without padding; only attention works on a padded [sequences, positions] grid, into which rows are gathered.
//
// Dimension key:  N tokens, B sequences, T longest sequence, H query heads, C key/value heads, G = H / C, K head width, M trained tokens.

import { attend, gatherParts, gatherRows, input, mul, reshape, rmsNorm, rotary } from "../graph/ops.ts";
import { mulDims } from "../graph/shape.ts";
import { scope, type Tensor } from "../graph/tensor.ts";
import type { PolicyConfig } from "./architecture.ts";
import { embed, finishLayer, projectHeads, type RouterReport } from "./model.ts";
import type { ParameterInputs } from "./parameters.ts";

/** Graph inputs that say which token belongs where. `sequenceFeeds` makes their values. */
export interface SequenceInputs {
  readonly tokens_N: Tensor;
  readonly positions_BT: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** Rows of the [N (H + 2 C), K] heads that fill the query, key and value grids; padding repeats row 0. */
  readonly queries_BHT: Tensor;
  readonly keys_BCT: Tensor;
  readonly values_BCT: Tensor;
  /** For each of the N (H + 2 C) rows its place in the three grids laid after one another. */
  readonly inverse: Tensor;
  /** Places [N, H] of the results in the query grid, and for each place of the grid its row in [N, H] (padding: 0). */
  readonly results_NH: Tensor;
  readonly resultsInverse: Tensor;
  /** 1 where the query grid holds a token, 0 in padding: [B H T, 1]. */
  readonly filled: Tensor;
  /** 0 where a query may see a key, -1e9 elsewhere: [1, 1, G T, T]. */
  readonly causal: Tensor;
}

export function sequenceInputs({ numHeads: H, numKvHeads: C, headWidth: K }: PolicyConfig): SequenceInputs {
  return {
    tokens_N: input("tokens", ["N"], "int32"),
    positions_BT: input("positions", ["B", "T"], "int64"),
    cos: input("cos", ["P", K / 2]),
    sin: input("sin", ["P", K / 2]),
    queries_BHT: input("queries", ["B", H, "T"], "int32"),
    keys_BCT: input("keys", ["B", C, "T"], "int32"),
    values_BCT: input("values", ["B", C, "T"], "int32"),
    inverse: input("inverse", [mulDims(H + 2 * C, "N")], "int32"),
    results_NH: input("results", ["N", H], "int32"),
    resultsInverse: input("resultsInverse", [mulDims(H, "B", "T")], "int32"),
    filled: input("filled", [mulDims(H, "B", "T"), 1]),
    causal: input("causal", [1, 1, mulDims(H / C, "T"), "T"]),
  };
}

export interface SequenceOutputs {
  /** The stream after the last layer. */
  readonly x_ND: Tensor;
  /** Keys and values of each layer in the grid [B, C, T, K], as attention saw them. */
  readonly caches: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  readonly routers: readonly RouterReport[];
}

export function forwardSequences(
  parameters: ParameterInputs,
  { inputs, config }: { inputs: SequenceInputs; config: PolicyConfig },
): SequenceOutputs {
  let x_ND = embed(parameters, inputs.tokens_N);
  const caches: { keys: Tensor; values: Tensor }[] = [];
  const routers: RouterReport[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const qkv_N = projectHeads(parameters, { x_ND, layer, config });
    const { heads_N, keys, values } = attendSequences(parameters, { qkv_N, layer, inputs, config });
    const finished = finishLayer(parameters, { x_ND, heads_N, layer, config });
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
    const rows = reshape(qkv_N, [mulDims(H + 2 * C, "N"), K]);
    const indices = [inputs.queries_BHT, inputs.keys_BCT, inputs.values_BCT];
    const [q_BHTK, k_BCTK, values] = gatherParts(rows, { indices, inverse: inputs.inverse }) as [Tensor, Tensor, Tensor];
    const turn = { cos: inputs.cos, sin: inputs.sin, positions: inputs.positions_BT };
    const queries = rotary(rmsNorm(q_BHTK, parameters.get(`layers.${layer}.qNorm`), rmsNormEpsilon), turn);
    const keys = rotary(rmsNorm(k_BCTK, parameters.get(`layers.${layer}.kNorm`), rmsNormEpsilon), turn);
    // The query heads of one key/value head share its keys: their rows form one product.
    const q = reshape(queries, ["B", C, mulDims(H / C, "T"), K]);
    const out = attend({ q, k: keys, v: values, mask: inputs.causal, scale: 1 / Math.sqrt(K) });
    const out_RK = mul(reshape(out, [mulDims(H, "B", "T"), K]), inputs.filled);
    const heads_NHK = gatherRows(out_RK, inputs.results_NH, inputs.resultsInverse);
    return { heads_N: reshape(heads_NHK, ["N", H * K]), keys, values };
  });
}
