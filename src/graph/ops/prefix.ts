// The first entries along an axis, and its adjoint: zeros after the end. Their number may be a symbol, which an ordinary slice with
// fixed bounds does not allow.

import { type Dim, normalAxis } from "../shape.ts";
import { apply1, type OpDef, type Tensor } from "../tensor.ts";

interface PrefixAttributes {
  readonly axis: number;
  readonly size: Dim;
}

const prefixOp: OpDef<PrefixAttributes> = {
  name: "prefix",
  infer: ([x], { axis, size }, fail) => {
    const whole = x!.shape[axis];
    if (normalAxis(axis, x!.shape.length) !== axis) fail(`axis ${axis} is out of range`);
    if (typeof size === "number" && typeof whole === "number" && size > whole) fail(`axis ${axis} has fewer than ${size} entries`);
    return [{ shape: x!.shape.with(axis, size), dtype: x!.dtype }];
  },
  onnx: ({ emit, int64, shapeOf, attributes: { axis, size }, inputNames, outputNames }) => {
    emit("Slice", { inputs: [inputNames[0]!, int64([0]), shapeOf([size]), int64([axis])], outputs: outputNames });
  },
  vjp: ({ inputs, grads, attributes: { axis } }) => [padLike(grads[0]!, { like: inputs[0]!, axis })],
};

/** The first `size` entries of `x` along `axis` (counted from the front), which must have at least so many. */
export function prefix(x: Tensor, { axis, size }: PrefixAttributes): Tensor {
  return x.shape[axis] === size ? x : apply1(prefixOp, [x], { axis, size });
}

const padLikeOp: OpDef<{ readonly axis: number }> = {
  name: "padLike",
  infer: ([x, like], { axis }, fail) => {
    if (x!.shape.length !== like!.shape.length || x!.shape.some((dim, i) => i !== axis && dim !== like!.shape[i])) {
      fail(`both must agree on every axis but ${axis}`);
    }
    return [{ shape: like!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, int64, attributes: { axis }, inputNames, outputNames }) => {
    const range = { start: { int: axis }, end: { int: axis + 1 } };
    const [size, whole] = inputNames.map((name) => emit("Shape", { inputs: [name], attributes: range })[0]!);
    const [missing] = emit("Sub", { inputs: [whole!, size!] });
    const [pads] = emit("Concat", { inputs: [int64([0]), missing!], attributes: { axis: { int: 0 } } });
    emit("Pad", { inputs: [inputNames[0]!, pads!, "", int64([axis])], outputs: outputNames });
  },
  vjp: ({ inputs, grads, attributes: { axis } }) => [prefix(grads[0]!, { axis, size: inputs[0]!.shape[axis]! }), undefined],
};

/** `x` with zeros after its end along `axis`, up to the size of `like`. */
export function padLike(x: Tensor, { like, axis }: { like: Tensor; axis: number }): Tensor {
  return apply1(padLikeOp, [x, like], { axis });
}
