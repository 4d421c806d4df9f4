// What a policy-gradient stage may vary. Defaults are the setting we stand behind; arXiv numbers name where they come from.

import { z } from "zod";

import { optimizerKeys } from "../optim/config.ts";

const ClipRange = z.strictObject({
  below: z.number().positive().lt(1).describe("The probability ratio is clipped at 1 - below."),
  above: z.number().positive().describe("The probability ratio is clipped at 1 + above."),
});

const Grpo = z.strictObject({
  kind: z.literal("grpo").describe("Group-relative policy optimisation (arXiv:2402.03300)."),
  groupSize: z
    .int()
    .min(2, "must be at least 2: the group's mean is the baseline, so one rollout teaches nothing")
    .default(8)
    .meta({ description: "Rollouts of each task; their mean reward is the baseline.", unit: "rollouts" }),
  clip: ClipRange.default({ below: 0.2, above: 0.28 }).describe("Trust region; more room above than below (arXiv:2503.14476)."),
});

const Stability = z.strictObject({
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

export const RlConfig = z
  .strictObject({
    algorithm: z.discriminatedUnion("kind", [Grpo]).prefault({ kind: "grpo" }).describe("How rewards become gradients."),
    steps: z.int().positive().meta({ description: "Batches of rollouts learned from.", unit: "steps" }),
    tasksPerStep: z
      .int()
      .positive()
      .default(32)
      .meta({ description: "Tasks sampled in one step; each gets a group of rollouts.", unit: "tasks" }),
    minibatchTasks: z
      .int()
      .positive()
      .exactOptional()
      .meta({ description: "Tasks in one optimizer update. Absent: tasksPerStep, so that every update is on-policy.", unit: "tasks" }),
    temperature: z.number().positive().max(10).default(1).describe("Divides the logits in sampling and in training alike."),
    maxNewTokens: z.int().positive().meta({ description: "Longest response, thinking included.", unit: "tokens" }),
    maxUnscorableShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .meta({ description: "The run stops when a larger share of a step's rollouts could not be scored.", unit: "share of rollouts" }),
    ...optimizerKeys,
    stability: Stability.prefault({}).describe("When a step is skipped and when the run goes back."),
  })
  .refine((c) => c.minibatchTasks === undefined || c.tasksPerStep % c.minibatchTasks === 0, {
    path: ["minibatchTasks"],
    error: "must divide tasksPerStep, or the last minibatch of every step is short",
    params: { values: ["minibatchTasks", "tasksPerStep"] },
  })
  .refine((c) => c.warmupSteps <= c.steps, {
    path: ["warmupSteps"],
    error: "must not exceed steps, or the learning rate never reaches its peak",
    params: { values: ["warmupSteps", "steps"] },
  });

export type RlConfig = z.infer<typeof RlConfig>;
