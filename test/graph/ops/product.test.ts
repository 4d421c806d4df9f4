// The bits of a product's rows: they depend neither on how many other rows there are, from two on, nor on the number of threads.
// Inner sizes and widths lie on both sides of every limit at which the engine changes the order of its sums.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../../src/base/rng.ts";
import { attend, input, linear } from "../../../src/graph/ops.ts";
import { value } from "../../support/arrays.ts";
import { engineFor } from "../../support/engine.ts";

const rng = rngFor("product bits");
const draw = (size: number): Float64Array => Float64Array.from({ length: size }, () => Math.fround(rng.normal()));

describe("the first rows of a product have the same bits", () => {
  const numRows = [2, 3, 7, 64, 300];
  for (const [K, N] of [
    [64, 64],
    [129, 16],
    [513, 17],
    [300, 40],
    [150, 65],
    [130, 129],
    [300, 144],
    [300, 145],
    [256, 200],
    [140, 512],
  ] as const) {
    test(`in ${numRows.join(", ")} rows of ${K} times the transpose of ${N} x ${K}, with one, two and four threads`, async () => {
      const a = input("a", ["M", K]);
      const product = linear(a, input("b", [N, K]));
      const b = value([N, K], draw(K * N));
      const all = draw(300 * K);
      const results: Float64Array[] = [];
      for (const numThreads of [1, 2, 4]) {
        await using engine = await engineFor([product], numThreads);
        for (const M of numRows) {
          const [result] = await engine.run({ a: value([M, K], all.subarray(0, M * K)), b });
          results.push(result!.data.subarray(0, 2 * N));
        }
      }
      for (const result of results) assert.deepEqual(result, results[0]);
    });
  }
});

test("attention has the same bits with padded keys, whatever the width of its heads", async () => {
  for (const width of [16, 130, 260]) {
    const shape = [1, 2, "S", width] as const;
    const [q, k, v] = [input("q", [1, 2, 3, width]), input("k", shape), input("v", shape)] as const;
    const result = attend({ q, k, v, mask: input("mask", [1, "S"]), scale: 0.1 });
    const query = value([1, 2, 3, width], draw(6 * width));
    const heads = [0, 1].map(() => draw(5 * width));
    const grid = (keys: number, head: readonly Float64Array[]): ReturnType<typeof value> => {
      const data = new Float64Array(2 * keys * width);
      head.forEach((rows, i) => {
        data.set(rows, i * keys * width);
      });
      return value([1, 2, keys, width], data);
    };
    const results: Float64Array[] = [];
    for (const numThreads of [1, 2, 4]) {
      await using engine = await engineFor([result], numThreads);
      for (const keys of [5, 12, 70, 150]) {
        const mask = value(
          [1, keys],
          Array.from({ length: keys }, (_, i) => (i < 5 ? 0 : -1e9)),
        );
        const [output] = await engine.run({ q: query, k: grid(keys, heads), v: grid(keys, heads), mask });
        results.push(output!.data);
      }
    }
    for (const output of results) assert.deepEqual(output, results[0], `width ${width}`);
  }
});

test("attention of few queries over many keys has the same bits as beside more queries, with one, two and four threads", async () => {
  // Eight query heads share one key/value head, as in decoding one token for each of two sequences.
  const [keys, width] = [400, 64];
  const shape = [2, 1, keys, width] as const;
  const [k, v] = [input("k", shape), input("v", shape)];
  const mask = input("mask", [1, keys]);
  const few = attend({ q: input("q", [2, 1, 8, width]), k, v, mask, scale: 0.1 });
  const many = attend({ q: input("q", [2, 1, "Q", width]), k, v, mask, scale: 0.1 });
  const [queries, grid, values] = [draw(2 * 100 * width), draw(2 * keys * width), draw(2 * keys * width)];
  const rows = (data: Float64Array): Float64Array =>
    Float64Array.of(...data.subarray(0, 8 * width), ...data.subarray(100 * width, 108 * width));
  const shared = { k: value(shape, grid), v: value(shape, values), mask: value([1, keys], new Float64Array(keys)) };
  await using whole = await engineFor([many], 1);
  const [expected] = await whole.run({ q: value([2, 1, 100, width], queries), ...shared });
  for (const numThreads of [1, 2, 4]) {
    await using engine = await engineFor([few], numThreads);
    const [result] = await engine.run({ q: value([2, 1, 8, width], rows(queries)), ...shared });
    assert.deepEqual(result!.data, rows(expected!.data), `${numThreads} threads`);
  }
});
