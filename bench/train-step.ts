// One training step of 32 sequences of 128 tokens: forward, backward (all gradients) and AdamW, as a share of what a plain matrix
// product reaches on this machine. Options: --steps=10.

import { median } from "../src/base/statistics.ts";
import type { BenchOptions } from "./main.ts";
import { besideMatmul } from "./subject/matmulRate.ts";
import { benchModel } from "./subject/model.ts";
import { stepFlops, timeSteps } from "./subject/step.ts";

export async function run({ steps = "10" }: BenchOptions): Promise<Readonly<Record<string, number>>> {
  const { result: timesMs, matmulGflops } = await besideMatmul(() => timeSteps(benchModel, { steps: Number(steps), withUpdate: true }));
  const { flops, numTokens } = stepFlops(benchModel);
  const msPerStep = median(timesMs);
  const gflops = flops / msPerStep / 1e6;
  return {
    matmulGflops,
    gflops,
    ratio: gflops / matmulGflops,
    msPerStep,
    tokensPerSecond: (numTokens * 1000) / msPerStep,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
  };
}
