// What a training step costs at a constant number of active experts as their total number grows. The configurations take turns, so
// that a machine that becomes slower does not speak against the last one. Options: --rounds=3, --steps=4 for each round.

import { median } from "../src/base/statistics.ts";
import type { BenchOptions } from "./main.ts";
import { besideMatmul } from "./subject/matmulRate.ts";
import { benchModel } from "./subject/model.ts";
import { timeSteps } from "./subject/step.ts";

const expertCounts = [8, 16, 32, 64] as const;

export async function run({ rounds = "3", steps = "4" }: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  const timesMs = new Map<number, number[]>(expertCounts.map((experts) => [experts, []]));
  const { matmulGflops } = await besideMatmul(async () => {
    for (let round = 0; round < Number(rounds); round++) {
      for (const numExperts of expertCounts) {
        timesMs.get(numExperts)!.push(...(await timeSteps({ ...benchModel, numExperts }, { steps: Number(steps), withUpdate: false })));
      }
    }
  });
  const byExperts = expertCounts.map((experts) => ({ experts, msPerStep: median(timesMs.get(experts)!) }));
  return { byExperts, ratio64To8: byExperts.at(-1)!.msPerStep / byExperts[0]!.msPerStep, matmulGflops };
}
