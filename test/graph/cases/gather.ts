// Cases of the ops that pick rows and elements by index, and put them back. Where an op takes the way back as an argument, the
// operands are a permutation and its inverse.

import type { Rng } from "../../../src/base/rng.ts";
import type { JoinedPart } from "../../../src/graph/ops/gather.ts";
import {
  gatherDistinctRows,
  gatherJoined,
  gatherParts,
  gatherRows,
  input,
  oneHot,
  pick,
  scatterAddRows,
  scatterRows,
} from "../../../src/graph/ops.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { fixed, floats, given, integers, normal } from "../operand.ts";
import type { OpEntry } from "../ops.suite.ts";

/** A part whose rows are picked in order. */
function pickedWhole(rows: Tensor): JoinedPart {
  const [size] = rows.shape;
  return { rows, inverse: input("inverse", [size!], "int64"), picked: input("picked", [size!, 1]) };
}

const nonEmpty = [
  { N: 5, M: 3 },
  { N: 1, M: 1 },
];

/** [2, 0, 3, 1] is not its own inverse, which is [1, 3, 0, 2]. */
const permutation = given([4], () => [2, 0, 3, 1]);
const inverse = given([4], () => [1, 3, 0, 2]);

const shuffled = (rng: Rng, [size]: readonly number[]): number[] => rng.shuffle(Array.from({ length: size! }, (_, i) => i));

