// Choosing experts and sorting rows by expert. Indices carry no gradient; values do.
//
// Dimension key:  N tokens, k experts a token, E experts, R = N k + 2 E rows in the order of experts.

import { type Dim, sameDims, sizeOf } from "../shape.ts";
import { apply, elementType, type OpDef, requireFloats, type Tensor } from "../tensor.ts";
import { sum, unsqueeze } from "./broadcast.ts";
import { mul } from "./elementwise.ts";
import { gatherRows, oneHot } from "./gather.ts";
import { reshape } from "./layout.ts";
import { matmul } from "./product.ts";

const topKOp: OpDef<{ readonly k: number }> = {
  name: "topK",
  infer: ([x], { k }, fail) => {
    requireFloats([x!], fail);
    const size = x!.shape.at(-1);
    if (typeof size !== "number" || k < 1 || k > size) fail(`k must be between 1 and the last axis's size, not ${k}`);
    const shape = x!.shape.with(-1, k);
    return [
      { shape, dtype: "float32" },
      { shape, dtype: "int64" },
    ];
  },
  onnx: ({ emit, int64, attributes, inputNames, outputNames }) => {
    emit("TopK", { inputs: [inputNames[0]!, int64([attributes.k])], outputs: outputNames, attributes: { axis: { int: -1 } } });
  },
  vjp: ({ inputs, outs, grads }) => {
    const [x] = inputs as [Tensor];
    const rank = x.shape.length;
    return [sum(mul(oneHot(outs[1]!, x.shape.at(-1) as number), unsqueeze(grads[0]!, [rank])), { axes: [rank - 1] })];
  },
};

/**
 * The k largest elements of the last axis, largest first, and their indices; of equal elements the one with the smaller index.
 * There must be at least one row: the engine ends the process when there is none.
 */
export function topK(x: Tensor, k: number): { readonly values: Tensor; readonly indices: Tensor } {
  const [values, indices] = apply(topKOp, [x], { k });
  return { values: values!, indices: indices! };
}

/** Rows in the order of experts. Every expert gets two rows more than were sent to it; they have `real` 0. */
export interface Route {
  /** int64 [R]: the token that each row is a copy of. */
  readonly source: Tensor;
  /** int64 [R]: the (token, slot) pair of each row, counted through [N, k]; the last pair for the two extra rows. */
  readonly origin: Tensor;
  /** float32 [R, 1]: 1 for rows that were sent, 0 for the extra ones. */
  readonly real: Tensor;
  /** int64 [N, k]: the row of each pair. */
  readonly rows: Tensor;
  /** int64 [E]: rows of each expert, at least 2. */
  readonly counts: Tensor;
}

const routeOp: OpDef<{ readonly numExperts: number; readonly symbol: string }> = {
  name: "route",
  infer: ([experts], { symbol, numExperts }, fail) => {
    if (experts!.shape.length !== 2 || experts!.dtype !== "int64" || typeof experts!.shape[1] !== "number")
      fail("experts must be int64 [tokens, slots]");
    return [
      { shape: [symbol], dtype: "int64" },
      { shape: [symbol], dtype: "int64" },
      { shape: [symbol, 1], dtype: "float32" },
      { shape: experts!.shape, dtype: "int64" },
      { shape: [numExperts], dtype: "int64" },
    ];
  },
  onnx: ({ emit, int64, float32, attributes: { numExperts }, inputs, inputNames, outputNames }) => {
    const one = (opType: string, names: readonly string[], ints: Record<string, number> = {}): string => {
      const attributes = Object.fromEntries(Object.entries(ints).map(([name, int]) => [name, { int }]));
      return emit(opType, { inputs: names, attributes })[0]!;
    };
    const [source, origin, real, rows, counts] = outputNames as [string, string, string, string, string];
    const slots = inputs[0]!.shape[1] as number;
    // A product of one row takes another path through the engine than one of several rows and differs in the last bits, so every
    // expert gets two extra rows.
    const extra = int64(Array.from({ length: 2 * numExperts }, (_, i) => i >> 1));
    const experts = one("Concat", [one("Reshape", [inputNames[0]!, int64([-1])]), extra], { axis: 0 });
    const total = one("Shape", [experts]);
    const positions = one("Range", [int64([0], []), one("Squeeze", [total]), int64([1], [])]);
    // Sorting expert * R + position keeps the order within an expert.
    const keys = one("Add", [one("Mul", [experts, total]), positions]);
    const order = emit("TopK", { inputs: [keys, total], numOutputs: 2, attributes: { largest: { int: 0 }, axis: { int: 0 } } })[1]!;
    const pairs = one("Sub", [total, int64([2 * numExperts])]);
    emit("Min", { inputs: [order, one("Sub", [pairs, int64([1])])], outputs: [origin] });
    emit("Div", { inputs: [origin, int64([slots])], outputs: [source] });
    const truth = one("Less", [order, pairs]);
    emit("Unsqueeze", { inputs: [one("Cast", [truth], { to: elementType.float32 }), int64([1])], outputs: [real] });
    const inverse = one("ScatterElements", [positions, order, positions], { axis: 0 });
    const sent = one("Slice", [inverse, int64([0]), pairs, int64([0])]);
    emit("Reshape", { inputs: [sent, int64([-1, slots])], outputs: [rows] });
    const table = one("OneHot", [experts, int64([numExperts], []), float32([0, 1], [2])], { axis: 0 });
    const sums = emit("ReduceSum", { inputs: [table, int64([1])], attributes: { keepdims: { int: 0 } } })[0]!;
    emit("Cast", { inputs: [sums], outputs: [counts], attributes: { to: { int: elementType.int64 } } });
  },
};

