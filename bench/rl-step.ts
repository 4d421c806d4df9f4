// A step of reinforcement learning, part by part: the quickstart's model after some supervised training, its tasks and verifiers, 256 rollouts a
// step, recorded in a store as in any run. The rest is what a step takes beside sampling, the wait for the last verdicts, gradients and
// updates: tasks, advantages, digests, the record. Medians of several steps. Options: --steps=12, --sftSteps=400.

import { median } from "../src/base/statistics.ts";
import type { BenchOptions } from "./main.ts";
import { type StepTimes, timeRlSteps } from "./subject/rlStep.ts";

export async function run({ steps = "12", sftSteps = "400" }: BenchOptions): Promise<Readonly<Record<string, number>>> {
  const times = await timeRlSteps({ steps: Number(steps), sftSteps: Number(sftSteps) });
  const over = (of: (step: StepTimes) => number): number => median(times.map(of));
  const restMs = over(restOf);
  return {
    samplingMs: over(({ samplingMs }) => samplingMs),
    scoringTailMs: over(({ scoringTailMs }) => scoringTailMs),
    forwardBackwardMs: over(({ forwardBackwardMs }) => forwardBackwardMs),
    optimizerMs: over(({ optimizerMs }) => optimizerMs),
    restMs,
    restShare: over((step) => restOf(step) / step.totalMs),
    tokensPerSecond: over(({ sampledTokens, totalMs }) => (1000 * sampledTokens) / totalMs),
  };
}

function restOf({ totalMs, samplingMs, scoringTailMs, forwardBackwardMs, optimizerMs }: StepTimes): number {
  return totalMs - samplingMs - scoringTailMs - forwardBackwardMs - optimizerMs;
}
