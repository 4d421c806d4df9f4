// Ops that act on each element by itself.
// Binary ones broadcast as numpy does.

import { broadcastShapes } from "../shape.ts";
import {
  apply1,
  type DType,
  elementType,
  type OnnxAttribute,
  type OpDef,
  requireFloats,
  type Tensor,
  type TensorType,
  type VjpContext,
} from "../tensor.ts";
import { constant, sumLike } from "./broadcast.ts";

type None = Record<string, never>;
type Vjp<A> = (context: { x: Tensor; out: Tensor; grad: Tensor; attributes: A }) => Tensor | undefined;
type BinaryVjp = (context: { a: Tensor; b: Tensor; out: Tensor; grad: Tensor }) => readonly [Tensor | undefined, Tensor | undefined];

function unary<A>(
  name: string,
  onnx: { opType: string; domain?: "com.microsoft"; attributes?: Record<string, OnnxAttribute> },
  vjp: Vjp<A>,
): OpDef<A> {
  return {
    name,
    infer: (inputs, _attributes, fail) => {
      requireFloats(inputs, fail);
      return [{ shape: inputs[0]!.shape, dtype: "float32" }];
    },
    onnx: ({ emit, inputNames, outputNames }) => {
      const { opType, ...rest } = onnx;
      emit(opType, { ...rest, inputs: inputNames, outputs: outputNames });
    },
    vjp: ({ inputs, outs, grads, attributes }) => [vjp({ x: inputs[0]!, out: outs[0]!, grad: grads[0]!, attributes })],
  };
}

function binary(name: string, opType: string, vjp: BinaryVjp): OpDef<None> {
  return {
    name,
    infer: inferBroadcast,
    onnx: ({ emit, inputNames, outputNames }) => {
      emit(opType, { inputs: inputNames, outputs: outputNames });
    },
    vjp: ({ inputs, outs, grads }: VjpContext<None>) => {
      const [a, b] = inputs as [Tensor, Tensor];
      const [gradA, gradB] = vjp({ a, b, out: outs[0]!, grad: grads[0]! });
      return [gradA && sumLike(gradA, a), gradB && sumLike(gradB, b)];
    },
  };
}

const addOp = binary("add", "Add", ({ grad }) => [grad, grad]);
const subOp = binary("sub", "Sub", ({ grad }) => [grad, neg(grad)]);
const mulOp = binary("mul", "Mul", ({ a, b, grad }) => [mul(grad, b), mul(grad, a)]);
// d(a/b) = da/b - (a/b) db/b
const divOp = binary("div", "Div", ({ b, out, grad }) => [div(grad, b), neg(div(mul(grad, out), b))]);
// A tie sends the gradient to the first argument.
const minimumOp = binary("minimum", "Min", ({ a, b, grad }) => [mul(grad, lessOrEqual(a, b)), mul(grad, lessThan(b, a))]);
const maximumOp = binary("maximum", "Max", ({ a, b, grad }) => [mul(grad, lessOrEqual(b, a)), mul(grad, lessThan(a, b))]);

const negOp = unary<None>("neg", { opType: "Neg" }, ({ grad }) => neg(grad));
const expOp = unary<None>("exp", { opType: "Exp" }, ({ out, grad }) => mul(grad, out));
const logOp = unary<None>("log", { opType: "Log" }, ({ x, grad }) => div(grad, x));
const sqrtOp = unary<None>("sqrt", { opType: "Sqrt" }, ({ out, grad }) => div(mul(grad, constant(0.5)), out));
const absOp = unary<None>("abs", { opType: "Abs" }, ({ x, grad }) => mul(grad, sub(lessThan(constant(0), x), lessThan(x, constant(0)))));
// d tanh(x) = 1 - tanh(x)^2, from the output so the input need not be kept
const tanhOp = unary<None>("tanh", { opType: "Tanh" }, ({ out, grad }) => mul(grad, sub(constant(1), mul(out, out))));
// d sigmoid(x) = s (1 - s)
const sigmoidOp = unary<None>("sigmoid", { opType: "Sigmoid" }, ({ out, grad }) => mul(grad, mul(out, sub(constant(1), out))));
// silu(x) = x s(x), d silu(x) = s + silu (1 - s); QuickGelu with alpha 1 is x sigmoid(x)
const siluOp = unary<None>(
  "silu",
  { opType: "QuickGelu", domain: "com.microsoft", attributes: { alpha: { float: 1 } } },
  ({ x, out, grad }) => {
    const s = sigmoid(x);
    return mul(grad, add(s, sub(out, mul(out, s))));
  },
);

interface ClipAttributes {
  readonly low: number;
  readonly high: number;
}