export const gatherCases: Readonly<Record<string, OpEntry>> = {
  gatherRows: {
    cases: [
      {
        what: "with repeated and unused rows",
        operands: [normal("M", 3), given(["N"], (_, [size]) => Array.from({ length: size! }, (__, i) => (i * i) % 2))],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N", 3]],
        sizes: [
          { M: 4, N: 5 },
          { M: 2, N: 1 },
          { M: 2, N: 0 },
        ],
      },
      {
        what: "from a small table, by a matrix of int32",
        operands: [normal(7, 3), integers(7, ["N", 2], "int32")],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N", 2, 3]],
      },
      {
        what: "from a table of many rows",
        operands: [normal(600, 2), integers(600, ["N"])],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N", 2]],
      },
      {
        what: "of single numbers",
        operands: [normal("M"), integers(1, ["N"])],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N"]],
        sizes: nonEmpty,
      },
      {
        what: "of matrices",
        operands: [normal("M", 2, 3), integers(1, ["N"])],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N", 2, 3]],
        sizes: nonEmpty,
      },
      {
        what: "of matrices from a small table",
        operands: [normal(4, 2, 3), integers(4, ["N"])],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N", 2, 3]],
      },
      { what: "by a single index", operands: [normal(4, 3), integers(4, [])], build: (x, index) => gatherRows(x!, index!), shapes: [[3]] },
      {
        what: "of integers",
        operands: [integers(9, [4]), integers(4, ["N"])],
        build: (x, index) => gatherRows(x!, index!),
        shapes: [["N"]],
      },
      {
        what: "with the inverse of a permutation",
        operands: [normal(4, 3), permutation, inverse],
        build: (x, index, back) => gatherRows(x!, index!, back),
        shapes: [[4, 3]],
      },
      {
        // Row r is copied to positions 2 r and 2 r + 1 of [0, 0, 1, 1, ..].
        what: "with an inverse of two copies",
        operands: [
          normal("N", 3),
          given(["2*N"], (_, [size]) => Array.from({ length: size! }, (__, i) => i >> 1)),
          given(["N", 2], (_, [size]) => Array.from({ length: 2 * size! }, (__, i) => i)),
        ],
        build: (x, index, back) => gatherRows(x!, index!, back),
        shapes: [["2*N", 3]],
      },
    ],
    rejections: [
      {
        what: "an index that is not an integer",
        build: () => gatherRows(input("x", [4, 3]), input("index", ["N"])),
        message: "gatherRows: indices must be integers, got [4,3] x [N]",
      },
    ],
  },
  gatherDistinctRows: {
    cases: [
      {
        what: "of some rows",
        operands: [normal("M", 3), given(["N"], (_, [size]) => [3, 0, 2].slice(0, size))],
        build: gatherDistinctRows,
        shapes: [["N", 3]],
        sizes: [
          { M: 4, N: 3 },
          { M: 4, N: 1 },
          { M: 4, N: 0 },
        ],
      },
      {
        what: "of some matrices",
        operands: [normal(5, 2, 2), given([3], () => [4, 0, 2])],
        build: gatherDistinctRows,
        shapes: [[3, 2, 2]],
      },
      {
        what: "by a matrix of indices",
        operands: [normal(6, 2), given([2, 2], () => [4, 0, 2, 5])],
        build: gatherDistinctRows,
        shapes: [[2, 2, 2]],
      },
    ],
  },
  gatherParts: {
    cases: [
      {
        // Parts [2, 0] and [[3, 1]]: row 0 is at position 1 of both together, row 1 at 3, row 2 at 0, row 3 at 2.
        what: "of two parts of different rank",
        operands: [normal(4, 3), inverse, given([2], () => [2, 0]), given([1, 2], () => [3, 1])],
        build: (x, back, ...indices) => gatherParts(x!, { indices, inverse: back! }),
        shapes: [
          [2, 3],
          [1, 2, 3],
        ],
      },
      {
        what: "of symbolic size",
        operands: [
          normal("N", 2),
          given(["N"], (_, [size]) => Array.from({ length: size! }, (__, i) => i)),
          given(["N"], (_, [size]) => Array.from({ length: size! }, (__, i) => i)),
        ],
        build: (x, back, index) => gatherParts(x!, { indices: [index!], inverse: back! }),
        shapes: [["N", 2]],
      },
    ],
    rejections: [
      {
        what: "an inverse of another length than the rows",
        build: () => gatherParts(input("x", [4, 3]), { indices: [input("index", [4], "int64")], inverse: input("back", [3], "int64") }),
        message: "gatherParts: indices must be integers and the inverse must have one entry for each row, got [4,3] x [3] x [4]",
      },
    ],
  },
  gatherJoined: {
    cases: [
      {
        // Rows 0 to 2 are the first part's, 3 and 4 the second's. Positions 0, 1, 2 hold rows 4, 0, 3; rows 1 and 2 stay out.
        what: "of two parts, some rows left out",
        operands: [
          normal(3, 2),
          normal(2, 2),
          given([3], () => [4, 0, 3]),
          given([3], () => [1, 0, 2]),
          fixed(floats([3, 1], () => [1, 0, 0])),
          given([2], () => [2, 0]),
          fixed(floats([2, 1], () => [1, 1])),
        ],
        build: (first, second, index, wayOfFirst, firstPicked, wayOfSecond, secondPicked) =>
          gatherJoined(
            [
              { rows: first!, inverse: wayOfFirst!, picked: firstPicked! },
              { rows: second!, inverse: wayOfSecond!, picked: secondPicked! },
            ],
            index!,
          ),
        shapes: [[3, 2]],
      },
      {
        what: "of one part of symbolic size, by a matrix",
        operands: [
          normal("N", 3),
          given(["N", 1], (_, [size]) => Array.from({ length: size! }, (__, i) => i)),
          given(["N"], (_, [size]) => Array.from({ length: size! }, (__, i) => i)),
          fixed(floats(["N", 1], (_, [size]) => Array(size).fill(1))),
        ],
        build: (rows, index, inverse, picked) => gatherJoined([{ rows: rows!, inverse: inverse!, picked: picked! }], index!),
        shapes: [["N", 1, 3]],
      },
    ],
    rejections: [
      {
        what: "parts of different width",
        build: () => gatherJoined([input("a", [3, 2]), input("b", [2, 4])].map(pickedWhole), input("index", ["N"], "int64")),
        message: "gatherJoined: parts must agree on every axis but the first, got [3,2] x [2,4] x [N] x [3] x [3,1] x [2] x [2,1]",
      },
      {
        what: "an index that is not an integer",
        build: () => gatherJoined([input("a", [3, 2])].map(pickedWhole), input("index", ["N"])),
        message: "gatherJoined: indices must be integers, got [3,2] x [N] x [3] x [3,1]",
      },
    ],
  },
  scatterAddRows: {
    cases: [
      {
        what: "into a small table, twice to one row",
        operands: [normal("N", 3), integers(2, ["N"]), fixed(normal(4, 3))],
        build: (rows, index, like) => scatterAddRows(rows!, { index: index!, like: like! }),
        shapes: [[4, 3]],
      },
      {
        what: "into a table of symbolic size",
        operands: [normal("N", 3), integers(1, ["N"], "int32"), fixed(normal("M", 3))],
        build: (rows, index, like) => scatterAddRows(rows!, { index: index!, like: like! }),
        shapes: [["M", 3]],
      },
      {
        what: "of single numbers into a table of symbolic size",
        operands: [normal("N"), integers(1, ["N"]), fixed(normal("M"))],
        build: (rows, index, like) => scatterAddRows(rows!, { index: index!, like: like! }),
        shapes: [["M"]],
      },
      {
        what: "of matrices into a table of many rows",
        operands: [normal("N", 2, 2), integers(600, ["N"]), fixed(normal(600, 2, 2))],
        build: (rows, index, like) => scatterAddRows(rows!, { index: index!, like: like! }),
        shapes: [[600, 2, 2]],
      },
    ],
    rejections: [
      {
        what: "another number of indices than rows",
        build: () => scatterAddRows(input("rows", [4, 3]), { index: input("index", [3], "int64"), like: input("like", ["M", 3]) }),
        message: "scatterRows: there must be one index for each row, got [4,3] x [3] x [M,3]",
      },
      {
        what: "rows of another width than the table's",
        build: () => scatterAddRows(input("rows", [4, 3]), { index: input("index", [4], "int64"), like: input("like", ["M", 2]) }),
        message: "scatterRows: rows must have the width of the table, got [4,3] x [4] x [M,2]",
      },
    ],
  },
  scatterRows: {
    cases: [
      {
        what: "to some rows",
        operands: [normal("N", 3), given(["N"], (_, [size]) => [3, 0, 2].slice(0, size)), fixed(normal(4, 3))],
        build: (rows, index, like) => scatterRows(rows!, { index: index!, like: like! }),
        shapes: [[4, 3]],
        sizes: [{ N: 3 }, { N: 1 }, { N: 0 }],
      },
      {
        what: "to all rows of a symbolic table, in another order",
        operands: [normal("N", 2, 2), given(["N"], shuffled), fixed(normal("N", 2, 2))],
        build: (rows, index, like) => scatterRows(rows!, { index: index!, like: like! }),
        shapes: [["N", 2, 2]],
      },
    ],
  },
  oneHot: {
    cases: [
      { what: "of a vector", operands: [integers(4, ["N"])], build: (index) => oneHot(index!, 4), shapes: [["N", 4]] },
      {
        what: "of an int32 matrix",
        operands: [integers(3, ["N", 2], "int32")],
        build: (index) => oneHot(index!, 3),
        shapes: [["N", 2, 3]],
      },
    ],
    rejections: [
      { what: "a single number", build: () => oneHot(input("x", [], "int64"), 3), message: "oneHot: indices must have an axis, got []" },
      {
        what: "numbers that are not integers",
        build: () => oneHot(input("x", ["N"]), 3),
        message: "oneHot: indices must be integers, got [N]",
      },
    ],
  },
  pick: {
    cases: [
      {
        what: "of one element a row",
        operands: [normal("N", 4), integers(4, ["N", 1])],
        build: (x, index) => pick(x!, index!),
        shapes: [["N", 1]],
      },
      {
        what: "of one element twice",
        operands: [normal(2, 4), given([2, 3], () => [1, 1, 3, 0, 2, 0])],
        build: (x, index) => pick(x!, index!),
        shapes: [[2, 3]],
      },
      {
        what: "by int32 in three axes",
        operands: [normal("N", 2, 3), integers(3, ["N", 2, 2], "int32")],
        build: (x, index) => pick(x!, index!),
        shapes: [["N", 2, 2]],
      },
    ],
    rejections: [
      {
        what: "an index with other leading axes",
        build: () => pick(input("x", ["N", 4]), input("index", ["M", 1], "int64")),
        message: "pick: indices must be integers and agree on every axis but the last, got [N,4] x [M,1]",
      },
    ],
  },
};
