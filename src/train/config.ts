// The optimizer's keys of a training stage, spread into the stages' own schemas, since every stage states its own rate.
// The rules across them are functions, because a spread loses refinements.

import { z } from "zod";

import { AdamConfig, LearningRateDecay, StabilityConfig } from "../optim/config.ts";

const defaultWarmup = 10;

/** The optimizer's keys of one training stage. */
export const optimizerKeys = {
  learningRate: z.number().positive().max(1).describe("Peak learning rate."),
  warmupSteps: z
    .int()
    .nonnegative()
    .exactOptional()
    .meta({
      description: `The rate rises in a straight line over so many steps. Absent: ${defaultWarmup}, or all where there are fewer.`,
      unit: "steps",
    }),
  decay: LearningRateDecay.default({ kind: "constant" }).describe("What the rate does after warm-up."),
  maxGradNorm: z.number().positive().default(1).describe("Gradients with a larger Euclidean norm are scaled down to it."),
  adam: AdamConfig.prefault({}).describe("AdamW's constants."),
  stability: StabilityConfig.prefault({}).describe("When an update is skipped and when the run goes back."),
};

interface Warmup {
  readonly warmupSteps?: number;
  readonly steps: number;
}

/** The rule across a stage's keys: warm-up ends within the stage. */
export function checkWarmup({ warmupSteps, steps }: Warmup, context: z.RefinementCtx): void {
  if (warmupSteps === undefined || warmupSteps <= steps) return;
  const message = `must not exceed steps, or the learning rate never reaches its peak, got ${warmupSteps} and ${steps}`;
  context.addIssue({ code: "custom", path: ["warmupSteps"], message });
}

/** The warm-up of a stage whose recipe leaves it out. */
export function usualWarmup(steps: number): number {
  return Math.min(defaultWarmup, steps);
}

/** Fills in the warm-up that a recipe leaves out. */
export function withWarmup<Stage extends Warmup>(stage: Stage): Stage & { warmupSteps: number } {
  return { ...stage, warmupSteps: stage.warmupSteps ?? usualWarmup(stage.steps) };
}

/** How the embedded backend uses the machine. `gradientShards` and `microBatchTokens` decide bits; the rest decides speed and memory. */
export const EngineConfig = z.strictObject({
  numThreads: z
    .int()
    .positive()
    .max(256)
    .default(2)
    .meta({ description: "Engines at work at the same time, each on a thread of its own.", unit: "threads" }),
  maxSequences: z
    .int()
    .positive()
    .max(65_536)
    .default(128)
    .meta({ description: "Responses that are sampled at once, by all engines together.", unit: "sequences" }),
  gradientShards: z
    .int()
    .positive()
    .max(256)
    .default(2)
    .meta({ description: "A batch's gradient is the sum of so many parts; at most so many engines train.", unit: "shards" }),
  microBatchTokens: z
    .int()
    .positive()
    .max(2 ** 24)
    .default(2048)
    .meta({ description: "A shard is computed in parts of at most so many tokens: bounds memory.", unit: "tokens" }),
});
export type EngineConfig = z.infer<typeof EngineConfig>;
