// What a supervised stage may vary.

import { z } from "zod";

import { checkWarmup, optimizerKeys, withWarmup } from "../optim/config.ts";

export const SftConfig = z
  .strictObject({
    steps: z.int().positive().meta({ description: "Optimizer updates.", unit: "steps" }),
    batch: z.int().positive().default(32).meta({ description: "Demonstrations in one update.", unit: "demonstrations" }),
    ...optimizerKeys,
  })
  .superRefine(checkWarmup)
  .transform(withWarmup);

export type SftConfig = z.infer<typeof SftConfig>;
