// The reference evaluator: numbers worked out by hand, numbers that overflow when computed carelessly, and what it refuses.
// That it agrees with ONNX Runtime on every op is in ops.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GraphError } from "../../src/base/errors.ts";
import { type ArrayValue, evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import {
  add,
  attend,
  concatRows,
  constant,
  entropy,
  gatherRows,
  input,
  largest,
  logSoftmax,
  logSumExp,
  matmul,
  mul,
  neg,
  oneHot,
  reshape,
  rmsNorm,
  rotary,
  scatterRows,
  sigmoid,
  silu,
  softmax,
  splitRows,
  sum,
} from "../../src/graph/ops.ts";
import { apply1, type OpDef, scope, type Tensor } from "../../src/graph/tensor.ts";
import { array, assertClose, row, value } from "../support/arrays.ts";

const close = (tensor: Tensor, expected: ArrayValue): void => assertClose(evaluate64(tensor), expected, { tolerance: 1e-12 });

describe("evaluate64", () => {
  test("multiplies matrices", () => {
    // [1 2; 3 4] [5 6; 7 8] = [19 22; 43 50], and with the first transposed [26 30; 38 44]
    const a = array([2, 2], [1, 2, 3, 4]);
    const b = array([2, 2], [5, 6, 7, 8]);
    close(matmul(a, b), value([2, 2], [19, 22, 43, 50]));
    close(matmul(a, b, { transA: true, alpha: 2 }), value([2, 2], [52, 60, 76, 88]));
    close(matmul(a, b, { transB: true }), value([2, 2], [17, 23, 39, 53]));
  });

  test("broadcasts from the right", () => {
    close(add(array([2, 1], [10, 20]), array([3], [1, 2, 3])), value([2, 3], [11, 12, 13, 21, 22, 23]));
  });

  test("sums along the axes it is told", () => {
    const x = array([2, 3], [1, 2, 3, 4, 5, 6]);
    close(sum(x, { axes: [0] }), value([3], [5, 7, 9]));
    close(sum(x, { axes: [1], keepDims: true }), value([2, 1], [6, 15]));
    close(sum(x), value([], [21]));
  });

  test("normalises exponentials", () => {
    // e^0 : e^log 3 = 1 : 3
    const x = row(0, Math.log(3));
    close(softmax(x), value([1, 2], [0.25, 0.75]));
    close(logSoftmax(x), value([1, 2], [Math.log(0.25), Math.log(0.75)]));
    close(logSumExp(x), value([1, 1], [Math.log(4)]));
    close(entropy(logSoftmax(x)), value([1], [Math.log(4) - 0.75 * Math.log(3)]));
  });

  test("brings rows to unit root mean square", () => {
    // mean(3^2, 1^2, 1^2, 1^2) = 3; with epsilon 1 the root is 2
    close(rmsNorm(row(3, 1, -1, 1), constant([2, 2, 2, 4]), 1), value([1, 4], [3, 1, -1, 2]));
  });

  test("rotates the first half of a head against the second", () => {
    // position 1 turns by a right angle: (x1, x2) -> (-x2, x1)
    const x = array([1, 1, 2, 4], [1, 2, 3, 4, 1, 2, 3, 4]);
    const tables = { cos: array([2, 2], [1, 1, 0, 0]), sin: array([2, 2], [0, 0, 1, 1]) };
    const positions = input("positions", [1, 2], "int64");
    const rotated = evaluate64(rotary(x, { ...tables, positions }), { positions: value([1, 2], [0, 1]) });
    assertClose(rotated, value([1, 1, 2, 4], [1, 2, 3, 4, -3, -4, 1, 2]), { tolerance: 1e-12 });
  });

  test("attends to what the mask leaves", () => {
    // scores 0 and log 3 give weights 1/4 and 3/4; with the second key hidden, 1 and 0
    const q = array([1, 1, 2, 1], [1, 1]);
    const k = array([1, 1, 2, 1], [0, 2 * Math.log(3)]);
    const v = array([1, 1, 2, 1], [4, 8]);
    close(attend({ q, k, v, mask: array([2, 2], [0, 0, 0, -1e9]), scale: 0.5 }), value([1, 1, 2, 1], [7, 4]));
  });

  test("does not overflow where the result is finite", () => {
    const far = row(-1000, 1000);
    close(sigmoid(far), value([1, 2], [0, 1]));
    close(silu(far), value([1, 2], [0, 1000]));
    close(softmax(far), value([1, 2], [0, 1]));
    close(logSoftmax(far), value([1, 2], [-2000, 0]));
  });

  test("evaluates arrays without elements", () => {
    const x = input("x", ["N", 3]);
    const feeds = { x: value([0, 3], []) };
    assert.deepEqual(evaluate64(softmax(x), feeds), value([0, 3], []));
    assert.deepEqual(evaluate64(sum(x, { axes: [0] }), feeds), value([3], [0, 0, 0]));
    assert.deepEqual(evaluate64(matmul(x, x, { transA: true }), feeds), value([3, 3], Array(9).fill(0)));
    assert.deepEqual(evaluate64(largest(x), feeds), value([], [Number.NEGATIVE_INFINITY]));
  });

  test("gives one value for one tensor and a list for a list", () => {
    const x = row(1, 2);
    assert.deepEqual(evaluate64(x), value([1, 2], [1, 2]));
    assert.deepEqual(evaluate64([neg(x), x]), [value([1, 2], [-1, -2]), value([1, 2], [1, 2])]);
    assert.deepEqual(evaluate64([]), []);
  });

  test("takes sizes of symbols from any input that has them", () => {
    const wide = input("wide", ["M*N", 2]);
    const shaped = reshape(wide, ["N", "M", 2]);
    const feeds = { wide: value([6, 2], Array(12).keys()), other: value([3, 2], Array(6).fill(0)) };
    const [result] = evaluate64([shaped, input("other", ["N", "M"])], feeds);
    assert.deepEqual(result!.shape, [3, 2, 2]);
  });
});

describe("evaluate64 refuses", () => {
  const x = input("x", ["N", 2]);
  const y = input("y", ["N", 3]);
  const rows2 = value([2, 2], [1, 2, 3, 4]);
  const rejects = (outputs: readonly Tensor[], feeds: Feeds, message: string): void => {
    assert.throws(() => evaluate64(outputs, feeds), new GraphError(message));
  };

  test("an input that is not fed", () => {
    rejects([x], {}, 'evaluate64: input "x" is not fed, got no feeds');
    rejects([x, y], { x: rows2, z: rows2 }, 'evaluate64: input "y" is not fed, got x, z');
  });

  test("a feed of another shape than declared", () => {
    rejects([x], { x: value([2, 3], Array(6).fill(0)) }, 'evaluate64: input "x" must have shape [N,2] with N = 2, got [2,3]');
    rejects([x], { x: value([4], Array(4).fill(0)) }, 'evaluate64: input "x" must have shape [N,2] with N = 4, got [4]');
  });

  test("one symbol with two sizes", () => {
    rejects([x, y], { x: rows2, y: value([3, 3], Array(9).fill(0)) }, 'evaluate64: input "y" must have shape [N,3] with N = 2, got [3,3]');
    rejects(
      [x, input("z", ["2*N"])],
      { x: rows2, z: value([5], Array(5).fill(0)) },
      'evaluate64: input "z" must have shape [2*N] with N = 2, got [5]',
    );
  });

  test("a feed whose shape and data disagree", () => {
    rejects([x], { x: value([2, 2], [1, 2, 3]) }, 'evaluate64: input "x" of shape [2,2] needs 4 values, got 3');
  });

  test("fractions for integers", () => {
    rejects([input("at", [2], "int64")], { at: value([2], [1, 0.5]) }, 'evaluate64: input "at" must hold integers, got 0.5');
  });

  test("an index outside the table, with the place", () => {
    const at = input("at", [2], "int64");
    const picked = scope("embed", () => gatherRows(x, at));
    const message = 'evaluate64: gatherRows: index 2 must be an integer from 0 to 1, got [2,2] x [2] at "embed"';
    rejects([picked], { x: rows2, at: value([2], [0, 2]) }, message);
    rejects([oneHot(at, 3)], { at: value([2], [0, -1]) }, "evaluate64: oneHot: index -1 must be an integer from 0 to 2, got [2]");
  });

  test("a position outside the rotary tables", () => {
    const tables = { cos: array([2, 1], [1, 0]), sin: array([2, 1], [0, 1]) };
    const rotated = rotary(input("q", [1, 1, 1, 2]), { ...tables, positions: input("at", [1, 1], "int64") });
    const feeds = { q: value([1, 1, 1, 2], [1, 2]), at: value([1, 1], [2]) };
    const shapes = "[1,1,1,2] x [2,1] x [2,1] x [1,1]";
    rejects([rotated], feeds, `evaluate64: rotary: index 2 must be an integer from 0 to 1, got ${shapes}`);
  });

  test("a row scattered to twice where rows must differ", () => {
    const at = input("at", ["N"], "int64");
    rejects(
      [scatterRows(x, { index: at, like: x })],
      { x: rows2, at: value([2], [1, 1]) },
      "evaluate64: scatterRows: no row may be named twice in 1, 1, got [2,2] x [2] x [2,2]",
    );
  });

  test("counts that do not add up", () => {
    const counts = input("counts", [2], "int64");
    const parts = splitRows(x, { counts, symbols: ["A", "B"] });
    const feeds = { x: rows2, counts: value([2], [1, 2]) };
    rejects(parts, feeds, "evaluate64: split: parts of 1 + 2 do not fill axis 0, got [2,2] x [2]");
    rejects(
      [concatRows([x, x], { counts, rows: "R" })],
      feeds,
      "evaluate64: concat: the parts must have 1, 2 rows, got [2,2] x [2,2] x [2]",
    );
  });

  test("a result whose size contradicts what the graph was told", () => {
    const counts = input("counts", [2], "int64");
    rejects(
      [scope("ffn", () => concatRows([x, x], { counts, rows: "N" }))],
      { x: rows2, counts: value([2], [2, 2]) },
      'evaluate64: the result of concat must have shape [N,2] with N = 2, got [4,2] at "ffn"',
    );
  });

  test("an op without kernel", () => {
    const cube: OpDef<Record<string, never>> = { name: "cube", infer: ([operand]) => [operand!], onnx: () => {} };
    rejects([apply1(cube, [mul(row(1), row(2))], {})], {}, 'evaluate64: the op "cube" has no kernel; add one to src/graph/reference');
  });
});
