// Sampling 64 sequences from one token to 256, beside what the machine allows: operations at the rate of a matrix product, and
// the bytes of caches and weights at the rate of a copy. Options: --rounds=3.

import { rngFor } from "../src/base/rng.ts";
import { median } from "../src/base/statistics.ts";
import { parameterLayout } from "../src/policy/architecture.ts";
import type { SampleRequest } from "../src/policy/backend.ts";
import type { BenchOptions } from "./main.ts";
import { besideMatmul } from "./subject/matmulRate.ts";
import { benchEngines, benchModel, flopsPerToken } from "./subject/model.ts";

const numSequences = 64;
const numPositions = 256;
/** The first token is the prompt. */
const numSteps = numPositions - 1;

export async function run({ rounds = "3" }: BenchOptions): Promise<Readonly<Record<string, number>>> {
  const { result: timesMs, matmulGflops } = await besideMatmul(() => timeRounds(Number(rounds)));
  const ms = median(timesMs);
  const flops = numSequences * numSteps * flopsPerToken(benchModel, numPositions / 2);
  const gflops = flops / ms / 1e6;
  printRoofline({ flops, matmulGflops, msPerStep: ms / numSteps });
  return {
    matmulGflops,
    gflops,
    ratio: gflops / matmulGflops,
    tokensPerSecond: (numSequences * numSteps * 1000) / ms,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
  };
}

/** Milliseconds of each round after a first one that is not counted. */
async function timeRounds(rounds: number): Promise<number[]> {
  await using engines = benchEngines(benchModel);
  const timesMs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now();
    let numTokens = 0;
    for await (const { tokens } of engines.sample(requests(round), new AbortController().signal)) numTokens += tokens.length;
    timesMs.push(performance.now() - startMs);
    console.error(`round ${round}: ${numTokens} tokens in ${timesMs.at(-1)!.toFixed(0)} ms`);
  }
  return timesMs.slice(1);
}

function requests(round: number): SampleRequest[] {
  return Array.from({ length: numSequences }, (_, index) => ({
    id: `${index}`,
    taskId: "bench",
    group: index,
    index: 0,
    seed: rngFor("bench", round, index).seed,
    promptTokens: Int32Array.of(index),
    temperature: 1,
    maxNewTokens: numSteps,
  }));
}

function printRoofline({ flops, matmulGflops, msPerStep }: { flops: number; matmulGflops: number; msPerStep: number }): void {
  const { numLayers, numKvHeads, headWidth } = benchModel;
  const bytesPerSecond = copyRate();
  const cacheBytes = numSequences * numLayers * 2 * numKvHeads * headWidth * 4 * (numPositions / 2);
  const weightBytes = parameterLayout(benchModel).total * 4;
  const operationsMs = flops / numSteps / matmulGflops / 1e6;
  const cacheMs = (cacheBytes / bytesPerSecond) * 1000;
  const weightsMs = (weightBytes / bytesPerSecond) * 1000;
  const part = (ms: number): string => `${ms.toFixed(2)} ms`;
  console.error(
    [
      `roofline of one step of ${numSequences} tokens, reading at ${(bytesPerSecond / 1e9).toFixed(1)} GB/s:`,
      `  operations  ${(flops / numSteps / 1e9).toFixed(2)} GFLOP  ${part(operationsMs)}`,
      `  caches      ${(cacheBytes / 2 ** 20).toFixed(1)} MiB    ${part(cacheMs)}`,
      `  weights     ${(weightBytes / 2 ** 20).toFixed(1)} MiB    ${part(weightsMs)}`,
      `  in all ${part(operationsMs + cacheMs + weightsMs)}; a step takes ${part(msPerStep)}`,
    ].join("\n"),
  );
}

/** Bytes a second that one thread moves when it copies a large array, reads and writes together. */
function copyRate(): number {
  const from = new Float32Array(2 ** 24).fill(1);
  const to = new Float32Array(from.length);
  const timesMs = Array.from({ length: 5 }, () => {
    const startMs = performance.now();
    to.set(from);
    return performance.now() - startMs;
  });
  return (2 * from.byteLength * 1000) / median(timesMs);
}