const clipOp: OpDef<ClipAttributes> = {
  name: "clip",
  infer: ([x], { low, high }, fail) => {
    requireFloats([x!], fail);
    if (!(low <= high)) fail(`the lower bound must not exceed the upper, ${low} and ${high}`);
    return [{ shape: x!.shape, dtype: "float32" }];
  },
  onnx: ({ emit, float32, attributes, inputNames, outputNames }) => {
    emit("Clip", { inputs: [inputNames[0]!, float32([attributes.low]), float32([attributes.high])], outputs: outputNames });
  },
  // 1 inside the bounds, 0 outside; on a bound the gradient flows
  vjp: ({ inputs, grads, attributes }) => {
    const [x] = inputs as [Tensor];
    return [mul(grads[0]!, mul(lessOrEqual(constant(attributes.low), x), lessOrEqual(x, constant(attributes.high))))];
  },
};

function inferBroadcast([a, b]: readonly Tensor[], _attributes: None, fail: (rule: string) => never): readonly TensorType[] {
  requireFloats([a!, b!], fail);
  return [{ shape: broadcastShapes(a!.shape, b!.shape) ?? fail("shapes do not broadcast"), dtype: "float32" }];
}

function comparison(name: string, opType: string): OpDef<None> {
  return {
    name,
    infer: inferBroadcast,
    onnx: ({ emit, inputNames, outputNames }) => {
      const [truth] = emit(opType, { inputs: inputNames });
      emit("Cast", { inputs: [truth!], outputs: outputNames, attributes: { to: { int: elementType.float32 } } });
    },
  };
}

const lessThanOp = comparison("lessThan", "Less");
const lessOrEqualOp = comparison("lessOrEqual", "LessOrEqual");

const stopGradientOp: OpDef<None> = {
  name: "stopGradient",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  onnx: ({ emit, inputNames, outputNames }) => {
    emit("Identity", { inputs: inputNames, outputs: outputNames });
  },
};

const castOp: OpDef<{ readonly to: DType }> = {
  name: "cast",
  infer: ([x], { to }) => [{ shape: x!.shape, dtype: to }],
  onnx: ({ emit, attributes, inputNames, outputNames }) => {
    emit("Cast", { inputs: inputNames, outputs: outputNames, attributes: { to: { int: elementType[attributes.to] } } });
  },
};

export const add = (a: Tensor, b: Tensor): Tensor => apply1(addOp, [a, b], {});
export const sub = (a: Tensor, b: Tensor): Tensor => apply1(subOp, [a, b], {});
export const mul = (a: Tensor, b: Tensor): Tensor => apply1(mulOp, [a, b], {});
export const div = (a: Tensor, b: Tensor): Tensor => apply1(divOp, [a, b], {});
/** The smaller of each pair; equal ones send the gradient to `a`. */
export const minimum = (a: Tensor, b: Tensor): Tensor => apply1(minimumOp, [a, b], {});
/** The larger of each pair; equal ones send the gradient to `a`. */
export const maximum = (a: Tensor, b: Tensor): Tensor => apply1(maximumOp, [a, b], {});
export const neg = (x: Tensor): Tensor => apply1(negOp, [x], {});
export const exp = (x: Tensor): Tensor => apply1(expOp, [x], {});
export const log = (x: Tensor): Tensor => apply1(logOp, [x], {});
export const sqrt = (x: Tensor): Tensor => apply1(sqrtOp, [x], {});
/** |x|, with gradient 0 at 0. */
export const abs = (x: Tensor): Tensor => apply1(absOp, [x], {});
export const tanh = (x: Tensor): Tensor => apply1(tanhOp, [x], {});
export const sigmoid = (x: Tensor): Tensor => apply1(sigmoidOp, [x], {});
/** x sigmoid(x). */
export const silu = (x: Tensor): Tensor => apply1(siluOp, [x], {});
/** `x` between `low` and `high`; the gradient flows inside and on the bounds. */
export const clip = (x: Tensor, low: number, high: number): Tensor => apply1(clipOp, [x], { low, high });
/** 1 where a < b, else 0. Carries no gradient. */
export const lessThan = (a: Tensor, b: Tensor): Tensor => apply1(lessThanOp, [a, b], {});
/** 1 where a <= b, else 0. Carries no gradient. */
export const lessOrEqual = (a: Tensor, b: Tensor): Tensor => apply1(lessOrEqualOp, [a, b], {});
/** The same value, as a constant to the derivative. */
export const stopGradient = (x: Tensor): Tensor => apply1(stopGradientOp, [x], {});
/** Carries no gradient. */
export const cast = (x: Tensor, to: DType): Tensor => apply1(castOp, [x], { to });
