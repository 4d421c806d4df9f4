// Cases of products: of matrices, and of rows with a weight.

import { input, linear, matmul } from "../../../src/graph/ops.ts";
import type { Shape } from "../../../src/graph/shape.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { normal } from "../operand.ts";
import type { OpCase, OpEntry } from "../ops.suite.ts";

/** One product in each of the four ways in which its sides can be stored. */
function products(batchA: Shape, batchB: Shape, batch: Shape): readonly OpCase[] {
  return [false, true].flatMap((transA) =>
    [false, true].map((transB) => ({
      what: `of [${batchA}] and [${batchB}] matrices${transA ? ", first transposed" : ""}${transB ? ", second transposed" : ""}`,
      operands: [normal(...batchA, ...(transA ? [2, 3] : [3, 2])), normal(...batchB, ...(transB ? [4, 2] : [2, 4]))],
      build: (a, b) => matmul(a!, b!, { transA, transB, alpha: transA === transB ? 1 : -0.5 }),
      shapes: [[...batch, 3, 4]],
      // The engine does not broadcast a matrix over no matrices.
      sizes: [{ N: 5 }, { N: 1 }],
    })),
  );
}

export const productCases: Readonly<Record<string, OpEntry>> = {
  matmul: {
    cases: [
      ...products([], [], []),
      ...products([2], [2], [2]),
      ...products(["N"], [], ["N"]),
      ...products([], [2], [2]),
      ...products([2, 1], [1, 3], [2, 3]),
      {
        what: "with a symbolic number of rows",
        operands: [normal("N", 3), normal(3, 4)],
        build: (a, b) => matmul(a!, b!),
        shapes: [["N", 4]],
      },
      {
        what: "that adds up over a symbol",
        operands: [normal("N", 3), normal("N", 2)],
        build: (a, b) => matmul(a!, b!, { transA: true }),
        shapes: [[3, 2]],
      },
      { what: "of a matrix with itself", operands: [normal(3, 3)], build: (a) => matmul(a!, a!, { transB: true }), shapes: [[3, 3]] },
    ],
    rejections: [
      {
        what: "inner dimensions that differ",
        build: () => matmul(input("a", [4, 128, 512]), input("b", [256, 512])),
        message: "matmul: inner dimensions differ (512 vs 256), got [4,128,512] x [256,512]",
      },
      {
        what: "inner dimensions that differ after transposition",
        build: () => matmul(input("a", ["N", 3]), input("b", [3, 4]), { transB: true }),
        message: "matmul: inner dimensions differ (3 vs 4), got [N,3] x [3,4]",
      },
      {
        what: "leading axes that do not broadcast",
        build: () => matmul(input("a", [2, 3, 4]), input("b", [3, 4, 5])),
        message: "matmul: leading axes do not broadcast, got [2,3,4] x [3,4,5]",
      },
      {
        what: "a vector",
        build: () => matmul(input("a", [3]), input("b", [3, 4])),
        message: "matmul: both sides must have at least two axes, got [3] x [3,4]",
      },
      {
        what: "integers",
        build: () => matmul(input("a", [2, 3], "int64"), input("b", [3, 4])),
        message: "matmul: operands must be float32, not int64, got [2,3] x [3,4]",
      },
    ],
  },
  linear: {
    cases: [
      { what: "of a few rows", operands: [normal("N", 3), normal(4, 3)], build: (x, w) => linear(x!, w!), shapes: [["N", 4]] },
      {
        what: "with one weight on both ways of the rows",
        operands: [normal("N", 3), normal(3, 3)],
        build: (x, w) => linear(linear(x!, w!), w!),
        shapes: [["N", 3]],
      },
      ...[
        { inner: 300, columns: 40 },
        { inner: 130, columns: 129 },
        { inner: 150, columns: 140 },
        { inner: 520, columns: 17 },
      ].map(({ inner, columns }) => ({
        what: `that adds up ${inner} terms for each of ${columns} columns`,
        operands: [normal("N", inner), normal(columns, inner)],
        build: (x: Tensor, w: Tensor) => linear(x, w),
        shapes: [["N", columns]],
        sizes: [{ N: 2 }],
      })),
    ],
    rejections: [
      {
        what: "rows of another width",
        build: () => linear(input("x", ["N", 4]), input("w", [3, 5])),
        message: "linear: the weight's second axis must be the width of the rows (5 vs 4), got [N,4] x [3,5]",
      },
      {
        what: "more than two axes",
        build: () => linear(input("x", [2, 3, 4]), input("w", [5, 4])),
        message: "linear: rows and weight must have two axes, got [2,3,4] x [5,4]",
      },
      {
        what: "a weight of unknown size",
        build: () => linear(input("x", [3, 4]), input("w", ["N", 4])),
        message: "linear: the weight's sizes must be numbers, got [3,4] x [N,4]",
      },
      {
        what: "integers",
        build: () => linear(input("x", [3, 4], "int64"), input("w", [5, 4])),
        message: "linear: operands must be float32, not int64, got [3,4] x [5,4]",
      },
    ],
  },
};
