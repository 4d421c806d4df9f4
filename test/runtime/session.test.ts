import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { EngineError } from "../../src/base/errors.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import { add, cast, gatherRows, input, linear } from "../../src/graph/ops.ts";
import { compile, type NDArray, release, type Session } from "../../src/runtime/session.ts";

const vector = (...values: readonly number[]): NDArray => ({ shape: [values.length], data: Float32Array.from(values) });

/** Rows of a table, and twice their sum with a vector. */
function rowsGraph(): Promise<Session> {
  const rows = gatherRows(input("table", ["R", 2]), input("which", ["N"], "int32"));
  const sum = add(rows, input("bias", [2]));
  return compile(toOnnx({ rows, doubled: add(sum, sum) }), { numThreads: 1 });
}

const table: NDArray = { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const which: NDArray = { shape: [2], data: Int32Array.of(2, 0) };
const isEngineError = (message: RegExp) => (error: unknown) => error instanceof EngineError && message.test(error.message);

describe("compile", () => {
  test("gives outputs by the names they were asked for under, in the order of the graph", async () => {
    await using session = await rowsGraph();
    const outputs = await session.run({ table, which, bias: vector(10, 20) });
    assert.deepEqual(Object.entries(outputs), [
      ["rows", { shape: [2, 2], data: Float32Array.of(5, 6, 1, 2) }],
      ["doubled", { shape: [2, 2], data: Float32Array.of(30, 52, 22, 44) }],
    ]);
  });

  test("takes other sizes each time, views of larger arrays, and feeds that the graph does not know", async () => {
    await using session = await rowsGraph();
    const large = Float32Array.of(9, 9, 7, 8, 9, 9);
    const view = { shape: [1, 2], data: large.subarray(2, 4) };
    const { rows } = await session.run({ table: view, which: { shape: [1], data: Int32Array.of(0) }, bias: vector(0, 0), other: table });
    assert.deepEqual(rows, { shape: [1, 2], data: Float32Array.of(7, 8) });
  });

  test("carries integers of both widths", async () => {
    const wide = cast(input("wide", [2], "int64"), "float32");
    await using session = await compile(toOnnx({ sum: add(wide, cast(input("narrow", [2], "int32"), "float32")) }), { numThreads: 1 });
    const { sum } = await session.run({
      wide: { shape: [2], data: BigInt64Array.of(1n, -3n) },
      narrow: { shape: [2], data: Int32Array.of(4, 5) },
    });
    assert.deepEqual(sum!.data, Float32Array.of(5, 2));
  });

  test("refuses a graph that the engine cannot read", async () => {
    const model = { ...toOnnx({ y: input("x", [2]) }), bytes: Uint8Array.of(1, 2, 3) };
    await assert.rejects(compile(model, { numThreads: 1 }), isEngineError(/^compiling a graph of \d+ nodes failed: /));
  });
});

describe("release", () => {
  test("empties outputs, also two of the same array, and leaves the others", async () => {
    const x = input("x", [2]);
    const sum = add(x, x);
    await using session = await compile(toOnnx({ sum, again: sum, more: add(sum, x) }), { numThreads: 1 });
    const outputs = await session.run({ x: vector(1, 2) });
    release([outputs["sum"]!, outputs["again"]!]);
    assert.deepEqual(
      Object.values(outputs).map(({ data }) => data.length),
      [0, 0, 2],
    );
    assert.deepEqual(outputs["more"]!.data, Float32Array.of(3, 6));
  });
});

describe("run names what is wrong with a feed:", () => {
  const feeds = { table, which, bias: vector(0, 0) };
  const wrong: Readonly<Record<string, readonly [Readonly<Record<string, NDArray>>, RegExp]>> = {
    "a missing one": [{ table, which }, /input "bias" is missing/],
    "one of another type": [
      { ...feeds, which: { shape: [1], data: BigInt64Array.of(0n) } },
      /input "which" must be int32, got BigInt64Array/,
    ],
    "one of another shape": [{ ...feeds, bias: vector(1, 2, 3) }, /running a graph of \d+ nodes failed: .*bias/],
    "an index out of range": [
      { ...feeds, which: { shape: [1], data: Int32Array.of(3) } },
      /running a graph of \d+ nodes failed: .*out of data bounds/,
    ],
  };
  for (const [name, [given, message]] of Object.entries(wrong)) {
    test(name, async () => {
      await using session = await rowsGraph();
      await assert.rejects(session.run(given), isEngineError(message));
      assert.deepEqual((await session.run(feeds))["rows"]!.data, Float32Array.of(5, 6, 1, 2), "and goes on");
    });
  }
});

test("a graph that limits its threads has the bits of one thread, however many are asked for", async () => {
  // 144 columns: two threads would cut sums of 300 terms at other places than one.
  const graph = toOnnx({ y: linear(input("a", ["M", 300]), input("b", [144, 300])) });
  const noise = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => Math.sin(i * i));
  const feeds = { a: { shape: [4, 300], data: noise(1200) }, b: { shape: [144, 300], data: noise(43_200) } };
  const results = [];
  for (const numThreads of [1, 2, 4]) {
    await using session = await compile(graph, { numThreads });
    results.push((await session.run(feeds))["y"]);
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});
