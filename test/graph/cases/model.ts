// Cases of the ops that models are made of: normalisations, attention, rotary positions and routing.

import {
  addAll,
  attend,
  combine,
  entropy,
  input,
  logSoftmax,
  logSumExp,
  mean,
  replay,
  rmsNorm,
  rotary,
  route,
  softmax,
  topK,
} from "../../../src/graph/ops.ts";
import type { Shape } from "../../../src/graph/shape.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { distinct, fixed, given, integers, normal, type Operand } from "../operand.ts";
import type { OpCase, OpEntry, Rejection } from "../ops.suite.ts";

/** Small and large numbers in one row, and several ranks. */
function alongLastAxis(op: (x: Tensor) => Tensor, shapeOf: (shape: Shape) => Shape): OpCase[] {
  const shapes: readonly Shape[] = [[4], ["N", 3], [2, "N", 1], [2, 1, 3, 5]];
  return shapes.map((shape) => ({ what: `of [${shape}]`, operands: [normal(...shape)], build: op, shapes: [shapeOf(shape)] }));
}

function withoutLastAxis(name: string, op: (x: Tensor) => Tensor): readonly Rejection[] {
  return [
    { what: "a scalar", build: () => op(input("x", [])), message: `${name}: there must be an axis, got []` },
    { what: "integers", build: () => op(input("x", [2], "int64")), message: `${name}: operands must be float32, not int64, got [2]` },
  ];
}

const same = (shape: Shape): Shape => shape;
const attention = ([q, k, v, mask]: readonly Tensor[]): Tensor => attend({ q: q!, k: k!, v: v!, mask: mask!, scale: 0.6 });
const rotate = ([x, cos, sin, positions]: readonly Tensor[]): Tensor => rotary(x!, { cos: cos!, sin: sin!, positions: positions! });

const attentionInputs = (q: Shape, k: Shape, v: Shape, mask: Shape): Tensor[] => [
  input("q", q),
  input("k", k),
  input("v", v),
  input("mask", mask),
];