/** Sorts the (token, slot) pairs of `experts` (int64 [N, k]) by expert. `symbol` names the number of rows R. */
export function route(experts: Tensor, { numExperts, symbol }: { numExperts: number; symbol: string }): Route {
  const [source, origin, real, rows, counts] = apply(routeOp, [experts], { numExperts, symbol });
  return { source: source!, origin: origin!, real: real!, rows: rows!, counts: counts! };
}

const replayOp: OpDef<Record<string, never>> = {
  name: "replay",
  infer: ([own, recorded], _attributes, fail) => {
    if (own!.dtype !== "int64" || recorded!.dtype !== "int64" || !sameDims(own!.shape, recorded!.shape))
      fail("both must be int64 of the same shape");
    return [
      { shape: own!.shape, dtype: "int64" },
      { shape: own!.shape, dtype: "float32" },
    ];
  },
  onnx: ({ emit, int64, inputNames, outputNames }) => {
    const [own, recorded] = inputNames as [string, string];
    const [indices, replayed] = outputNames as [string, string];
    const [missing] = emit("Less", { inputs: [recorded, int64([0], [])] });
    emit("Where", { inputs: [missing!, own, recorded], outputs: [indices] });
    const [known] = emit("Not", { inputs: [missing!] });
    emit("Cast", { inputs: [known!], outputs: [replayed], attributes: { to: { int: elementType.float32 } } });
  },
};

/** `recorded` indices in place of one's own, which stay where nothing was recorded (-1). `replayed` is 1 where something was. */
export function replay(own: Tensor, recorded: Tensor): { readonly indices: Tensor; readonly replayed: Tensor } {
  const [indices, replayed] = apply(replayOp, [own, recorded], {});
  return { indices: indices!, replayed: replayed! };
}

const combineOp: OpDef<Record<string, never>> = {
  name: "combine",
  infer: ([y, weights, rows], _attributes, fail) => {
    if (!sameDims(weights!.shape, rows!.shape) || weights!.shape.length !== 2) fail("there must be one weight for each (token, slot) pair");
    if (y!.shape.length !== 2) fail("the results must be [rows, width]");
    const [numTokens, slots] = weights!.shape as [Dim, Dim];
    return [
      { shape: [numTokens, y!.shape[1]!], dtype: "float32" },
      { shape: [numTokens, slots, y!.shape[1]!], dtype: "float32" },
    ];
  },
  onnx: ({ emit, int64, inputNames, outputNames }) => {
    const [y, weights, rows] = inputNames as [string, string, string];
    const [result, picked] = outputNames as [string, string];
    emit("Gather", { inputs: [y, rows], outputs: [picked], attributes: { axis: { int: 0 } } });
    const [lying] = emit("Unsqueeze", { inputs: [weights, int64([1])] });
    const [product] = emit("MatMul", { inputs: [lying!, picked] });
    emit("Squeeze", { inputs: [product!, int64([1])], outputs: [result] });
  },
  // dy of a row is its weight times the gradient of its token, 0 for the extra rows; dw of a pair is its result along that gradient
  innerOutputs: [1],
  vjp: ({ inputs, outs, grads }) => {
    const [, weights, rows, source, origin, real] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const [numTokens, slots] = weights.shape as [Dim, Dim];
    const grad = grads[0]!;
    const numPairs = sizeOf(weights.shape);
    const weights_R1 = mul(gatherRows(reshape(weights, [numPairs, 1]), origin, reshape(rows, [numPairs])), real);
    const along = matmul(outs[1]!, reshape(grad, [numTokens, grad.shape[1]!, 1]));
    return [
      mul(gatherRows(grad, source, rows), weights_R1),
      reshape(along, [numTokens, slots]),
      undefined,
      undefined,
      undefined,
      undefined,
    ];
  },
};

/** For each token the sum of its rows of `y` (in the order of experts, [R, D]), weighted: [N, D]. `weights` are [N, k]. */
export function combine(y: Tensor, { weights, route: { rows, source, origin, real } }: { weights: Tensor; route: Route }): Tensor {
  return apply(combineOp, [y, weights, rows, source, origin, real], {})[0]!;
}
