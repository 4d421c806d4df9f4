// Who watches for a reward that is won without the thing it stands for, as a recipe says it. What is compared stands in `radar.ts`; what is
// done about it in `alarms.hack` (`alarmConfig.ts`).

import { z } from "zod";

import { TermVerifierConfig } from "../rewards/config.ts";

/** The `rl.radar` section of a recipe. */
export const RadarConfig = z.strictObject({
  verifier: TermVerifierConfig.describe(
    'The held-out verifier, as in rewards.terms: an id, "task", or {first: [...]}. It scores every rollout beside the reward and is never trained on, so no term may weigh or gate it.',
  ),
  windowSteps: z
    .int()
    .min(2)
    .max(1000)
    .default(20)
    .meta({ description: "What is compared are means over so many steps; the first so many are the reference.", unit: "steps" }),
  maxDisagreement: z
    .number()
    .positive()
    .max(1)
    .default(0.1)
    .meta({ description: "Mean distance between reward and held-out score may grow by this.", unit: "share of the largest reward" }),
  minRise: z
    .number()
    .nonnegative()
    .max(1)
    .default(0.02)
    .meta({ description: "The reward counts as rising by this since the held-out score was best.", unit: "share of the largest reward" }),
  minFall: z
    .number()
    .positive()
    .max(1)
    .default(0.05)
    .describe("The held-out score, of all responses or of those of the same length, counts as falling by this below its best."),
  maxLengthRatio: z
    .number()
    .gt(1)
    .default(2)
    .meta({ description: "Responses may grow by this factor, or shrink by it.", unit: "times the reference" }),
  maxRepetition: z
    .number()
    .positive()
    .max(1)
    .default(0.1)
    .meta({ description: "The share of repeated four-token sequences may grow by this.", unit: "share" }),
});
export type RadarConfig = z.infer<typeof RadarConfig>;
