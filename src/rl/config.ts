// What a policy-gradient stage may vary. Defaults are the setting we stand behind; arXiv numbers name where they come from.
// A second algorithm would be a second member of the union, so that another algorithm's keys are rejected.

import { z } from "zod";

import { checkWarmup, optimizerKeys, withWarmup } from "../train/config.ts";

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
  normaliseBy: z
    .enum(["group", "batch", "none"])
    .default("group")
    .describe(
      "What rewards minus their group's mean are divided by: the group's standard deviation, that of the whole step (arXiv:2510.13786), or nothing (arXiv:2503.20783).",
    ),
  clip: ClipRange.default({ below: 0.2, above: 0.28 }).describe("Trust region; more room above than below (arXiv:2503.14476)."),
});

/** The `rl` section of a recipe. */
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
  })
  .superRefine((stage, context) => {
    checkWarmup(stage, context);
    const { minibatchTasks, tasksPerStep } = stage;
    if (minibatchTasks !== undefined && tasksPerStep % minibatchTasks !== 0) {
      context.addIssue({
        code: "custom",
        path: ["minibatchTasks"],
        message: `must divide tasksPerStep, or the last minibatch of every step is short, got ${minibatchTasks} and ${tasksPerStep}`,
      });
    }
  })
  .transform((stage) => ({ ...withWarmup(stage), minibatchTasks: stage.minibatchTasks ?? stage.tasksPerStep }));

export type RlConfig = z.infer<typeof RlConfig>;
