// Broadcasting and its adjoint, summing.
// Also the leaves of a graph: inputs and constants.

import { broadcastShapes, formatShape, normalAxis, type Shape, sameDims } from "../shape.ts";
import { apply1, type DType, type OpDef, requireFloats, shapeError, type Tensor, type TensorType } from "../tensor.ts";

const inputOp: OpDef<{ readonly name: string; readonly type: TensorType }> = {
  name: "input",
  infer: (_inputs, { type }) => [type],
  onnx: () => {},
};

/** A value that is fed when the graph runs, under a name of its own. Symbols in its shape get their sizes from what is fed. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  return apply1(inputOp, [], { name, type: { shape, dtype } });
}

const constantOp: OpDef<{ readonly values: readonly number[]; readonly shape: readonly number[] }> = {
  name: "constant",
  infer: (_inputs, { values, shape }, fail) => {
    const size = shape.reduce((a, b) => a * b, 1);
    if (values.length !== size) fail(`a constant of shape ${formatShape(shape)} has ${size} values, not ${values.length}`);
    return [{ shape, dtype: "float32" }];
  },
  onnx: ({ emit, float32, attributes, outputNames }) => {
    emit("Identity", { inputs: [float32(attributes.values, attributes.shape)], outputs: outputNames });
  },
};

/** Fixed float32 numbers, a scalar by default. */
export function constant(values: number | readonly number[], shape?: readonly number[]): Tensor {
  const list = typeof values === "number" ? [values] : values;
  return apply1(constantOp, [], { values: list, shape: shape ?? (typeof values === "number" ? [] : [list.length]) });
}

const filledLikeOp: OpDef<{ readonly value: number }> = {
  name: "filledLike",
  infer: ([x]) => [{ shape: x!.shape, dtype: "float32" }],
  onnx: ({ emit, float32, shapeOf, inputs, attributes, outputNames, inputNames }) => {
    // The run-time shape comes from the tensor itself, so that symbols no input carries need no source.
    const shape = inputs[0]!.shape.every((dim) => typeof dim === "number")
      ? shapeOf(inputs[0]!.shape)
      : emit("Shape", { inputs: [inputNames[0]!] })[0]!;
    emit("Expand", { inputs: [float32([attributes.value]), shape], outputs: outputNames });
  },
  vjp: () => [undefined],
};

/** Zeros of the shape of `x`, whose values do not matter. */
export function zerosLike(x: Tensor): Tensor {
  return apply1(filledLikeOp, [x], { value: 0 });
}

/** Ones of the shape of `x`, whose values do not matter. */
export function onesLike(x: Tensor): Tensor {
  return apply1(filledLikeOp, [x], { value: 1 });
}

