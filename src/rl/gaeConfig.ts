// What may vary about a critic and the advantages it gives, as one member of `rl.advantages`. Formulas and sources stand in `gae.ts` and
// `valueLoss.ts`.

import { z } from "zod";

const PolicyLambda = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("constant").describe("The same for every response."),
    lambda: z
      .number()
      .min(0)
      .max(1)
      .default(0.95)
      .describe("1: the return minus the value, noisy but unbiased. 0: the error of one step, as biased as the critic is."),
  }),
  z.strictObject({
    kind: z
      .literal("length-adaptive")
      .describe("1 - 1 / (alpha length), at least 0 (arXiv:2504.05118): for responses of many hundred tokens."),
    alpha: z.number().positive().default(0.05).describe("Responses shorter than 1 / alpha tokens get a lambda of 0."),
  }),
]);

const Critic = z.strictObject({
  learningRate: z
    .number()
    .positive()
    .max(1)
    .exactOptional()
    .describe("Peak learning rate of the critic; it has rl's warm-up and no decay. Absent: ten times rl.learningRate, as in verl."),
  passes: z.int().positive().default(1).meta({ description: "How often the critic goes over a step's rollouts.", unit: "passes" }),
});

/** The member `gae` of `rl.advantages`. */
export const GaeConfig = z.strictObject({
  kind: z
    .literal("gae")
    .describe(
      "Each token against what a learned critic expected: generalised advantage estimation (arXiv:1506.02438), for PPO as in VAPO.",
    ),
  groupSize: z.int().positive().default(8).meta({
    description: "Rollouts of each task. The critic is the baseline, so that 1 will do; several share the computation of the prompt.",
    unit: "rollouts",
  }),
  lambdaPolicy: PolicyLambda.prefault({ kind: "constant" }).describe("How far a reward reaches back in the policy's advantages."),
  lambdaCritic: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      "The same in what the critic learns; less than 1 never carries the reward at the end to the beginning of a long response (arXiv:2503.01491).",
    ),
  valueClip: z
    .number()
    .positive()
    .default(0.2)
    .meta({ description: "Values are trained to move by no more than this in one step.", unit: "reward" }),
  whiten: z.boolean().default(true).describe("Scale a step's advantages to mean 0 and standard deviation 1 over all tokens."),
  valuePretrainingSteps: z.int().nonnegative().exactOptional().meta({
    description:
      "For so many first steps only the critic learns, from whole returns: a critic that knows nothing would mislead the policy (arXiv:2503.01491). Absent: 20, or a tenth of rl.steps where that is fewer.",
    unit: "steps",
  }),
  critic: Critic.prefault({}).describe("How the critic learns. It starts from the policy's parameters, and its values from 0."),
});
export type GaeConfig = z.infer<typeof GaeConfig>;
