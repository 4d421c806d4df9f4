// What can be varied about an optimizer: how its rate decays, its constants, and when an update is not trusted.
// `train/config.ts` puts them together into the keys that every training stage has.

import { z } from "zod";

/** How the learning rate goes from its peak, reached at the end of warm-up, to the last step. */
export const LearningRateDecay = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant").describe("Stay at the peak.") }),
  z.strictObject({
    kind: z.literal("linear").describe("A straight line from the peak."),
    floor: z.number().min(0).max(1).default(0).meta({ description: "Rate at the last step.", unit: "share of the peak" }),
  }),
  z.strictObject({
    kind: z.literal("cosine").describe("Half a cosine from the peak."),
    floor: z.number().min(0).max(1).default(0.1).meta({ description: "Rate at the last step.", unit: "share of the peak" }),
  }),
]);
export type LearningRateDecay = z.infer<typeof LearningRateDecay>;

/** Constants of AdamW (arXiv:1711.05101). The second decay is 0.95, as for language models: 0.999 forgets too slowly for short runs. */
export const AdamConfig = z.strictObject({
  beta1: z.number().min(0).lt(1).default(0.9).describe("Decay of the gradient's running mean."),
  beta2: z.number().min(0).lt(1).default(0.95).describe("Decay of the squared gradient's running mean."),
  epsilon: z.number().positive().default(1e-8).describe("Added to the denominator."),
  weightDecay: z.number().nonnegative().default(0).describe("Decoupled decay of the weights, times the learning rate."),
});
export type AdamConfig = z.infer<typeof AdamConfig>;

/** When an update is not applied, and when the run goes back to its last good checkpoint. */
export const StabilityConfig = z.strictObject({
  maxGradNormRatio: z
    .number()
    .gt(1)
    .default(5)
    .meta({ description: "A step whose gradient norm exceeds so many times the recent median is skipped.", unit: "times the median" }),
  historySteps: z.int().min(3).default(20).meta({ description: "How many past gradient norms the median is taken of.", unit: "steps" }),
  maxSkippedInARow: z
    .int()
    .positive()
    .default(3)
    .meta({ description: "After so many the run goes back to its last good checkpoint.", unit: "steps" }),
  rollbackRateFactor: z.number().positive().lt(1).default(0.5).describe("The learning rate is multiplied by it when the run goes back."),
  maxRollbacks: z.int().nonnegative().default(3).describe("The run ends with an error instead of going back once more."),
});
export type StabilityConfig = z.infer<typeof StabilityConfig>;
