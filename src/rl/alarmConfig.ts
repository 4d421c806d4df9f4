// When a policy-gradient run is in trouble, and what is done about it. What is looked at stands in `alarms.ts`; a gradient that is no
// number or far from its usual norm is the guard's matter (`optim/guard.ts`, the `stability` section).

import { z } from "zod";

/** From the mildest to the strongest. */
export const alarmActions = ["off", "warn", "slow", "skip", "go-back", "stop"] as const;

const meanings =
  '"off": not looked at; "warn": only recorded; "slow": the learning rate is multiplied by slowFactor; "skip": the policy does not learn from the step; "go-back": to the last good checkpoint, at a lower learning rate; "stop": the run ends';

const action = (usual: (typeof alarmActions)[number]) => z.enum(alarmActions).default(usual).describe(`What is done: ${meanings}.`);

const share = (usual: number) => z.number().min(0).max(1).default(usual);

const Mismatch = z.strictObject({
  action: action("warn"),
  maxFactor: z
    .number()
    .gt(1)
    .default(1.05)
    .describe("Mean of exp |log-probability recomputed - sampled| over the trained tokens, at most."),
  maxKl: z.number().positive().default(0.1).meta({ description: "KL of the recomputed from the sampled policy, at most.", unit: "nats" }),
  minEss: z
    .number()
    .min(0)
    .lt(1)
    .default(0.3)
    .meta({ description: "Effective sample size of the weights recomputed / sampled, at least.", unit: "share of tokens" }),
  minWeight: z.number().positive().lt(1).default(0.5).describe("Mean of these weights, at least."),
  maxWeight: z.number().gt(1).default(2).describe("Mean of these weights, at most."),
});

const Entropy = z.strictObject({
  action: action("warn"),
  floor: share(0.1).meta({ description: "It may not fall below this.", unit: "share of the entropy at the start" }),
  maxDrop: share(0.5).meta({ description: "It may not lose more than this within dropSteps.", unit: "share of itself" }),
  dropSteps: z.int().min(10).max(10_000).default(50).meta({ description: "How far back its losses are looked at.", unit: "steps" }),
});

const Errored = z.strictObject({
  action: action("warn"),
  above: share(0.05).meta({
    description: "Rollouts with a verifier that failed, needed for the reward or not.",
    unit: "share of rollouts",
  }),
});

const usualUnscorable = 0.01;

const Unscorable = z
  .strictObject({
    action: action("warn"),
    above: share(usualUnscorable).meta({ description: "Rollouts whose reward nobody knows.", unit: "share of rollouts" }),
    stopAbove: share(0.05).meta({
      description: "The run stops when a larger share of a step's rollouts could not be scored.",
      unit: "share",
    }),
  })
  // The default is no mistake beside a lower stopAbove: nobody asked for it.
  .refine(({ above, stopAbove }) => above <= stopAbove || above === usualUnscorable, {
    path: ["above"],
    error: "must be at most stopAbove, or the run stops before the alarm is raised",
  });

const FlatGroups = z.strictObject({
  action: action("warn"),
  above: share(0.6).meta({
    description: "Groups of the last steps whose members all earned the same, which teach nothing.",
    unit: "share of groups",
  }),
  windowGroups: z.int().positive().max(100_000).default(200).meta({
    description: "The last steps that together hold so many are judged, and nothing before there are as many.",
    unit: "groups",
  }),
});

const Hack = z.strictObject({ action: action("warn") });

/** The `rl.alarms` section of a recipe. */
export const AlarmsConfig = z.strictObject({
  mismatch: Mismatch.prefault({}).describe("Sampling and training disagree about the policy, or the policy that sampled is too old."),
  entropy: Entropy.prefault({}).describe("The policy stops exploring."),
  errored: Errored.prefault({}).describe("Verifiers fail."),
  unscorable: Unscorable.prefault({}).describe("Rewards are missing."),
  flatGroups: FlatGroups.prefault({}).describe("Tasks are too hard or too easy."),
  hack: Hack.prefault({}).describe("The radar suspects that the reward is won without what it stands for (rl.radar holds the levels)."),
  slowFactor: z.number().positive().lt(1).default(0.5).describe('What "slow" multiplies the learning rate by.'),
  repeatSteps: z
    .int()
    .positive()
    .default(20)
    .meta({ description: 'An alarm that persists is raised again after so many; "skip" skips every step meanwhile.', unit: "steps" }),
  calmSteps: z.int().positive().default(5).meta({ description: "An alarm is over after so many steps inside its level.", unit: "steps" }),
});
export type AlarmsConfig = z.infer<typeof AlarmsConfig>;

/** What a recipe may want done. */
export type AlarmAction = (typeof alarmActions)[number];
/** Alarms by the names of their keys. */
export type AlarmName = Exclude<keyof AlarmsConfig, "slowFactor" | "repeatSteps" | "calmSteps">;
