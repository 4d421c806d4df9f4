// Ops that pick rows and elements by index, and those that put them back. Indices are integers and carry no gradient.
// Rows that were picked several times get the sum of their gradients, by the cheapest way that the caller allows.

import { type Dim, sameDims, sizeOf } from "../shape.ts";
import { apply, apply1, elementType, type OpDef, type Tensor } from "../tensor.ts";
import { sum, unsqueeze } from "./broadcast.ts";
import { mul } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { matmul } from "./product.ts";

/** How the gradient of a gather finds its way back. */
type Adjoint = "sum" | "inverse" | "distinct";

/** Up to this many rows, adding up by index is a product with a one-hot matrix, which runs on all threads. */
const maxOneHotRows = 512;

const gatherOp: OpDef<{ readonly adjoint: Adjoint }> = {
  name: "gatherRows",
  infer: ([x, index], _attributes, fail) => {
    if (!isIndex(index!)) fail("indices must be integers");
    return [{ shape: [...index!.shape, ...x!.shape.slice(1)], dtype: x!.dtype }];
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("Gather", { inputs: [inputNames[0]!, inputNames[1]!], outputs: outputNames, attributes: { axis: { int: 0 } } });
  },
  vjp: ({ inputs, grads, attributes }) => {
    const [x, index, inverse] = inputs as [Tensor, Tensor, Tensor | undefined];
    const numRows = sizeOf(index.shape);
    const rows = reshape(grads[0]!, [numRows, ...x.shape.slice(1)]);
    if (attributes.adjoint !== "inverse") {
      const at = { index: reshape(index, [numRows]), like: x };
      return [attributes.adjoint === "sum" ? scatterAddRows(rows, at) : scatterRows(rows, at), undefined];
    }
    const copies = gatherRows(rows, inverse!);
    return [inverse!.shape.length === 1 ? copies : sum(copies, { axes: [1] }), undefined, undefined];
  },
};

/**
 * Rows of `x` at `index` (integers, any shape). The gradient adds up the rows that came from the same place.
 *
 * Where the caller knows the way back, `inverse` gives, for each row of `x`, the positions (flat, in `index`) it was copied to, as
 * [rows] or [rows, copies]; the gradient is then a gather too. Positions that `inverse` leaves out must have a zero gradient.
 */
export function gatherRows(x: Tensor, index: Tensor, inverse?: Tensor): Tensor {
  if (inverse === undefined) return apply1(gatherOp, [x, index], { adjoint: "sum" });
  return apply1(gatherOp, [x, index, inverse], { adjoint: "inverse" });
}

/** Rows of `x` at `index`, which names no row twice. */
export function gatherDistinctRows(x: Tensor, index: Tensor): Tensor {
  return apply1(gatherOp, [x, index], { adjoint: "distinct" });
}

/** Zeros of the shape of `like`, with row i of `rows` added at row `index[i]`. */
export function scatterAddRows(rows: Tensor, { index, like }: { index: Tensor; like: Tensor }): Tensor {
  const [depth, ...tail] = like.shape;
  if (typeof depth !== "number" || depth > maxOneHotRows) return apply1(scatterOp, [rows, index, like], { reduction: "add" });
  const width = sizeOf(tail);
  return reshape(matmul(oneHot(index, depth), reshape(rows, [index.shape[0]!, width]), { transA: true }), like.shape);
}

/** Zeros of the shape of `like`, with row i of `rows` at row `index[i]`; no row is named twice. */
export function scatterRows(rows: Tensor, { index, like }: { index: Tensor; like: Tensor }): Tensor {
  return apply1(scatterOp, [rows, index, like], { reduction: "none" });
}