const expandLikeOp: OpDef<Record<string, never>> = {
  name: "expandLike",
  infer: ([x, like], _attributes, fail) => {
    requireFloats([x!], fail);
    const shape = broadcastShapes(x!.shape, like!.shape);
    if (shape === undefined || !sameDims(shape, like!.shape)) fail("the first shape must broadcast to the second");
    return [{ shape: like!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    const [shape] = emit("Shape", { inputs: [inputNames[1]!] });
    emit("Expand", { inputs: [inputNames[0]!, shape!], outputs: outputNames });
  },
  vjp: ({ inputs, grads }) => [sumLike(grads[0]!, inputs[0]!), undefined],
};

/** `x` repeated along the axes in which it has size 1 (or which it lacks) until it has the shape of `like`. */
export function expandLike(x: Tensor, like: Tensor): Tensor {
  return sameDims(x.shape, like.shape) ? x : apply1(expandLikeOp, [x, like], {});
}

/** `x` summed over the axes along which `like` was broadcast: the adjoint of broadcasting. */
export function sumLike(x: Tensor, like: Tensor): Tensor {
  if (sameDims(x.shape, like.shape)) return x;
  const shape = broadcastShapes(x.shape, like.shape);
  if (shape === undefined || !sameDims(shape, x.shape)) {
    throw shapeError("sumLike", { rule: "the second shape must broadcast to the first", inputs: [x, like] });
  }
  const missing = x.shape.length - like.shape.length;
  const leading = Array.from({ length: missing }, (_, i) => i);
  const repeated = like.shape.flatMap((dim, i) => (dim === 1 && x.shape[i + missing] !== 1 ? [i + missing] : []));
  const kept = repeated.length === 0 ? x : sum(x, { axes: repeated, keepDims: true });
  return leading.length === 0 ? kept : sum(kept, { axes: leading });
}

interface SumAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const sumOp: OpDef<SumAttributes> = {
  name: "sum",
  infer: ([x], { axes, keepDims }, fail) => {
    requireFloats([x!], fail);
    for (const axis of axes) if (normalAxis(axis, x!.shape.length) !== axis) fail(`axis ${axis} is out of range`);
    if (new Set(axes).size !== axes.length) fail(`axes ${formatShape(axes)} must differ`);
    const shape = x!.shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
    return [{ shape, dtype: "float32" }];
  },
  onnx: ({ emit, int64, attributes, inputNames, outputNames }) => {
    const inputs = [inputNames[0]!, int64(attributes.axes)];
    emit("ReduceSum", { inputs, outputs: outputNames, attributes: { keepdims: { int: attributes.keepDims ? 1 : 0 } } });
  },
  vjp: ({ inputs, grads, attributes }) => {
    const [x] = inputs;
    if (attributes.keepDims) return [expandLike(grads[0]!, x!)];
    return [expandLike(unsqueeze(grads[0]!, attributes.axes), x!)];
  },
};

/** Sum over `axes` (all when absent). */
export function sum(x: Tensor, { axes, keepDims = false }: { axes?: readonly number[]; keepDims?: boolean } = {}): Tensor {
  const all = axes ?? x.shape.map((_, i) => i);
  const front = all.map((axis) => normalAxis(axis, x.shape.length) ?? axis).sort((a, b) => a - b);
  return front.length === 0 ? x : apply1(sumOp, [x], { axes: front, keepDims });
}

const largestOp: OpDef<Record<string, never>> = {
  name: "largest",
  infer: (inputs, _attributes, fail) => {
    requireFloats(inputs, fail);
    return [{ shape: [], dtype: "float32" }];
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("ReduceMax", { inputs: [inputNames[0]!], outputs: outputNames, attributes: { keepdims: { int: 0 } } });
  },
};

/** The largest element, as a scalar; minus infinity when there is none. Carries no gradient: it is for watching. */
export function largest(x: Tensor): Tensor {
  return apply1(largestOp, [x], {});
}

const unsqueezeOp: OpDef<{ readonly axes: readonly number[] }> = {
  name: "unsqueeze",
  infer: ([x], { axes }, fail) => {
    const rank = x!.shape.length + axes.length;
    const ascending = axes.every((axis, i) => normalAxis(axis, rank) === axis && (i === 0 || axes[i - 1]! < axis));
    if (!ascending) fail(`axes ${formatShape(axes)} must be ascending positions of the result`);
    const dims = [...x!.shape];
    for (const axis of axes) dims.splice(axis, 0, 1);
    return [{ shape: dims, dtype: x!.dtype }];
  },
  onnx: ({ emit, int64, attributes, inputNames, outputNames }) => {
    emit("Unsqueeze", { inputs: [inputNames[0]!, int64(attributes.axes)], outputs: outputNames });
  },
  vjp: ({ grads, attributes }) => [sum(grads[0]!, { axes: attributes.axes })],
};

/** Axes of size 1 inserted at the positions `axes` of the result, in ascending order. */
export function unsqueeze(x: Tensor, axes: readonly number[]): Tensor {
  return apply1(unsqueezeOp, [x], { axes });
}
