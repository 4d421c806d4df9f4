// Printed graphs. `node --test --test-update-snapshots test/graph/print.test.ts` writes print.test.ts.snapshot after an intended change.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { gradients } from "../../src/graph/backward.ts";
import {
  constant,
  gatherParts,
  input,
  lessThan,
  logSoftmax,
  matmul,
  mul,
  neg,
  pick,
  reshape,
  silu,
  split,
  splitRows,
  sum,
  topK,
} from "../../src/graph/ops.ts";
import { printGraph } from "../../src/graph/print.ts";
import { scope, type Tensor } from "../../src/graph/tensor.ts";

function crossEntropy(): Tensor[] {
  const x = input("x", ["N", 8]);
  const weight = input("head", [5, 8]);
  const logProb = scope("head", () => logSoftmax(matmul(silu(x), weight, { transB: true })));
  const loss = neg(sum(pick(logProb, input("targets", ["N", 1], "int64"))));
  return [loss, ...gradients(loss, [weight])];
}

describe("printGraph", () => {
  test("pins a loss and its gradient", (t) => {
    t.assert.snapshot(printGraph(crossEntropy()), { serializers: [String] });
  });

  test("numbers from the start of the printed graph", () => {
    assert.equal(printGraph(crossEntropy()), printGraph(crossEntropy()));
    const inverse = input("inverse", ["N"], "int64");
    const parts = (): Tensor =>
      sum(gatherParts(input("x", ["N", 2]), { indices: [input("i", ["A"], "int64"), input("j", ["B"], "int64")], inverse })[0]!);
    const withGradient = (loss: Tensor): Tensor[] => [...gradients(loss, [loss.node.inputs[0]!.node.inputs[0]!])];
    assert.equal(printGraph(withGradient(parts())), printGraph(withGradient(parts())));
  });

  test("prints one line for each node, and what it returns", () => {
    const x = input("x", ["N", 3]);
    const counts = input("counts", [2], "int64");
    const { values, indices } = topK(x, 2);
    const [first] = splitRows(x, { counts, symbols: ["A", "B"] });
    const [, right] = split(values, { axis: -1, sizes: [1, 1] });
    const small = scope("layers.0", () => scope("ffn", () => lessThan(reshape(first!, ["3*A"]), constant(0.5))));
    assert.equal(
      printGraph([small, right!, indices]),
      [
        '%0 = input() {name="x"} : float32[N,3]',
        '%1 = input() {name="counts"} : int64[2]',
        "%2, %3 = topK(%0) {k=2} : float32[N,2], int64[N,2]",
        "%4, %5 = split(%0, %1) {axis=0, sizes=[A,B]} : float32[A,3], float32[B,3]",
        "%6, %7 = split(%2) {axis=1, sizes=[1,1]} : float32[N,1], float32[N,1]",
        "%8 = reshape(%4) {shape=[3*A]} : float32[3*A]  @layers.0.ffn",
        "%9 = constant() {values=[0.5], shape=[]} : float32[]  @layers.0.ffn",
        "%10 = lessThan(%8, %9) : float32[3*A]  @layers.0.ffn",
        "return %10, %7, %3",
        "",
      ].join("\n"),
    );
  });

  test("cuts long lists of numbers", () => {
    const long = printGraph([constant(Array.from({ length: 11 }, (_, i) => i))]);
    assert.match(long, /^%0 = constant\(\) \{values=\[0,1,2,3,4,5,6,7, 3 more\], shape=\[11\]\} : float32\[11\]$/m);
    assert.match(printGraph([constant([1, 2, 3, 4, 5, 6, 7, 8])]), /values=\[1,2,3,4,5,6,7,8\]/);
  });

  test("leaves out what the outputs do not depend on", () => {
    const x = input("x", [2]);
    const kept = mul(x, x);
    neg(kept);
    assert.equal(printGraph([kept]), '%0 = input() {name="x"} : float32[2]\n%1 = mul(%0, %0) : float32[2]\nreturn %1\n');
  });
});
