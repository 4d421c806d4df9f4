// What this machine can do: an fp32 product 2048 x 512 x 2048 with its weight as an input, on the same engine and threads.
// Rates of other benchmarks are shares of it, so that they mean something on any machine.

import { median } from "../../src/base/statistics.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import { gatherRows, input, matmul } from "../../src/graph/ops.ts";
import { compile } from "../../src/runtime/session.ts";
import { benchEngine } from "./model.ts";

const [M, K, N] = [2048, 512, 2048];

/** Rates in GFLOP/s measured just before and just after some work, and their mean. */
export async function besideMatmul<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly matmulGflops: number }> {
  const before = await matmulGflops();
  const result = await work();
  const after = await matmulGflops();
  console.error(`matrix product: ${before.toFixed(0)} GFLOP/s before, ${after.toFixed(0)} after`);
  return { result, matmulGflops: (before + after) / 2 };
}

/** Median of many repetitions. */
async function matmulGflops(repetitions = 40): Promise<number> {
  // One row leaves the graph: copying the whole product out would be timed as well.
  const row = gatherRows(matmul(input("a", [M, K]), input("b", [K, N])), input("row", [1], "int32"));
  await using session = await compile(toOnnx({ result: row }), { numThreads: benchEngine.numThreads });
  const feeds = {
    a: { shape: [M, K], data: filled(M * K) },
    b: { shape: [K, N], data: filled(K * N) },
    row: { shape: [1], data: Int32Array.of(0) },
  };
  const timesMs: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    const startMs = performance.now();
    await session.run(feeds);
    timesMs.push(performance.now() - startMs);
  }
  return (2 * M * K * N) / median(timesMs) / 1e6;
}

/** Numbers in (-1, 1) without subnormals; their values do not matter. */
function filled(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 7919) % 2003) / 1001.5 - 1);
}