const scatterOp: OpDef<{ readonly reduction: "add" | "none" }> = {
  name: "scatterRows",
  infer: ([rows, index, like], _attributes, fail) => {
    if (index!.shape.length !== 1 || index!.shape[0] !== rows!.shape[0]) fail("there must be one index for each row");
    if (!sameDims(rows!.shape.slice(1), like!.shape.slice(1))) fail("rows must have the width of the table");
    return [{ shape: like!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, int64, float32, attributes: { reduction }, inputs, inputNames, outputNames }) => {
    const [rows, index, like] = inputNames as [string, string, string];
    const [shape] = emit("Shape", { inputs: [like] });
    const [zeros] = emit("Expand", { inputs: [float32([0]), shape!] });
    const [wide] = emit("Cast", { inputs: [index], attributes: { to: { int: elementType.int64 } } });
    if (reduction === "none") {
      const [column] = emit("Unsqueeze", { inputs: [wide!, int64([1])] });
      emit("ScatterND", { inputs: [zeros!, column!, rows], outputs: outputNames });
      return;
    }
    // ScatterND adds from several threads at once; ScatterElements adds in order. It wants an index for each element.
    const tail = inputs[0]!.shape.slice(1).map((_, axis) => axis + 1);
    const [column] = tail.length === 0 ? [wide] : emit("Unsqueeze", { inputs: [wide!, int64(tail)] });
    const [rowsShape] = emit("Shape", { inputs: [rows] });
    const [everywhere] = emit("Expand", { inputs: [column!, rowsShape!] });
    const attributes = { axis: { int: 0 }, reduction: { string: "add" } };
    emit("ScatterElements", { inputs: [zeros!, everywhere!, rows], outputs: outputNames, attributes });
  },
  vjp: ({ inputs, grads }) => [gatherRows(grads[0]!, inputs[1]!), undefined, undefined],
};

const oneHotOp: OpDef<{ readonly depth: number }> = {
  name: "oneHot",
  infer: ([index], { depth }, fail) => {
    if (!isIndex(index!)) fail("indices must be integers");
    if (index!.shape.length === 0) fail("indices must have an axis");
    return [{ shape: [...index!.shape, depth], dtype: "float32" }];
  },
  onnx: ({ emit, int64, float32, attributes, inputNames, outputNames }) => {
    const [index] = emit("Cast", { inputs: [inputNames[0]!], attributes: { to: { int: elementType.int64 } } });
    const inputs = [index!, int64([attributes.depth], []), float32([0, 1], [2])];
    emit("OneHot", { inputs, outputs: outputNames, attributes: { axis: { int: -1 } } });
  },
};

/** 1 at `index` (integers) along a new last axis of size `depth`, 0 elsewhere. Carries no gradient. */
export function oneHot(index: Tensor, depth: number): Tensor {
  return apply1(oneHotOp, [index], { depth });
}

const pickOp: OpDef<Record<string, never>> = {
  name: "pick",
  infer: ([x, index], _attributes, fail) => {
    const lead = x!.shape.slice(0, -1);
    const matches = index!.shape.length === x!.shape.length && lead.every((dim, i) => dim === index!.shape[i]);
    if (!isIndex(index!) || !matches) fail("indices must be integers and agree on every axis but the last");
    return [{ shape: index!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("GatherElements", { inputs: inputNames, outputs: outputNames, attributes: { axis: { int: -1 } } });
  },
  vjp: ({ inputs, grads }) => {
    const [x, index] = inputs as [Tensor, Tensor];
    const depth = x.shape.at(-1) as number;
    // [..., k] picks: one-hot [..., k, depth] times grad [..., k, 1], added up over the picks
    const rank = index.shape.length;
    return [sum(mul(oneHot(index, depth), unsqueeze(grads[0]!, [rank])), { axes: [rank - 1] }), undefined];
  },
};

/** Elements of the last axis of `x` at `index`, which has the same leading axes; the last axis must have a fixed size. */
export function pick(x: Tensor, index: Tensor): Tensor {
  return apply1(pickOp, [x, index], {});
}

const gatherPartsOp: OpDef<Record<string, never>> = {
  name: "gatherParts",
  infer: ([x, inverse, ...indices], _attributes, fail) => {
    if (!indices.every(isIndex) || inverse!.shape.length !== 1 || inverse!.shape[0] !== x!.shape[0]) {
      fail("indices must be integers and the inverse must have one entry for each row");
    }
    return indices.map((index) => ({ shape: [...index.shape, ...x!.shape.slice(1)], dtype: x!.dtype }));
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    const [x, , ...indices] = inputNames;
    indices.forEach((index, i) => {
      emit("Gather", { inputs: [x!, index], outputs: [outputNames[i]!], attributes: { axis: { int: 0 } } });
    });
  },
  vjp: ({ inputs, grads }) => {
    const [x, inverse, ...indices] = inputs;
    const tail = x!.shape.slice(1);
    const rows = grads.map((grad, i) => reshape(grad, [sizeOf(indices[i]!.shape), ...tail]));
    return [gatherRows(joinRows(rows), inverse!), undefined, ...indices.map(() => undefined)];
  },
};

/**
 * Several gathers from disjoint rows of `x` that together cover all of them. `inverse` gives for each row of `x` its position in
 * the results laid after one another; positions that it leaves out (padding) must have a zero gradient.
 */
export function gatherParts(x: Tensor, { indices, inverse }: { indices: readonly Tensor[]; inverse: Tensor }): readonly Tensor[] {
  return apply(gatherPartsOp, [x, inverse, ...indices], {});
}

const joinRowsOp: OpDef<Record<string, never>> = {
  name: "joinRows",
  infer: (parts) => [{ shape: parts[0]!.shape.with(0, addDims(parts.map((part) => part.shape[0]!))), dtype: parts[0]!.dtype }],
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("Concat", { inputs: inputNames, outputs: outputNames, attributes: { axis: { int: 0 } } });
  },
};

/** Parts along the rows where only their order matters, since the result is gathered from. Carries no gradient. */
function joinRows(parts: readonly Tensor[]): Tensor {
  return apply1(joinRowsOp, parts, {});
}

const gatherJoinedOp: OpDef<{ readonly numParts: number }> = {
  name: "gatherJoined",
  infer: (inputs, { numParts }, fail) => {
    const [parts, index] = [inputs.slice(0, numParts), inputs[numParts]!];
    if (!isIndex(index)) fail("indices must be integers");
    if (parts.some((part) => !sameDims(part.shape.slice(1), parts[0]!.shape.slice(1))))
      fail("parts must agree on every axis but the first");
    return [{ shape: [...index.shape, ...parts[0]!.shape.slice(1)], dtype: parts[0]!.dtype }];
  },
  onnx: ({ emit, attributes: { numParts }, inputNames, outputNames }) => {
    const [all] = emit("Concat", { inputs: inputNames.slice(0, numParts), attributes: { axis: { int: 0 } } });
    emit("Gather", { inputs: [all!, inputNames[numParts]!], outputs: outputNames, attributes: { axis: { int: 0 } } });
  },
  vjp: ({ inputs, grads, attributes: { numParts } }) => {
    const [parts, index, ways] = [inputs.slice(0, numParts), inputs[numParts]!, inputs.slice(numParts + 1)];
    const rows = reshape(grads[0]!, [sizeOf(index.shape), ...parts[0]!.shape.slice(1)]);
    const back = parts.map((_, i) => mul(gatherRows(rows, ways[2 * i]!), ways[2 * i + 1]!));
    return [...back, ...inputs.slice(numParts).map(() => undefined)];
  },
};

/** One of the parts that `gatherJoined` picks from: its rows [R, width] and the way back. */
export interface JoinedPart {
  readonly rows: Tensor;
  /** For each row the position (flat, in the index) it was picked for: [R]. */
  readonly inverse: Tensor;
  /** 1 where the row was picked, 0 where it was not and its inverse means nothing: [R, 1]. */
  readonly picked: Tensor;
}

/** Rows at `index` of the parts laid after one another; no row is picked twice. The inverse of `gatherParts`. */
export function gatherJoined(parts: readonly JoinedPart[], index: Tensor): Tensor {
  const ways = parts.flatMap(({ inverse, picked }) => [inverse, picked]);
  return apply1(gatherJoinedOp, [...parts.map(({ rows }) => rows), index, ...ways], { numParts: parts.length });
}

/** A sum of symbols is no product of symbols, so it becomes a symbol of its own. */
function addDims(dims: readonly Dim[]): Dim {
  if (dims.every((dim) => typeof dim === "number")) return dims.reduce((total, dim) => total + dim, 0);
  return `(${dims.join("+").replaceAll("*", ".")})`;
}

function isIndex(tensor: Tensor): boolean {
  return tensor.dtype === "int64" || tensor.dtype === "int32";
}
