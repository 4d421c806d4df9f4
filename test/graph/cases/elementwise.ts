// Cases of the ops that act on each element by itself. Kinks and steps are avoided here; ops/elementwise.test.ts is about them.

import {
  abs,
  add,
  cast,
  clip,
  constant,
  div,
  exp,
  input,
  lessOrEqual,
  lessThan,
  log,
  maximum,
  minimum,
  mul,
  neg,
  sigmoid,
  silu,
  sqrt,
  stopGradient,
  sub,
  tanh,
} from "../../../src/graph/ops.ts";
import type { Shape } from "../../../src/graph/shape.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { avoiding, distinct, fixed, integers, normal, type Operand, positive } from "../operand.ts";
import type { OpEntry } from "../ops.suite.ts";

/** The same op on ranks 0 to 4, with symbols, sizes of one and no elements. */
function unary(op: (x: Tensor) => Tensor, operand: (...shape: Shape) => Operand): OpEntry {
  const shapes: readonly Shape[] = [[], [3], ["N", 1], [2, 1, 3, 2]];
  return { cases: shapes.map((shape) => ({ what: `of [${shape}]`, operands: [operand(...shape)], build: op, shapes: [shape] })) };
}

/** The same op on every way in which two shapes broadcast, and on shapes that do not. */
function binary(
  name: string,
  op: (a: Tensor, b: Tensor) => Tensor,
  { left = normal, right = normal, learns = true }: BinaryOptions = {},
): OpEntry {
  const shapes: readonly (readonly [a: Shape, b: Shape, result: Shape])[] = [
    [[], [], []],
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    [[2, 3], [], [2, 3]],
    [[3], ["N", 3], ["N", 3]],
    [
      ["N", 1],
      [1, "M"],
      ["N", "M"],
    ],
    [
      ["N", 2, 1],
      [2, 3],
      ["N", 2, 3],
    ],
    [[1, 1, 1], [1], [1, 1, 1]],
    [
      [4, 1, 2, 1],
      [3, 1, 2],
      [4, 3, 2, 2],
    ],
  ];
  return {
    cases: shapes.map(([a, b, result]) => ({
      what: `of [${a}] and [${b}]`,
      operands: [left(...a), right(...b)].map((operand) => (learns ? operand : fixed(operand))),
      build: op,
      shapes: [result],
    })),
    rejections: [
      {
        what: "shapes that do not broadcast",
        build: () => op(input("a", [2, 3]), input("b", [4])),
        message: `${name}: shapes do not broadcast, got [2,3] x [4]`,
      },
      {
        what: "a symbol beside a number",
        build: () => op(input("a", ["N", 3]), input("b", [2, 3])),
        message: `${name}: shapes do not broadcast, got [N,3] x [2,3]`,
      },
      {
        what: "integers",
        build: () => op(input("a", [2]), input("b", [2], "int64")),
        message: `${name}: operands must be float32, not int64, got [2] x [2]`,
      },
    ],
  };
}

interface BinaryOptions {
  readonly left?: (...shape: Shape) => Operand;
  readonly right?: (...shape: Shape) => Operand;
  readonly learns?: boolean;
}

/** Beside `distinct`, which is never in these bands, so that no element ties. */
const between = (...shape: Shape): Operand => ({
  ...normal(...shape),
  draw: (rng, sizes) => Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, () => Math.fround(0.5 * (rng.int(8) - 4) - 0.15)),
});

const unequal = { left: distinct, right: between };
const awayFromZero = (...shape: Shape): Operand => avoiding([0], shape);

export const elementwiseCases: Readonly<Record<string, OpEntry>> = {
  add: binary("add", add),
  sub: binary("sub", sub),
  mul: binary("mul", mul),
  div: binary("div", div, { right: awayFromZero }),
  minimum: binary("minimum", minimum, unequal),
  maximum: binary("maximum", maximum, unequal),
  lessThan: binary("lessThan", lessThan, { ...unequal, learns: false }),
  lessOrEqual: binary("lessOrEqual", lessOrEqual, { ...unequal, learns: false }),
  neg: unary(neg, normal),
  exp: unary(exp, normal),
  log: unary(log, positive),
  sqrt: unary(sqrt, positive),
  abs: unary(abs, awayFromZero),
  tanh: unary(tanh, normal),
  sigmoid: unary(sigmoid, normal),
  silu: unary(silu, normal),
  stopGradient: unary(stopGradient, (...shape) => fixed(normal(...shape))),
  clip: {
    cases: [
      ...unary(
        (x) => clip(x, -0.5, 1),
        (...shape) => avoiding([-0.5, 1], shape),
      ).cases,
      {
        what: "with one bound at infinity",
        operands: [avoiding([0.5], ["N", 3])],
        build: (x) => clip(x!, Number.NEGATIVE_INFINITY, 0.5),
        shapes: [["N", 3]],
      },
    ],
    rejections: [
      {
        what: "bounds in the wrong order",
        build: () => clip(input("x", [2]), 1, 0),
        message: "clip: the lower bound must not exceed the upper, 1 and 0, got [2]",
      },
    ],
  },
  cast: {
    cases: [
      { what: "of int64 to float32", operands: [integers(9, ["N", 2])], build: (x) => cast(x!, "float32"), shapes: [["N", 2]] },
      { what: "of int32 to int64", operands: [integers(9, ["N"], "int32")], build: (x) => cast(x!, "int64"), shapes: [["N"]] },
      {
        what: "of float32 to int64, towards zero",
        operands: [fixed(avoiding([-2, -1, 0, 1, 2], ["N", 4]))],
        build: (x) => [cast(x!, "int64"), cast(x!, "int32")],
        shapes: [
          ["N", 4],
          ["N", 4],
        ],
      },
      {
        what: "of float32 to bool and back",
        operands: [fixed(normal(3))],
        build: (x) => cast(cast(mul(x!, constant([0, 1, 2])), "bool"), "float32"),
        shapes: [[3]],
      },
    ],
  },
};
