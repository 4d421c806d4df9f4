// Cases of the leaves of a graph, of broadcasting, and of summing.

import { constant, expandLike, input, largest, onesLike, splitRows, sum, sumLike, unsqueeze, zerosLike } from "../../../src/graph/ops.ts";
import { fixed, given, integers, normal } from "../operand.ts";
import type { OpEntry } from "../ops.suite.ts";

export const broadcastCases: Readonly<Record<string, OpEntry>> = {
  input: {
    cases: [
      { what: "that is itself a result", operands: [normal("N", 3)], build: (x) => x!, shapes: [["N", 3]] },
      { what: "of int32", operands: [integers(5, ["N"], "int32")], build: (x) => x!, shapes: [["N"]] },
    ],
  },
  constant: {
    cases: [
      { what: "scalar", operands: [], build: () => constant(-2.5), shapes: [[]] },
      { what: "vector", operands: [], build: () => constant([1, 2, 3]), shapes: [[3]] },
      { what: "matrix", operands: [], build: () => constant([1, 2, 3, 4, 5, 6], [3, 2]), shapes: [[3, 2]] },
      { what: "that is infinite", operands: [], build: () => constant([Number.NEGATIVE_INFINITY, 0], [2]), shapes: [[2]] },
      { what: "without elements", operands: [], build: () => constant([], [0, 2]), shapes: [[0, 2]] },
    ],
    rejections: [
      {
        what: "values that do not fill the shape",
        build: () => constant([1, 2, 3], [2, 2]),
        message: "constant: a constant of shape [2,2] has 4 values, not 3",
      },
    ],
  },
  onesLike: {
    cases: [
      { what: "of a fixed shape", operands: [fixed(normal(2, 1, 3))], build: onesLike, shapes: [[2, 1, 3]] },
      {
        what: "of a size that no input shows",
        operands: [fixed(normal(5, 2)), given([2], () => [2, 3])],
        build: (x, counts) => onesLike(splitRows(x!, { counts: counts!, symbols: ["A", "B"] })[1]!),
        shapes: [["B", 2]],
      },
      { what: "of integers of a symbolic shape", operands: [integers(5, ["N", 2])], build: onesLike, shapes: [["N", 2]] },
    ],
  },
  zerosLike: {
    cases: [
      { what: "of a scalar", operands: [fixed(normal())], build: zerosLike, shapes: [[]] },
      { what: "of a symbolic shape", operands: [fixed(normal("N", "M"))], build: zerosLike, shapes: [["N", "M"]] },
    ],
  },
  expandLike: {
    cases: [
      { what: "of a scalar", operands: [normal(), fixed(normal("N", 3))], build: expandLike, shapes: [["N", 3]] },
      { what: "of a column", operands: [normal("N", 1), fixed(normal("N", "M"))], build: expandLike, shapes: [["N", "M"]] },
      { what: "of missing and inner axes", operands: [normal(2, 1), fixed(normal(3, 2, 4))], build: expandLike, shapes: [[3, 2, 4]] },
      { what: "of the same shape", operands: [normal("N", 2), fixed(normal("N", 2))], build: expandLike, shapes: [["N", 2]] },
      { what: "along integers", operands: [normal(1), integers(4, ["N"])], build: expandLike, shapes: [["N"]] },
    ],
    rejections: [
      {
        what: "a shape that would have to shrink",
        build: () => expandLike(input("x", [2, 3]), input("like", [1, 3])),
        message: "expandLike: the first shape must broadcast to the second, got [2,3] x [1,3]",
      },
      {
        what: "shapes that do not broadcast",
        build: () => expandLike(input("x", [3]), input("like", [2, 2])),
        message: "expandLike: the first shape must broadcast to the second, got [3] x [2,2]",
      },
    ],
  },
  sumLike: {
    cases: [
      { what: "over missing axes", operands: [normal("N", 2, 3), fixed(normal(3))], build: sumLike, shapes: [[3]] },
      { what: "over axes of size one", operands: [normal("N", "M"), fixed(normal("N", 1))], build: sumLike, shapes: [["N", 1]] },
      { what: "over both", operands: [normal("N", 2, 3), fixed(normal(2, 1))], build: sumLike, shapes: [[2, 1]] },
      { what: "to a scalar", operands: [normal(2, 3), fixed(normal())], build: sumLike, shapes: [[]] },
      { what: "over nothing", operands: [normal("N", 3), fixed(normal("N", 3))], build: sumLike, shapes: [["N", 3]] },
    ],
    rejections: [
      {
        what: "a shape that does not broadcast to that of the tensor",
        build: () => sumLike(input("x", [2, 3]), input("like", [2, 2])),
        message: "sumLike: the second shape must broadcast to the first, got [2,3] x [2,2]",
      },
    ],
  },
  sum: {
    cases: [
      { what: "over all axes", operands: [normal("N", 2, 3)], build: (x) => sum(x!), shapes: [[]] },
      {
        what: "over the last axis, kept",
        operands: [normal("N", 3)],
        build: (x) => sum(x!, { axes: [-1], keepDims: true }),
        shapes: [["N", 1]],
      },
      { what: "over the rows", operands: [normal("N", 3)], build: (x) => sum(x!, { axes: [0] }), shapes: [[3]] },
      { what: "over two axes around one", operands: [normal(2, "N", 3)], build: (x) => sum(x!, { axes: [-1, 0] }), shapes: [["N"]] },
      {
        what: "over two axes, kept",
        operands: [normal(2, 3, 4)],
        build: (x) => sum(x!, { axes: [1, 2], keepDims: true }),
        shapes: [[2, 1, 1]],
      },
      { what: "over an axis of size one", operands: [normal(2, 1)], build: (x) => sum(x!, { axes: [1] }), shapes: [[2]] },
      { what: "of a scalar", operands: [normal()], build: (x) => sum(x!), shapes: [[]] },
      { what: "over no axes", operands: [normal("N", 2)], build: (x) => sum(x!, { axes: [] }), shapes: [["N", 2]] },
    ],
    rejections: [
      {
        what: "an axis that is not there",
        build: () => sum(input("x", [2, 3]), { axes: [2] }),
        message: "sum: axis 2 is out of range, got [2,3]",
      },
      {
        what: "an axis before the first",
        build: () => sum(input("x", [2, 3]), { axes: [-3] }),
        message: "sum: axis -3 is out of range, got [2,3]",
      },
      { what: "an axis twice", build: () => sum(input("x", [2, 3]), { axes: [1, -1] }), message: "sum: axes [1,1] must differ, got [2,3]" },
      { what: "integers", build: () => sum(input("x", [2], "int64")), message: "sum: operands must be float32, not int64, got [2]" },
    ],
  },
  largest: {
    cases: [
      { what: "of a matrix", operands: [fixed(normal("N", 3))], build: (x) => largest(x!), shapes: [[]], sizes: [{ N: 4 }, { N: 1 }] },
      { what: "of a scalar", operands: [fixed(normal())], build: (x) => largest(x!), shapes: [[]] },
    ],
    rejections: [
      {
        what: "integers",
        build: () => largest(input("x", [2], "int64")),
        message: "largest: operands must be float32, not int64, got [2]",
      },
    ],
  },
  unsqueeze: {
    cases: [
      { what: "before the first axis", operands: [normal("N", 3)], build: (x) => unsqueeze(x!, [0]), shapes: [[1, "N", 3]] },
      { what: "after the last axis", operands: [normal("N", 3)], build: (x) => unsqueeze(x!, [2]), shapes: [["N", 3, 1]] },
      { what: "around an axis", operands: [normal("N")], build: (x) => unsqueeze(x!, [0, 2]), shapes: [[1, "N", 1]] },
      { what: "of a scalar", operands: [normal()], build: (x) => unsqueeze(x!, [0, 1]), shapes: [[1, 1]] },
      { what: "of integers", operands: [integers(4, ["N"])], build: (x) => unsqueeze(x!, [1]), shapes: [["N", 1]] },
    ],
    rejections: [
      {
        what: "a position beyond the result",
        build: () => unsqueeze(input("x", [2, 3]), [3]),
        message: "unsqueeze: axes [3] must be ascending positions of the result, got [2,3]",
      },
      {
        what: "positions out of order",
        build: () => unsqueeze(input("x", [2, 3]), [1, 0]),
        message: "unsqueeze: axes [1,0] must be ascending positions of the result, got [2,3]",
      },
    ],
  },
};
