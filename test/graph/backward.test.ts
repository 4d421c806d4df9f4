// Rules of reverse-mode differentiation that hold for graphs of several ops. Single ops are in ops.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GraphError } from "../../src/base/errors.ts";
import { rngFor } from "../../src/base/rng.ts";
import { gradients } from "../../src/graph/backward.ts";
import { evaluate64 } from "../../src/graph/evaluate64.ts";
import {
  add,
  attend,
  constant,
  div,
  exp,
  input,
  logSoftmax,
  matmul,
  mul,
  rmsNorm,
  sigmoid,
  silu,
  softmax,
  split,
  stopGradient,
  sub,
  sum,
  tanh,
  topK,
  transpose,
} from "../../src/graph/ops.ts";
import { nodesOf, scope, type Tensor } from "../../src/graph/tensor.ts";
import { array, assertClose, row, scalar, value } from "../support/arrays.ts";

/** The gradient for one tensor, as numbers. */
function gradient(loss: Tensor, wrt: Tensor): number[] {
  return [...evaluate64(gradients(loss, [wrt])[0]!).data];
}

describe("gradients", () => {
  test("adds up what comes through every use of a tensor", () => {
    // d/dx (e^2x + e^x) = 2 e^2x + e^x; at x = log 3 it is 18 + 3, at x = 0 it is 2 + 1
    const x = row(Math.log(3), 0);
    const power = exp(x);
    const [first, second] = gradient(sum(add(mul(power, power), power)), x) as [number, number];
    assert.ok(Math.abs(first - 21) < 1e-12, `got ${first}`);
    assert.ok(Math.abs(second - 3) < 1e-12, `got ${second}`);
  });

  test("adds up both sides of an op that has one tensor twice", () => {
    const x = row(3, 5);
    assert.deepEqual(gradient(sum(mul(x, x)), x), [6, 10]);
    assert.deepEqual(gradient(sum(sub(x, x)), x), [0, 0]);
  });

  test("gives zeros for outputs of a node that are not used", () => {
    const x = row(1, 2, 3, 4);
    const [, middle] = split(x, { axis: 1, sizes: [1, 2, 1] });
    assert.deepEqual(gradient(sum(mul(middle!, row(10, 20))), x), [0, 10, 20, 0]);
  });

  test("joins the gradients of outputs that are all used", () => {
    const x = row(1, 2, 3);
    const [left, right] = split(x, { axis: 1, sizes: [1, 2] });
    assert.deepEqual(gradient(sum(mul(left!, right!)), x), [5, 1, 1]);
  });

  test("sends the gradient of the largest elements to where they came from", () => {
    const x = array([2, 3], [5, 1, 7, 2, 9, 4]);
    const { values } = topK(x, 2);
    assert.deepEqual(gradient(sum(mul(values, row(10, 1))), x), [1, 0, 10, 0, 10, 1]);
  });

  test("stops at stopGradient and nowhere else", () => {
    // d/dx x c at c = x, without the part through c
    const x = row(3, 5);
    assert.deepEqual(gradient(sum(mul(x, stopGradient(x))), x), [3, 5]);
    assert.deepEqual(gradient(sum(stopGradient(mul(x, x))), x), [0, 0]);
  });

  test("gives zeros of the right shape where the loss does not depend on a tensor", () => {
    const x = array([2, 3], [1, 2, 3, 4, 5, 6]);
    const [result] = gradients(sum(row(1, 2)), [x]);
    assert.deepEqual(evaluate64(result!), value([2, 3], [0, 0, 0, 0, 0, 0]));
  });

  test("differentiates by inner tensors too, beside what they are made of", () => {
    // y = 2 x, L = sum y^2: dL/dy = 2 y = 4 x, dL/dx = 8 x
    const x = row(1, -3);
    const y = mul(x, constant(2));
    const [byY, byX] = gradients(sum(mul(y, y)), [y, x]);
    assert.deepEqual([...evaluate64(byY!).data], [4, -12]);
    assert.deepEqual([...evaluate64(byX!).data], [8, -24]);
  });

  test("is one for the loss itself", () => {
    const loss = sum(row(1, 2));
    assert.equal(scalar(gradients(loss, [loss])[0]!), 1);
  });

  test("answers twice when asked twice", () => {
    const x = row(3);
    const [first, again] = gradients(sum(mul(x, x)), [x, x]);
    assert.deepEqual([...evaluate64(first!).data, ...evaluate64(again!).data], [6, 6]);
  });

  test("builds nothing for tensors that were not asked for", () => {
    const x = input("x", ["N", 3]);
    const weight = input("weight", [3, 2]);
    const loss = sum(tanh(matmul(x, weight)));
    const before = new Set(nodesOf([loss]));
    const products = nodesOf(gradients(loss, [weight])).filter((node) => node.op.name === "matmul" && !before.has(node));
    assert.deepEqual(
      products.map((node) => node.outputs[0]!.shape),
      [[3, 2]],
    );
  });

  test("remembers where the op stood that it differentiates", () => {
    const x = row(1, 2);
    const loss = scope("layers.3", () => sum(scope("ffn", () => exp(x))));
    const [result] = gradients(loss, [x]);
    assert.equal(result!.node.place, "d(layers.3.ffn)");
  });

  test("rejects a loss that is not a scalar", () => {
    const x = input("x", ["N", 3]);
    assert.throws(() => gradients(x, [x]), new GraphError("gradients: the loss must be a scalar, got [N,3]; sum it first"));
  });

  test("can be taken again: the second derivative of x^3 is 6 x", () => {
    const x = row(2, -1);
    const [first] = gradients(sum(mul(x, mul(x, x))), [x]);
    assert.deepEqual([...evaluate64(first!).data], [12, 3]);
    assert.deepEqual(gradient(sum(first!), x), [12, -6]);
  });

  for (const [name, build] of Object.entries<(x: Tensor, weight: Tensor) => Tensor>({
    tanh,
    sigmoid,
    silu,
    softmax,
    logSoftmax,
    division: (x, weight) => div(weight, exp(x)),
    "a product with itself": (x) => matmul(x, x, { transB: true, alpha: 0.5 }),
    "a transposed product": (x, weight) => mul(transpose(matmul(x, weight, { transA: true }), [1, 0]), constant(2)),
  })) {
    test(`agrees with central differences of the first derivative for ${name}`, () => checkSecondDerivative(name, build));
  }

  test("refuses a second derivative that an op does not have", () => {
    const x = input("x", [2, 4]);
    const normal = scope("norm", () => rmsNorm(x, input("weight", [4]), 1e-6));
    const [first] = gradients(sum(mul(normal, normal)), [x]);
    assert.throws(
      () => gradients(sum(mul(first!, first!)), [x]),
      new GraphError('gradients: rmsNorm has no second derivative at "norm"; stop the gradient before it'),
    );
    const q = input("q", [1, 1, 2, 4]);
    const attended = attend({ q, k: q, v: q, mask: input("mask", [2, 2]), scale: 1 });
    const [byQuery] = gradients(sum(attended), [q]);
    assert.throws(
      () => gradients(sum(byQuery!), [q]),
      new GraphError("gradients: attend has no second derivative; stop the gradient before it"),
    );
  });
});

/** d/dx (dL/dx . v) against (g(x + s v) - g(x - s v)) / 2s, which are both the Hessian times v. */
function checkSecondDerivative(name: string, build: (x: Tensor, weight: Tensor) => Tensor): void {
  const rng = rngFor("second derivative", name);
  const draw = () => Float64Array.from({ length: 9 }, () => rng.normal());
  const x = input("x", [3, 3]);
  const weight = array([3, 3], [...draw()]);
  const direction = draw();
  const [first] = gradients(sum(mul(build(x, weight), array([3, 3], [...draw()]))), [x]);
  const [second] = gradients(sum(mul(first!, array([3, 3], [...direction]))), [x]);
  const at = draw();
  const step = 1e-4;
  const firstAt = (distance: number): Float64Array =>
    evaluate64(first!, { x: { shape: [3, 3], data: at.map((number, i) => number + distance * direction[i]!) } }).data;
  const above = firstAt(step);
  const below = firstAt(-step);
  const expected = value(
    [3, 3],
    above.map((number, i) => (number - below[i]!) / (2 * step)),
  );
  assertClose(evaluate64(second!, { x: { shape: [3, 3], data: at } }), expected, { tolerance: 1e-6 });
}
