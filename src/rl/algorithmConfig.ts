// The choices of a policy-gradient algorithm, each a union of its own: how rewards become advantages, what is maximised, and what
// tokens are averaged over. The keys of another choice are rejected. Formulas and sources stand at the functions that the kinds name.

import { z } from "zod";

import { GaeConfig } from "./gaeConfig.ts";

const groupSize = z
  .int()
  .min(2, "must be at least 2: the group's mean is the baseline, so one rollout teaches nothing")
  .default(8)
  .meta({ description: "Rollouts of each task; their mean reward is the baseline.", unit: "rollouts" });

/** How rewards become advantages (`advantages.ts`, `gdpo.ts`; `gae.ts` with a critic). */
export const AdvantagesConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("grpo").describe("Reward minus the group's mean, divided by the group's standard deviation (arXiv:2402.03300)."),
    groupSize,
  }),
  z.strictObject({
    kind: z.literal("dr-grpo").describe("Reward minus the group's mean, not divided by anything (arXiv:2503.20783)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("reinforce-plus-plus")
      .describe("Reward minus the group's mean, divided by the standard deviation over the whole step (arXiv:2501.03262, 2510.13786)."),
    groupSize,
  }),
  z.strictObject({
    kind: z.literal("rloo").describe("Reward minus the mean of the group's other members, not divided by anything (arXiv:2402.14740)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("max-rl")
      .describe("Reward minus the group's mean, divided by that mean: tasks that rarely succeed weigh more (arXiv:2602.02710)."),
    groupSize,
  }),
  z.strictObject({
    kind: z
      .literal("gdpo")
      .describe("Each term of the reward as in grpo by itself; the weighted sum divided by its spread over the step (arXiv:2601.05242)."),
    groupSize,
  }),
  GaeConfig,
]);
export type AdvantagesConfig = z.infer<typeof AdvantagesConfig>;

/** What is maximised (`losses.ts`). */
export const ObjectiveConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("clip").describe("PPO's clipped surrogate; more room above than below (arXiv:1707.06347, 2503.14476)."),
    below: z.number().positive().lt(1).default(0.2).describe("The probability ratio is clipped at 1 - below."),
    above: z.number().positive().default(0.28).describe("The probability ratio is clipped at 1 + above."),
  }),
]);
export type ObjectiveConfig = z.infer<typeof ObjectiveConfig>;

/** What a step's tokens are averaged over (`batch.ts`). */
export const AggregationConfig = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("token-mean")
      .describe("Over all trained tokens of an update: a long response counts by its length (arXiv:2503.14476)."),
  }),
]);
export type AggregationConfig = z.infer<typeof AggregationConfig>;
