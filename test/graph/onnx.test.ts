// The ONNX writer: bytes against hand-computed ones, nodes that are written once, and what cannot be written.
// That written models run, op by op, is in ops.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GraphError } from "../../src/base/errors.ts";
import { evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import type { Route } from "../../src/graph/ops/routing.ts";
import {
  add,
  attend,
  cast,
  constant,
  exp,
  input,
  lessThan,
  mul,
  reshape,
  route,
  split,
  splitRows,
  sum,
  transpose,
} from "../../src/graph/ops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { assertClose, value } from "../support/arrays.ts";
import { engineFor } from "../support/engine.ts";

const x = input("x", ["N", 3]);
const numbers = value([2, 3], [1, -2, 3, 0.5, 5, -6]);

/** Number of nodes that compute something: outputs that leave as copies, under their own names, cost a node each. */
function numNodes(...outputs: readonly Tensor[]): number {
  const model = toOnnx(Object.fromEntries(outputs.map((output, i) => [`y${i}`, output])));
  return model.numNodes - model.outputs.filter(({ name, value }) => name === value).length;
}

async function assertEngineAgrees(outputs: readonly Tensor[], feeds: Feeds): Promise<void> {
  await using engine = await engineFor(outputs);
  const expected = evaluate64(outputs, feeds);
  (await engine.run(feeds)).forEach((actual, i) => {
    assertClose(actual, expected[i]!, { tolerance: 4e-6, what: `output ${i}` });
  });
}

function outputsOf({ source, origin, real, rows, counts }: Route): Tensor[] {
  return [source, origin, real, rows, counts];
}

describe("toOnnx", () => {
  test("writes the bytes that onnx.proto asks for", () => {
    const model = toOnnx({ y: input("x", [2, "N"], "int64") });
    const expected = [
      "080a", // 1 ir_version: 10
      "12 09 77686574 73746f6e 65", // 2 producer_name: "whetstone"
      "3a 49", // 7 graph: 73 bytes
      "0a 10 0a01 78 1201 79 2208 4964656e 74697479", // 1 node: 16 bytes; 1 input "x", 2 output "y", 4 op_type "Identity"
      "12 09 77686574 73746f6e 65", // 2 name: "whetstone"
      "5a 14 0a01 78 12 0f 0a 0d", // 11 input: 1 name "x", 2 type of 15 bytes: 1 tensor_type of 13
      "0807 12 09 0a02 0802 0a03 1201 4e", // 1 elem_type 7, 2 shape of 9 bytes: 1 dim {1 dim_value 2}, 1 dim {2 dim_param "N"}
      "62 14 0a01 79 12 0f 0a 0d", // 12 output: the same as "y"
      "0807 12 09 0a02 0802 0a03 1201 4e",
      "42 04 0a00 1017", // 8 opset_import: 1 domain "", 2 version 23
      "42 11 0a0d 636f6d2e 6d696372 6f736f66 74 1001", // 8 opset_import: 1 domain "com.microsoft", 2 version 1
    ];
    assert.equal(Buffer.from(model.bytes).toString("hex"), expected.join("").replaceAll(" ", ""));
  });

  test("gives equal bytes for graphs that were built alike", () => {
    const build = (): Tensor => sum(exp(add(mul(input("x", ["N", 3]), constant(2)), constant([1, 2, 3]))));
    assert.deepEqual(toOnnx({ loss: build() }).bytes, toOnnx({ loss: build() }).bytes);
  });

  test("lists the inputs that the outputs depend on, and the outputs, with their types", () => {
    const at = input("at", ["N"], "int32");
    input("unused", [3]);
    const model = toOnnx({ power: exp(x), positions: cast(at, "int64") });
    assert.deepEqual(model.inputs, [
      { name: "x", shape: ["N", 3], dtype: "float32" },
      { name: "at", shape: ["N"], dtype: "int32" },
    ]);
    assert.deepEqual(model.outputs, [
      { name: "power", value: "%0", shape: ["N", 3], dtype: "float32" },
      { name: "positions", value: "%1", shape: ["N"], dtype: "int64" },
    ]);
  });

  test("copies only outputs that are inputs or have left already", async () => {
    const power = exp(x);
    const model = toOnnx({ first: power, again: power, alike: exp(x), whole: x });
    assert.deepEqual(
      model.outputs.map(({ value }) => value),
      ["%0", "again", "alike", "whole"],
    );
    assert.equal(model.numNodes, 4);
    await assertEngineAgrees([power, power, exp(x), x], { x: numbers });
  });

  test("runs a graph whose inputs are named like anything", () =>
    assertEngineAgrees([add(exp(input("0", [2, 3])), input("layers.0 [a]", [2, 3]))], { 0: numbers, "layers.0 [a]": numbers }));
});

describe("a node that was written before", () => {
  test("is not written again, and later uses read the first", async () => {
    const twice = [mul(exp(x), constant(2)), mul(exp(x), constant(2))] as const;
    assert.equal(numNodes(...twice), numNodes(twice[0]));
    const mixed = [...twice, add(exp(x), mul(exp(x), constant(2)))];
    assert.equal(numNodes(...mixed), numNodes(twice[0]) + 1);
    await assertEngineAgrees(mixed, { x: numbers });
  });

  test("is told from one with other attributes, other constants and other order of inputs", async () => {
    const square = reshape(x, ["N", 3, 1]);
    const other = [
      sum(square, { axes: [1] }),
      sum(square, { axes: [1], keepDims: true }),
      transpose(square, [0, 2, 1]),
      transpose(square, [2, 0, 1]),
      mul(x, constant(2)),
      mul(x, constant(3)),
      lessThan(x, mul(x, x)),
      lessThan(mul(x, x), x),
    ];
    await assertEngineAgrees(other, { x: numbers });
  });

  test("may be one of several that an op writes", async () => {
    // The two share scores and probabilities, and differ in the values they weigh.
    const [q, first, second] = ["q", "first", "second"].map((name) => input(name, [1, 1, 2, 3])) as [Tensor, Tensor, Tensor];
    const mask = input("mask", [2, 2]);
    const outputs = [first, second].map((v) => attend({ q, k: q, v, mask, scale: 0.5 }));
    assert.equal(numNodes(...outputs), numNodes(outputs[0]!) + 1);
    const [a, b, c] = [numbers, value([2, 3], [6, 5, 4, 3, 2, 1]), value([2, 3], [0, 1, 0, -1, 0, 7])].map(({ data }) =>
      value([1, 1, 2, 3], data),
    );
    await assertEngineAgrees(outputs, { q: a!, first: b!, second: c!, mask: value([2, 2], [0, -1e9, 0, 0]) });
  });

  test("may belong to an op of many nodes whose outputs depend on each other", async () => {
    const experts = input("experts", ["N", 2], "int64");
    const [first, second] = [0, 1].map(() => outputsOf(route(experts, { numExperts: 3, symbol: "R" }))) as [Tensor[], Tensor[]];
    assert.equal(numNodes(...first, ...second), numNodes(...first));
    await assertEngineAgrees([...first, ...second], { experts: value([3, 2], [0, 1, 2, 1, 0, 2]) });
  });

  test("may have several outputs", async () => {
    const parts = [0, 1].flatMap(() => split(x, { axis: 1, sizes: [1, 2] }));
    assert.equal(numNodes(...parts), 1);
    await assertEngineAgrees([mul(parts[0]!, parts[3]!), mul(parts[2]!, parts[1]!)], { x: numbers });
  });
});

describe("toOnnx refuses", () => {
  test("two inputs of one name", () => {
    const message = 'toOnnx: input names must differ, got "x" twice';
    assert.throws(() => toOnnx({ y: add(input("x", [2]), input("x", [2])) }), new GraphError(message));
  });

  test("names that the writer keeps for inner values", () => {
    const message = (name: string): string => `toOnnx: names must not start with "%", got "${name}"`;
    assert.throws(() => toOnnx({ y: input("%0", [2]) }), new GraphError(message("%0")));
    assert.throws(() => toOnnx({ "%y": x }), new GraphError(message("%y")));
  });

  test("an output named like an input", () => {
    assert.throws(() => toOnnx({ x: exp(x) }), new GraphError('toOnnx: "x" names an input and an output; rename one'));
  });

  test("a size that no input shows", () => {
    const [part] = splitRows(x, { counts: input("counts", [2], "int64"), symbols: ["A", "B"] });
    const wide = mul(input("wide", ["M", 1]), reshape(part!, ["3*A"]));
    const message = 'toOnnx: symbol "A" is not an axis of any input; give one input that axis';
    assert.throws(() => toOnnx({ y: reshape(wide, ["A", "M", 3]) }), new GraphError(message));
  });
});