export const modelCases: Readonly<Record<string, OpEntry>> = {
  softmax: { cases: alongLastAxis(softmax, same), rejections: withoutLastAxis("softmax", softmax) },
  logSoftmax: { cases: alongLastAxis(logSoftmax, same), rejections: withoutLastAxis("logSoftmax", logSoftmax) },
  logSumExp: { cases: alongLastAxis(logSumExp, (shape) => shape.with(-1, 1)) },
  entropy: {
    cases: alongLastAxis(
      (x) => entropy(logSoftmax(x)),
      (shape) => shape.slice(0, -1),
    ),
  },
  mean: {
    cases: [
      { what: "over the last axis", operands: [normal("N", 3)], build: (x) => mean(x!, [-1]), shapes: [["N"]] },
      { what: "over two axes", operands: [normal(2, 3, 4)], build: (x) => mean(x!, [0, 2]), shapes: [[3]] },
    ],
    rejections: [
      {
        what: "an axis of symbolic size",
        build: () => mean(input("x", ["N", 3]), [0]),
        message: "mean: axes [0] must have a fixed size, got [N,3]",
      },
    ],
  },
  addAll: {
    cases: [
      { what: "of one term", operands: [normal("N")], build: (x) => addAll([x!]), shapes: [["N"]] },
      { what: "of a term twice and another", operands: [normal(2), normal(2)], build: (a, b) => addAll([a!, b!, a!]), shapes: [[2]] },
    ],
  },
  rmsNorm: {
    cases: [
      { what: "of rows", operands: [normal("N", 4), normal(4)], build: (x, weight) => rmsNorm(x!, weight!, 1e-6), shapes: [["N", 4]] },
      {
        what: "of heads",
        operands: [normal(2, "N", 3, 4), normal(4)],
        build: (x, weight) => rmsNorm(x!, weight!, 1e-6),
        shapes: [[2, "N", 3, 4]],
      },
      {
        what: "with an epsilon that matters",
        operands: [normal(3, 2), normal(2)],
        build: (x, weight) => rmsNorm(x!, weight!, 0.5),
        shapes: [[3, 2]],
      },
      { what: "of a vector", operands: [normal(5), normal(5)], build: (x, weight) => rmsNorm(x!, weight!, 1e-6), shapes: [[5]] },
    ],
    rejections: [
      {
        what: "a weight of another width",
        build: () => rmsNorm(input("x", ["N", 4]), input("weight", [3]), 1e-6),
        message: "rmsNorm: the weight must be a vector of the last axis's size, got [N,4] x [3]",
      },
    ],
  },
  attend: {
    cases: [
      {
        what: "with one mask for all",
        operands: [normal(2, 3, 4, 2), normal(2, 3, 5, 2), normal(2, 3, 5, 2), fixed(normal(4, 5))],
        build: (...inputs) => attention(inputs),
        shapes: [[2, 3, 4, 2]],
      },
      {
        what: "with a mask that hides keys of each sequence",
        operands: [normal("N", 2, 2, 4), normal("N", 2, "M", 4), normal("N", 2, "M", 4), hiding("N", 1, 1, "M")],
        build: (...inputs) => attention(inputs),
        shapes: [["N", 2, 2, 4]],
        sizes: [
          { N: 3, M: 5 },
          { N: 1, M: 1 },
          { N: 0, M: 2 },
        ],
      },
      {
        what: "with heads so wide that scores are summed in slices",
        operands: [normal(1, 2, 3, 260), normal(1, 2, 4, 260), normal(1, 2, 4, 260), fixed(normal(3, 4))],
        build: (q, k, v, mask) => attend({ q: q!, k: k!, v: v!, mask: mask!, scale: 0.1 }),
        shapes: [[1, 2, 3, 260]],
      },
    ],
    rejections: [
      {
        what: "keys of another width",
        build: () => attention(attentionInputs([1, 2, 3, 4], [1, 2, 5, 3], [1, 2, 5, 3], [3, 5])),
        message: "attend: keys must agree with the queries on batch, heads and width, got [1,2,3,4] x [1,2,5,3] x [1,2,5,3] x [3,5]",
      },
      {
        what: "queries without heads",
        build: () => attention(attentionInputs([2, 3, 4], [2, 5, 4], [2, 5, 4], [3, 5])),
        message: "attend: queries and keys must be [batch, heads, rows, width], got [2,3,4] x [2,5,4] x [2,5,4] x [3,5]",
      },
      {
        what: "heads of symbolic width",
        build: () => attention(attentionInputs([1, 2, 3, "K"], [1, 2, 5, "K"], [1, 2, 5, "K"], [3, 5])),
        message: "attend: heads and width must be numbers, got [1,2,3,K] x [1,2,5,K] x [1,2,5,K] x [3,5]",
      },
      {
        what: "fewer values than keys",
        build: () => attention(attentionInputs([1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 4, 4], [3, 5])),
        message: "attend: keys and values must have one shape, got [1,2,3,4] x [1,2,5,4] x [1,2,4,4] x [3,5]",
      },
      {
        what: "a mask for another number of keys",
        build: () => attention(attentionInputs([1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 5, 4], [3, 4])),
        message: "attend: the mask must broadcast to the scores, got [1,2,3,4] x [1,2,5,4] x [1,2,5,4] x [3,4]",
      },
      {
        what: "a mask with more sequences than the queries",
        build: () => attention(attentionInputs([1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 5, 4], [2, 1, 3, 5])),
        message: "attend: the mask must broadcast to the scores, got [1,2,3,4] x [1,2,5,4] x [1,2,5,4] x [2,1,3,5]",
      },
    ],
  },
  rotary: {
    cases: [
      {
        what: "with different positions for each sequence",
        operands: [normal("N", 2, 3, 4), fixed(normal(7, 2)), fixed(normal(7, 2)), integers(7, ["N", 3])],
        build: (...inputs) => rotate(inputs),
        shapes: [["N", 2, 3, 4]],
      },
      {
        what: "of one position",
        operands: [normal(1, 1, 1, 2), fixed(normal(3, 1)), fixed(normal(3, 1)), given([1, 1], () => [2])],
        build: (...inputs) => rotate(inputs),
        shapes: [[1, 1, 1, 2]],
      },
      {
        what: "of a symbolic number of positions",
        operands: [normal(2, 1, "M", 6), fixed(normal(9, 3)), fixed(normal(9, 3)), integers(9, [2, "M"])],
        build: (...inputs) => rotate(inputs),
        shapes: [[2, 1, "M", 6]],
      },
    ],
    rejections: [
      {
        what: "an odd width",
        build: () => rotate([input("x", [1, 1, 2, 3]), input("cos", [4, 1]), input("sin", [4, 1]), input("at", [1, 2], "int64")]),
        message: "rotary: x must be [batch, heads, positions, even width], got [1,1,2,3] x [4,1] x [4,1] x [1,2]",
      },
      {
        what: "tables of the whole width",
        build: () => rotate([input("x", [1, 1, 2, 4]), input("cos", [4, 4]), input("sin", [4, 4]), input("at", [1, 2], "int64")]),
        message: "rotary: the tables must have half the width, got [1,1,2,4] x [4,4] x [4,4] x [1,2]",
      },
      {
        what: "positions of another length",
        build: () => rotate([input("x", [1, 1, 2, 4]), input("cos", [4, 2]), input("sin", [4, 2]), input("at", [1, 3], "int64")]),
        message: "rotary: positions must be int64 [batch, positions], got [1,1,2,4] x [4,2] x [4,2] x [1,3]",
      },
    ],
  },
  topK: {
    cases: [
      {
        // With no rows the engine divides by zero and ends the process.
        sizes: [{ N: 5 }, { N: 1 }],
        what: "of rows",
        operands: [distinct("N", 6)],
        build: (x) => Object.values(topK(x!, 2)),
        shapes: [
          ["N", 2],
          ["N", 2],
        ],
      },
      {
        what: "of everything",
        operands: [distinct(2, 2, 3)],
        build: (x) => Object.values(topK(x!, 3)),
        shapes: [
          [2, 2, 3],
          [2, 2, 3],
        ],
      },
      {
        what: "of one",
        sizes: [{ N: 5 }, { N: 1 }],
        operands: [distinct("N", 1)],
        build: (x) => Object.values(topK(x!, 1)),
        shapes: [
          ["N", 1],
          ["N", 1],
        ],
      },
    ],
    rejections: [
      {
        what: "more than there are",
        build: () => topK(input("x", ["N", 4]), 5),
        message: "topK: k must be between 1 and the last axis's size, not 5, got [N,4]",
      },
      {
        what: "a last axis of symbolic size",
        build: () => topK(input("x", [4, "N"]), 1),
        message: "topK: k must be between 1 and the last axis's size, not 1, got [4,N]",
      },
    ],
  },
  combine: {
    cases: [
      {
        what: "of two slots of three experts",
        operands: [normal("R", 4), normal("N", 2), integers(3, ["N", 2])],
        build: (y, weights, experts) => combine(y!, { weights: weights!, route: route(experts!, { numExperts: 3, symbol: "R" }) }),
        shapes: [["N", 4]],
        sizes: [
          { N: 5, R: 16 },
          { N: 1, R: 8 },
        ],
      },
      {
        what: "of one slot",
        operands: [normal("R", 3), normal("N", 1), integers(2, ["N", 1])],
        build: (y, weights, experts) => combine(y!, { weights: weights!, route: route(experts!, { numExperts: 2, symbol: "R" }) }),
        shapes: [["N", 3]],
        sizes: [{ N: 4, R: 8 }],
      },
    ],
    rejections: [
      {
        what: "another number of weights than slots",
        build: () => {
          const routed = route(input("experts", ["N", 2], "int64"), { numExperts: 3, symbol: "R" });
          return combine(input("y", ["R", 4]), { weights: input("weights", ["N", 3]), route: routed });
        },
        message: "combine: there must be one weight for each (token, slot) pair, got [R,4] x [N,3] x [N,2] x [R] x [R] x [R,1]",
      },
    ],
  },
  replay: {
    cases: [
      {
        what: "of two slots, with rows that were not recorded",
        operands: [
          integers(5, ["N", 2]),
          given(["N", 2], (rng, [rows]) => Array.from({ length: 2 * rows! }, (_, i) => (i % 6 < 2 ? -1 : rng.int(5)))),
        ],
        build: (own, recorded) => Object.values(replay(own!, recorded!)),
        shapes: [
          ["N", 2],
          ["N", 2],
        ],
      },
    ],
    rejections: [
      {
        what: "another number of slots",
        build: () => replay(input("own", ["N", 2], "int64"), input("recorded", ["N", 3], "int64")),
        message: "replay: both must be int64 of the same shape, got [N,2] x [N,3]",
      },
      {
        what: "other integers",
        build: () => replay(input("own", ["N", 2], "int64"), input("recorded", ["N", 2], "int32")),
        message: "replay: both must be int64 of the same shape, got [N,2] x [N,2]",
      },
    ],
  },
  route: {
    cases: [
      routeCase({ what: "of two slots to three experts", numExperts: 3, slots: 2 }),
      routeCase({ what: "of one slot to one expert", numExperts: 1, slots: 1 }),
      routeCase({ what: "to more experts than rows", numExperts: 16, slots: 2 }),
    ],
    rejections: [
      {
        what: "experts that are not integers",
        build: () => route(input("experts", ["N", 2]), { numExperts: 3, symbol: "R" }),
        message: "route: experts must be int64 [tokens, slots], got [N,2]",
      },
    ],
  },
};

function routeCase({ what, numExperts, slots }: { what: string; numExperts: number; slots: number }): OpCase {
  return {
    what,
    operands: [integers(numExperts, ["N", slots])],
    build: (experts) => Object.values(route(experts!, { numExperts, symbol: "R" })),
    shapes: [["R"], ["R"], ["R", 1], ["N", slots], [numExperts]],
    sizes: [{ N: 5 }, { N: 1 }],
  };
}

/** 0 for keys that are seen and -1e9 for hidden ones; the first key of each sequence is seen. */
function hiding(...shape: Shape): Operand {
  return {
    ...fixed(normal(...shape)),
    draw: (rng, [sequences, , , keys]) =>
      Array.from({ length: sequences! * keys! }, (_, i) => (i % keys! === 0 || rng.int(2) === 0 ? 0 : -1e9)),
  };
}
