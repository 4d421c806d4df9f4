// Float64 kernels of the ops that act on each element by itself, and of broadcasting and summing.
// Written for plainness: they are what the engine is compared with.

import { numElements } from "../shape.ts";
import type { DType } from "../tensor.ts";
import { type ArrayValue, at, broadcastAt, broadcastShape, forEachIndex, generate, type Kernel, offsetOf } from "./array.ts";

type None = Record<string, never>;

const unary =
  (f: (x: number) => number): Kernel<None> =>
  ({ inputs: [x] }) => [map(x!, f)];

const binary =
  (f: (a: number, b: number) => number): Kernel<None> =>
  ({ inputs: [a, b] }) => [generate(broadcastShape(a!.shape, b!.shape), (index) => f(broadcastAt(a!, index), broadcastAt(b!, index)))];

const constant: Kernel<{ readonly values: readonly number[]; readonly shape: readonly number[] }> = ({ attributes }) => [
  { shape: attributes.shape, data: Float64Array.from(attributes.values) },
];

const filledLike: Kernel<{ readonly value: number }> = ({ inputs: [x], attributes }) => [map(x!, () => attributes.value)];

const expandLike: Kernel<None> = ({ inputs: [x, like] }) => [generate(like!.shape, (index) => broadcastAt(x!, index))];

const sum: Kernel<{ readonly axes: readonly number[]; readonly keepDims: boolean }> = ({ inputs: [x], attributes: { axes, keepDims } }) => {
  const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const data = new Float64Array(numElements(kept));
  forEachIndex(x!.shape, (index) => {
    const target = index.map((i, axis) => (axes.includes(axis) ? 0 : i));
    data[offsetOf(kept, target)]! += at(x!, index);
  });
  return [{ shape: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)), data }];
};

const largest: Kernel<None> = ({ inputs: [x] }) => [
  { shape: [], data: Float64Array.of(x!.data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)) },
];

const unsqueeze: Kernel<{ readonly axes: readonly number[] }> = ({ inputs: [x], attributes: { axes } }) => {
  const sizes = x!.shape.values();
  const shape = Array.from({ length: x!.shape.length + axes.length }, (_, axis) => (axes.includes(axis) ? 1 : sizes.next().value!));
  return [{ shape, data: x!.data }];
};

const cast: Kernel<{ readonly to: DType }> = ({ inputs: [x], attributes: { to } }) => {
  if (to === "float32") return [x!];
  return [map(x!, to === "bool" ? (value) => Number(value !== 0) : Math.trunc)];
};

/** exp may overflow to infinity, whose inverse is the 0 that is meant. */
function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function map(x: ArrayValue, f: (value: number) => number): ArrayValue {
  return { shape: x.shape, data: x.data.map(f) };
}

export const elementwiseKernels = {
  constant,
  filledLike,
  expandLike,
  sum,
  largest,
  unsqueeze,
  cast,
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  minimum: binary(Math.min),
  maximum: binary(Math.max),
  lessThan: binary((a, b) => Number(a < b)),
  lessOrEqual: binary((a, b) => Number(a <= b)),
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  abs: unary(Math.abs),
  tanh: unary(Math.tanh),
  sigmoid: unary(sigmoid),
  silu: unary((x) => x * sigmoid(x)),
  stopGradient: unary((x) => x),
  clip: (({ inputs: [x], attributes: { low, high } }) => [map(x!, (value) => Math.min(Math.max(value, low), high))]) satisfies Kernel<{
    readonly low: number;
    readonly high: number;
  }>,
};
