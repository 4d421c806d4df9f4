// Cases of the ops that change the shape of tensors, or cut and join them.
// Axes have different sizes, so that none can be taken for another.

import {
  concat,
  concatRows,
  constant,
  flattenRows,
  input,
  mul,
  padLike,
  prefix,
  reshape,
  split,
  splitRows,
  transpose,
  unsqueeze,
} from "../../../src/graph/ops.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { fixed, given, integers, normal } from "../operand.ts";
import type { OpEntry } from "../ops.suite.ts";

const splitByCounts = (x: Tensor, counts: Tensor): readonly Tensor[] => splitRows(x, { counts, symbols: ["A", "B", "C"] });

export const layoutCases: Readonly<Record<string, OpEntry>> = {
  reshape: {
    cases: [
      { what: "of a matrix to a vector", operands: [normal(2, 3)], build: (x) => reshape(x!, [6]), shapes: [[6]] },
      { what: "of one element to a scalar", operands: [normal(1, 1)], build: (x) => reshape(x!, []), shapes: [[]] },
      { what: "that splits heads", operands: [normal("N", 6)], build: (x) => reshape(x!, ["N", 3, 2]), shapes: [["N", 3, 2]] },
      { what: "that joins two symbols", operands: [normal("N", "M", 2)], build: (x) => reshape(x!, ["M*N", 2]), shapes: [["M*N", 2]] },
      {
        what: "to two symbols in another order",
        operands: [normal("N", 2, "M")],
        build: (x) => reshape(x!, ["M", "N", 2]),
        shapes: [["M", "N", 2]],
      },
      { what: "to a multiple of a symbol", operands: [normal("N", 6)], build: (x) => reshape(x!, ["3*N", 2]), shapes: [["3*N", 2]] },
      {
        what: "to multiples of two symbols",
        operands: [normal("N", 2, "M", 3)],
        build: (x) => reshape(x!, ["3*M", 1, "2*N"]),
        shapes: [["3*M", 1, "2*N"]],
      },
      { what: "of integers", operands: [integers(9, ["N", 2])], build: (x) => reshape(x!, ["2*N"]), shapes: [["2*N"]] },
      { what: "without elements", operands: [normal(0, 3)], build: (x) => reshape(x!, [2, 0]), shapes: [[2, 0]] },
    ],
    rejections: [
      {
        what: "another number of elements",
        build: () => reshape(input("x", ["N", 6]), ["N", 4]),
        message: "reshape: [N,4] has 4*N elements, not 6*N, got [N,6]",
      },
    ],
  },
  flattenRows: {
    cases: [
      { what: "of three axes", operands: [normal("N", "M", 3)], build: flattenRows, shapes: [["M*N", 3]] },
      { what: "of a vector", operands: [normal(3)], build: flattenRows, shapes: [[1, 3]] },
    ],
  },
  transpose: {
    cases: [
      { what: "of a matrix", operands: [normal("N", 3)], build: (x) => transpose(x!, [1, 0]), shapes: [[3, "N"]] },
      // A rotation of three axes is not its own inverse.
      { what: "that rotates three axes", operands: [normal("N", 2, 3)], build: (x) => transpose(x!, [1, 2, 0]), shapes: [[2, 3, "N"]] },
      { what: "of integers", operands: [integers(9, [2, "N"])], build: (x) => transpose(x!, [1, 0]), shapes: [["N", 2]] },
      { what: "of a scalar", operands: [normal()], build: (x) => transpose(x!, []), shapes: [[]] },
    ],
    rejections: [
      {
        what: "an axis named twice",
        build: () => transpose(input("x", [2, 3]), [0, 0]),
        message: "transpose: [0,0] must name each axis once, got [2,3]",
      },
      {
        what: "an axis left out",
        build: () => transpose(input("x", [2, 3]), [0]),
        message: "transpose: [0] must name each axis once, got [2,3]",
      },
    ],
  },
  prefix: {
    cases: [
      {
        what: "of a fixed number of columns",
        operands: [normal("N", 5)],
        build: (x) => prefix(x!, { axis: 1, size: 2 }),
        shapes: [["N", 2]],
      },
      {
        what: "of as many entries as another input has",
        operands: [normal(2, 7, 3), normal("M")],
        build: (x, like) => mul(prefix(x!, { axis: 1, size: "M" }), unsqueeze(like!, [1])),
        shapes: [[2, "M", 3]],
      },
      { what: "of everything", operands: [normal("N", 2)], build: (x) => prefix(x!, { axis: 0, size: "N" }), shapes: [["N", 2]] },
      { what: "of integers", operands: [integers(9, [4])], build: (x) => prefix(x!, { axis: 0, size: 3 }), shapes: [[3]] },
    ],
    rejections: [
      {
        what: "more than there is",
        build: () => prefix(input("x", [2, 3]), { axis: 1, size: 4 }),
        message: "prefix: axis 1 has fewer than 4 entries, got [2,3]",
      },
      {
        what: "an axis that is not there",
        build: () => prefix(input("x", [2, 3]), { axis: 2, size: 1 }),
        message: "prefix: axis 2 is out of range, got [2,3]",
      },
    ],
  },
  padLike: {
    cases: [
      {
        what: "along the middle axis",
        operands: [normal(2, "M", 3), fixed(normal(2, 7, 3))],
        build: (x, like) => padLike(x!, { like: like!, axis: 1 }),
        shapes: [[2, 7, 3]],
      },
      {
        what: "of rows, to a symbol",
        operands: [normal(2, 3), fixed(normal("N", 3))],
        build: (x, like) => padLike(x!, { like: like!, axis: 0 }),
        shapes: [["N", 3]],
        sizes: [{ N: 5 }, { N: 2 }],
      },
    ],
    rejections: [
      {
        what: "another axis that differs",
        build: () => padLike(input("x", [2, 3]), { like: input("like", [4, 2]), axis: 0 }),
        message: "padLike: both must agree on every axis but 0, got [2,3] x [4,2]",
      },
    ],
  },
  split: {
    cases: [
      {
        what: "into unequal columns",
        operands: [normal("N", 6)],
        build: (x) => split(x!, { axis: -1, sizes: [1, 3, 2] }),
        shapes: [
          ["N", 1],
          ["N", 3],
          ["N", 2],
        ],
      },
      {
        what: "of which one part is used",
        operands: [normal(5, "N", 2)],
        build: (x) => split(x!, { axis: 0, sizes: [2, 3] })[1]!,
        shapes: [[3, "N", 2]],
      },
      {
        what: "with a part without elements",
        operands: [normal(3)],
        build: (x) => split(x!, { axis: 0, sizes: [0, 3] }),
        shapes: [[0], [3]],
      },
    ],
    rejections: [
      {
        what: "parts that do not fill the axis",
        build: () => split(input("x", ["N", 6]), { axis: 1, sizes: [2, 3] }),
        message: "split: parts of 2 + 3 do not fill axis 1, got [N,6]",
      },
      {
        what: "an axis that is not there",
        build: () => split(input("x", [6]), { axis: 1, sizes: [6] }),
        message: "split: axis 1 is out of range, got [6]",
      },
    ],
  },
  splitRows: {
    cases: [
      {
        what: "by counts, one of them zero",
        operands: [normal(6, 2), given([3], () => [2, 0, 4])],
        build: (x, counts) => splitByCounts(x!, counts!),
        shapes: [
          ["A", 2],
          ["B", 2],
          ["C", 2],
        ],
      },
      {
        what: "of integers and a symbolic number of rows",
        operands: [integers(9, ["N"]), given([3], () => [1, 1, 3])],
        build: (x, counts) => splitByCounts(x!, counts!),
        shapes: [["A"], ["B"], ["C"]],
        sizes: [{ N: 5 }],
      },
    ],
    rejections: [
      {
        what: "another number of counts than names",
        build: () => splitByCounts(input("x", ["N", 2]), input("counts", [2], "int64")),
        message: "split: there are 3 parts, got [N,2] x [2]",
      },
    ],
  },
  concat: {
    cases: [
      {
        what: "of columns",
        operands: [normal("N", 2), normal("N", 1), normal("N", 3)],
        build: (...parts) => concat(parts, -1),
        shapes: [["N", 6]],
      },
      { what: "of rows", operands: [normal(2, "N"), normal(1, "N")], build: (...parts) => concat(parts, 0), shapes: [[3, "N"]] },
      {
        what: "of the same part twice",
        operands: [normal(2, 3)],
        build: (x) => concat([x!, x!], 1),
        shapes: [[2, 6]],
      },
      { what: "of integers", operands: [integers(5, [2]), integers(5, [1])], build: (...parts) => concat(parts, 0), shapes: [[3]] },
      { what: "of one part", operands: [normal(2, "N")], build: (x) => concat([x!], 0), shapes: [[2, "N"]] },
    ],
    rejections: [
      {
        what: "parts that differ on another axis",
        build: () => concat([input("a", [2, 3]), input("b", [2, 4])], 0),
        message: "concat: parts must agree on every axis but 0, got [2,3] x [2,4]",
      },
      {
        what: "a symbol along the axis",
        build: () => concat([input("a", ["N", 3]), input("b", [2, 3])], 0),
        message: "concat: sizes along axis 0 must be numbers; use concatRows, got [N,3] x [2,3]",
      },
      {
        what: "parts of different types",
        build: () => concat([input("a", [2]), input("b", [2], "int64")], 0),
        message: "concat: parts must have one type, not float32, int64, got [2] x [2]",
      },
    ],
  },
  concatRows: {
    cases: [
      {
        what: "of parts of symbolic size",
        operands: [normal("N", 2), normal("M", 2), given([2], () => [5, 3])],
        build: (a, b, counts) => concatRows([a!, b!], { counts: counts!, rows: "R" }),
        shapes: [["R", 2]],
        sizes: [{ N: 5, M: 3 }],
      },
      {
        what: "of parts of known size",
        operands: [normal(2, 3), normal(1, 3), given([2], () => [2, 1])],
        build: (a, b, counts) => concatRows([mul(a!, constant(2)), mul(b!, constant(3))], { counts: counts!, rows: 3 }),
        shapes: [[3, 3]],
      },
      {
        what: "after splitRows",
        operands: [normal("N", 2), given([3], () => [1, 3, 1])],
        build: (x, counts) => {
          const [a, b, c] = splitByCounts(x!, counts!) as [Tensor, Tensor, Tensor];
          return concatRows([a, mul(b, constant(2)), c], { counts: counts!, rows: "N" });
        },
        shapes: [["N", 2]],
        sizes: [{ N: 5 }],
      },
    ],
    rejections: [
      {
        what: "parts of different width",
        build: () => concatRows([input("a", ["N", 3]), input("b", ["M", 4])], { counts: input("counts", [2], "int64"), rows: "R" }),
        message: "concat: parts must agree on every axis but 0, got [N,3] x [M,4] x [2]",
      },
    ],
  },
};
