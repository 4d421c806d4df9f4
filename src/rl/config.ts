// What a policy-gradient stage may vary. Defaults are the setting we stand behind; arXiv numbers name where they come from.
// The choices of the algorithm stand in `algorithmConfig.ts`.

import { z } from "zod";

import { blockTokens, largestBudget } from "../data/budgets.ts";
import { checkWarmup, optimizerKeys, usualWarmup } from "../train/config.ts";
import { AlarmsConfig } from "./alarmConfig.ts";
import {
  AdvantagesConfig,
  AggregationConfig,
  CorrectionConfig,
  checkAlgorithm,
  EntropyConfig,
  KlConfig,
  ObjectiveConfig,
} from "./algorithmConfig.ts";
import { RadarConfig } from "./radarConfig.ts";
import { checkSampling, OverlongConfig, SamplingConfig } from "./samplingConfig.ts";
import { ThinkingConfig } from "./thinkingConfig.ts";

/** The `rl` section of a recipe. */
export const RlConfig = z
  .strictObject({
    advantages: AdvantagesConfig.prefault({ kind: "grpo" }).describe("How rewards become advantages."),
    objective: ObjectiveConfig.prefault({ kind: "clip" }).describe("What is maximised."),
    entropy: EntropyConfig.prefault({ kind: "none" }).describe("What keeps the policy's choices open."),
    kl: KlConfig.prefault({ kind: "none" }).describe("What keeps the policy near the one that the stage started from."),
    aggregation: AggregationConfig.prefault({ kind: "token-mean" }).describe("What tokens are averaged over."),
    sampling: SamplingConfig.prefault({}).describe("Which tasks are drawn, how many, and by which policy they are answered."),
    thinking: ThinkingConfig.prefault({ kind: "autonomous" }).describe("How long the policy may think."),
    correction: CorrectionConfig.prefault({ kind: "none" }).describe("How training answers rollouts that another policy sampled."),
    overlong: OverlongConfig.prefault({ kind: "none" }).describe("What responses near the limit of their length earn."),
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
    innerEpochs: z
      .int()
      .positive()
      .max(64)
      .default(1)
      .meta({ description: "How often a step's rollouts are learned from; all but the first time off-policy.", unit: "passes" }),
    routingReplay: z
      .enum(["off", "rollout"])
      .default("off")
      .describe(
        "Which experts training sends tokens to: those that the router chooses then, or those that it chose for the rollout (R3, arXiv:2510.11370), so that an update does not change the way of the tokens it is made of.",
      ),
    temperature: z.number().positive().max(10).default(1).describe("Divides the logits in sampling and in training alike."),
    maxNewTokens: z.int().positive().meta({ description: "Longest response, thinking included.", unit: "tokens" }),
    alarms: AlarmsConfig.prefault({}).describe("When a run is in trouble, and what is done about it."),
    radar: RadarConfig.exactOptional().describe("A held-out verifier beside the reward. Absent: nobody looks for holes in the reward."),
    ...optimizerKeys,
  })
  .superRefine((stage, context) => {
    checkWarmup({ ...stage, steps: policySteps(stage) }, context);
    checkAlgorithm(stage, context);
    checkSampling(stage, (path, message) => context.addIssue({ code: "custom", path: [...path], message }));
    const { minibatchTasks, tasksPerStep, steps, thinking, maxNewTokens, alarms, radar } = stage;
    if (radar === undefined && !["off", "warn"].includes(alarms.hack.action)) {
      context.addIssue({
        code: "custom",
        path: ["alarms", "hack", "action"],
        message: "must be left out where there is no radar to raise the alarm; name a held-out verifier as rl.radar.verifier",
      });
    }
    const pretraining = pretrainingSteps(stage);
    if (pretraining > 0 && pretraining >= steps) {
      context.addIssue({
        code: "custom",
        path: ["advantages", "valuePretrainingSteps"],
        message: `must be less than steps, or the policy never learns, got ${pretraining} and ${steps}`,
      });
    }
    if (minibatchTasks !== undefined && tasksPerStep % minibatchTasks !== 0) {
      context.addIssue({
        code: "custom",
        path: ["minibatchTasks"],
        message: `must divide tasksPerStep, or the last minibatch of every step is short, got ${minibatchTasks} and ${tasksPerStep}`,
      });
    }
    if (thinking.kind === "budgets" && thinking.autonomousShare === 1) {
      context.addIssue({
        code: "custom",
        path: ["thinking", "autonomousShare"],
        message: 'must be less than 1, or no task gets a budget; take kind "autonomous" for that',
      });
    }
    if (thinking.kind === "budgets" && largestBudget(thinking) + blockTokens >= maxNewTokens) {
      context.addIssue({
        code: "custom",
        path: ["maxNewTokens"],
        message: `must leave room for an answer after the largest budget of thinking.grid, or responses end before their thinking is closed, got ${maxNewTokens} and ${largestBudget(thinking)}`,
      });
    }
  })
  .transform((stage) => ({
    ...stage,
    warmupSteps: stage.warmupSteps ?? usualWarmup(policySteps(stage)),
    minibatchTasks: stage.minibatchTasks ?? stage.tasksPerStep,
  }));

export type RlConfig = z.infer<typeof RlConfig>;

interface StageSteps {
  readonly advantages: AdvantagesConfig;
  readonly steps: number;
}

/** Steps in which the policy learns. */
function policySteps(stage: StageSteps): number {
  return stage.steps - pretrainingSteps(stage);
}

/** First steps in which only the critic learns; 0 without one. */
export function pretrainingSteps({ advantages, steps }: StageSteps): number {
  if (advantages.kind !== "gae") return 0;
  return advantages.valuePretrainingSteps ?? Math.min(20, Math.floor(steps / 10));
}
