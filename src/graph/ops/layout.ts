// Ops that change the shape of tensors, or cut and join them, without changing an element. Along the rows, parts may have sizes
// that only the running graph knows: it then carries their counts.

import { type Dim, formatShape, mulDims, normalAxis, type Shape, sizeOf } from "../shape.ts";
import { apply, apply1, type OpDef, type Tensor } from "../tensor.ts";

const reshapeOp: OpDef<{ readonly shape: Shape }> = {
  name: "reshape",
  infer: ([x], { shape }, fail) => {
    if (sizeOf(x!.shape) !== sizeOf(shape)) fail(`${formatShape(shape)} has ${sizeOf(shape)} elements, not ${sizeOf(x!.shape)}`);
    return [{ shape, dtype: x!.dtype }];
  },
  onnx: ({ emit, int64, shapeOf, attributes, inputNames, outputNames }) => {
    // One symbolic dimension can be left to the engine as -1; more are computed from the inputs' shapes. Beside -1, a size of 0 has
    // no meaning; without it, 0 must be allowed, or it would stand for the size that x has there.
    const { shape } = attributes;
    const leaveOne = shape.filter((dim) => typeof dim === "string").length === 1 && !shape.includes(0);
    const target = leaveOne ? int64(shape.map((dim) => (typeof dim === "string" ? -1 : dim))) : shapeOf(shape);
    emit("Reshape", { inputs: [inputNames[0]!, target], outputs: outputNames, attributes: { allowzero: { int: leaveOne ? 0 : 1 } } });
  },
  vjp: ({ inputs, grads }) => [reshape(grads[0]!, inputs[0]!.shape)],
};

/** The same elements, in the same order, in another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return apply1(reshapeOp, [x], { shape });
}

const transposeOp: OpDef<{ readonly order: readonly number[] }> = {
  name: "transpose",
  infer: ([x], { order }, fail) => {
    const sorted = [...order].sort((a, b) => a - b);
    if (sorted.length !== x!.shape.length || sorted.some((axis, i) => axis !== i)) fail(`[${order}] must name each axis once`);
    return [{ shape: order.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  onnx: ({ emit, attributes, inputNames, outputNames }) => {
    emit("Transpose", { inputs: inputNames, outputs: outputNames, attributes: { perm: { ints: attributes.order } } });
  },
  vjp: ({ grads, attributes }) => [
    transpose(
      grads[0]!,
      attributes.order.map((_, i) => attributes.order.indexOf(i)),
    ),
  ],
};

/** Axis i of the result is axis `order[i]` of `x`. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  return apply1(transposeOp, [x], { order });
}

interface SplitAttributes {
  readonly axis: number;
  /** Sizes of the parts; symbols are read at run time from the second input, an int64 vector. */
  readonly sizes: readonly Dim[];
}

const splitOp: OpDef<SplitAttributes> = {
  name: "split",
  infer: ([x, counts], { axis, sizes }, fail) => {
    if (normalAxis(axis, x!.shape.length) !== axis) fail(`axis ${axis} is out of range`);
    if (counts === undefined) {
      const total = sizes.reduce<number>((a, b) => a + Number(b), 0);
      if (total !== x!.shape[axis]) fail(`parts of ${sizes.join(" + ")} do not fill axis ${axis}`);
    } else if (counts.shape[0] !== sizes.length) fail(`there are ${sizes.length} parts`);
    return sizes.map((size) => ({ shape: x!.shape.with(axis, size), dtype: x!.dtype }));
  },
  onnx: ({ emit, int64, attributes, inputNames, outputNames }) => {
    const sizes = inputNames[1] ?? int64(attributes.sizes as readonly number[]);
    emit("Split", { inputs: [inputNames[0]!, sizes], outputs: outputNames, attributes: { axis: { int: attributes.axis } } });
  },
  vjp: ({ inputs, grads, attributes }) => {
    const [x, counts] = inputs;
    const joined = counts === undefined ? concat(grads, attributes.axis) : concatRows(grads, { counts, rows: x!.shape[0]! });
    return counts === undefined ? [joined] : [joined, undefined];
  },
};

/** Consecutive parts of `x` along `axis`, of fixed sizes that add up to it. */
export function split(x: Tensor, { axis, sizes }: { axis: number; sizes: readonly number[] }): readonly Tensor[] {
  return apply(splitOp, [x], { axis: normalAxis(axis, x.shape.length) ?? axis, sizes });
}

/**
 * Consecutive parts of the rows of `x`, `counts[i]` rows in part i; `symbols` name the parts' numbers of rows.
 * The counts must add up to the rows of `x`.
 */
export function splitRows(x: Tensor, { counts, symbols }: { counts: Tensor; symbols: readonly Dim[] }): readonly Tensor[] {
  return apply(splitOp, [x, counts], { axis: 0, sizes: symbols });
}

interface ConcatAttributes {
  readonly axis: number;
  /** Size of the result along the axis where the parts' sizes are symbols; their counts are then the last input. */
  readonly rows?: Dim;
}

const concatOp: OpDef<ConcatAttributes> = {
  name: "concat",
  infer: (inputs, { axis, rows }, fail) => {
    const parts = rows === undefined ? inputs : inputs.slice(0, -1);
    const [first] = parts as [Tensor];
    if (normalAxis(axis, first.shape.length) !== axis) fail(`axis ${axis} is out of range`);
    for (const part of parts) {
      const differs = part.shape.length !== first.shape.length || part.shape.some((dim, i) => i !== axis && dim !== first.shape[i]);
      if (differs) fail(`parts must agree on every axis but ${axis}`);
    }
    const types = new Set(parts.map((part) => part.dtype));
    if (types.size > 1) fail(`parts must have one type, not ${[...types].join(", ")}`);
    if (rows !== undefined) return [{ shape: first.shape.with(axis, rows), dtype: first.dtype }];
    const sizes = parts.map((part) => part.shape[axis]!);
    if (sizes.some((size) => typeof size !== "number")) fail(`sizes along axis ${axis} must be numbers; use concatRows`);
    return [
      {
        shape: first.shape.with(
          axis,
          (sizes as number[]).reduce((a, b) => a + b, 0),
        ),
        dtype: first.dtype,
      },
    ];
  },
  onnx: ({ emit, attributes, inputNames, outputNames }) => {
    const inputs = attributes.rows === undefined ? inputNames : inputNames.slice(0, -1);
    emit("Concat", { inputs, outputs: outputNames, attributes: { axis: { int: attributes.axis } } });
  },
  vjp: ({ inputs, grads, attributes }) => {
    if (attributes.rows === undefined)
      return split(grads[0]!, { axis: attributes.axis, sizes: inputs.map((part) => part.shape[attributes.axis] as number) });
    const counts = inputs.at(-1)!;
    return [...splitRows(grads[0]!, { counts, symbols: inputs.slice(0, -1).map((part) => part.shape[0]!) }), undefined];
  },
};

/** Joins parts of known size along `axis`. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  return apply1(concatOp, parts, { axis: normalAxis(axis, parts[0]!.shape.length) ?? axis });
}

/** Joins parts along their rows: the inverse of `splitRows`. `rows` is the size of the result. */
export function concatRows(parts: readonly Tensor[], { counts, rows }: { counts: Tensor; rows: Dim }): Tensor {
  return apply1(concatOp, [...parts, counts], { axis: 0, rows });
}

/** `x` with leading axes joined into one. */
export function flattenRows(x: Tensor): Tensor {
  return reshape(x, [mulDims(...x.shape.slice(0, -1)), x.shape.at(-1)!]);
}
