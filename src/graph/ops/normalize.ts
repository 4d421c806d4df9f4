// Normalisations over the last axis: RMS norm, softmax, log-softmax; and rotary positions.
// Each row is computed by itself, so its bits do not depend on its neighbours.

import { formatShape } from "../shape.ts";
import { apply, apply1, type OpDef, requireFloats, shapeError, type Tensor, type TensorType } from "../tensor.ts";
import { constant, sum, sumLike } from "./broadcast.ts";
import { add, exp, mul, neg, sub } from "./elementwise.ts";
import { flattenRows, reshape } from "./layout.ts";
import { matmul } from "./product.ts";

type None = Record<string, never>;

const rmsNormOp: OpDef<{ readonly epsilon: number }> = {
  name: "rmsNorm",
  innerOutputs: [1],
  infer: ([x, weight], _attributes, fail) => {
    requireFloats([x!, weight!], fail);
    const width = x!.shape.at(-1);
    if (typeof width !== "number" || weight!.shape.length !== 1 || weight!.shape[0] !== width)
      fail("the weight must be a vector of the last axis's size");
    return [
      { shape: x!.shape, dtype: "float32" },
      { shape: x!.shape.with(-1, 1), dtype: "float32" },
    ];
  },
  onnx: ({ emit, attributes, inputNames, outputNames }) => {
    const settings = { axis: { int: -1 }, epsilon: { float: attributes.epsilon }, stash_type: { int: 1 } };
    emit("SimplifiedLayerNormalization", { inputs: inputNames, outputs: outputNames, attributes: settings });
  },
  // y = w x r with r = (mean(x^2) + eps)^(-1/2) and D the width:
  //   h = g r,  dw = sum over rows of h x,  dx = h w - x c  with  c = r^2 (h x) . w / D
  // Sums are products with w and with ones, which read their input once and write little.
  vjp: ({ inputs, outs, grads }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const [, inverse] = outs as [Tensor, Tensor];
    const width = x.shape.at(-1) as number;
    const scaled = mul(grads[0]!, inverse);
    const crossed = mul(scaled, x);
    const along = reshape(matmul(flattenRows(crossed), reshape(weight, [width, 1]), { alpha: 1 / width }), inverse.shape);
    const toward = mul(x, mul(along, mul(inverse, inverse)));
    return [sub(mul(scaled, weight), toward), sumLike(crossed, weight)];
  },
};

/** weight * x / sqrt(mean(x^2) + epsilon) over the last axis. Zhang and Sennrich 2019, eq. 4 (arXiv:1910.07467). */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return apply(rmsNormOp, [x, weight], { epsilon })[0]!;
}

const softmaxOp: OpDef<None> = {
  name: "softmax",
  infer: inferLastAxis,
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("Softmax", { inputs: inputNames, outputs: outputNames, attributes: { axis: { int: -1 } } });
  },
  // dx = p (g - sum(g p))
  vjp: ({ outs, grads }) => {
    const [p] = outs as [Tensor];
    return [mul(p, sub(grads[0]!, sum(mul(grads[0]!, p), { axes: [-1], keepDims: true })))];
  },
};

function inferLastAxis([x]: readonly Tensor[], _attributes: None, fail: (rule: string) => never): readonly TensorType[] {
  requireFloats([x!], fail);
  if (x!.shape.length === 0) fail("there must be an axis");
  return [{ shape: x!.shape, dtype: "float32" }];
}

/** exp(x) / sum(exp(x)) over the last axis. */
export function softmax(x: Tensor): Tensor {
  return apply1(softmaxOp, [x], {});
}

const logSoftmaxOp: OpDef<None> = {
  name: "logSoftmax",
  infer: inferLastAxis,
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("LogSoftmax", { inputs: inputNames, outputs: outputNames, attributes: { axis: { int: -1 } } });
  },
  // dx = g - softmax(x) sum(g)
  vjp: ({ outs, grads }) => [sub(grads[0]!, mul(exp(outs[0]!), sum(grads[0]!, { axes: [-1], keepDims: true })))],
};

/** x - log(sum(exp(x))) over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  return apply1(logSoftmaxOp, [x], {});
}

const rotaryOp: OpDef<None> = {
  name: "rotary",
  infer: ([x, cos, sin, positions], _attributes, fail) => {
    requireFloats([x!, cos!, sin!], fail);
    const [batch, , length, width] = x!.shape;
    if (x!.shape.length !== 4 || typeof width !== "number" || width % 2 !== 0) fail("x must be [batch, heads, positions, even width]");
    if (cos!.shape.at(-1) !== (width as number) / 2 || sin!.shape.at(-1) !== (width as number) / 2)
      fail("the tables must have half the width");
    if (positions!.shape[0] !== batch || positions!.shape[1] !== length || positions!.dtype !== "int64")
      fail("positions must be int64 [batch, positions]");
    return [{ shape: x!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, inputNames, outputNames }) => {
    const [x, cos, sin, positions] = inputNames as [string, string, string, string];
    emit("RotaryEmbedding", { inputs: [x, positions, cos, sin], outputs: outputNames, domain: "com.microsoft" });
  },
  // A rotation's transpose is the rotation by the opposite angle.
  vjp: ({ inputs, grads }) => {
    const [, cos, sin, positions] = inputs as [Tensor, Tensor, Tensor, Tensor];
    return [rotary(grads[0]!, { cos, sin: neg(sin), positions }), undefined, undefined, undefined];
  },
};

/**
 * Rotary position embedding of [batch, heads, positions, width], first half of the width paired with the second.
 *
 *     y1 = x1 cos - x2 sin,  y2 = x2 cos + x1 sin
 *
 * Su et al. 2021, eq. 34 (arXiv:2104.09864), in the half-split layout of GPT-NeoX. `cos` and `sin` are tables [positions, width / 2].
 */
export function rotary(x: Tensor, { cos, sin, positions }: { cos: Tensor; sin: Tensor; positions: Tensor }): Tensor {
  return apply1(rotaryOp, [x, cos, sin, positions], {});
}

/** log(sum(exp(x))) over the last axis, kept as an axis of size 1: the constant that log-softmax subtracts. */
export function logSumExp(x: Tensor): Tensor {
  return sum(mul(sub(x, logSoftmax(x)), constant(1 / (x.shape.at(-1) as number))), { axes: [-1], keepDims: true });
}

/** Shannon entropy in nats of the distributions with these log-probabilities over the last axis. */
export function entropy(logProbs: Tensor): Tensor {
  return neg(sum(mul(exp(logProbs), logProbs), { axes: [-1] }));
}

/** Mean over `axes`, whose sizes must be numbers. */
export function mean(x: Tensor, axes: readonly number[]): Tensor {
  if (axes.some((axis) => typeof x.shape.at(axis) === "string")) {
    throw shapeError("mean", { rule: `axes ${formatShape(axes)} must have a fixed size`, inputs: [x] });
  }
  const count = axes.reduce<number>((product, axis) => product * Number(x.shape.at(axis)), 1);
  return mul(sum(x, { axes }), constant(1 / count));
}

/** Sum of several tensors of one shape. */
export function addAll(terms: readonly Tensor[]): Tensor {
  return terms.reduce(add);
}
