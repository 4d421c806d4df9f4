// What a supervised stage may vary.

import { z } from "zod";

import { optimizerKeys } from "../optim/config.ts";

export const SftConfig = z
  .strictObject({
    steps: z.int().positive().meta({ description: "Optimizer updates.", unit: "steps" }),
    batch: z.int().positive().default(32).meta({ description: "Demonstrations in one update.", unit: "demonstrations" }),
    ...optimizerKeys,
  })
  .refine((c) => c.warmupSteps <= c.steps, {
    path: ["warmupSteps"],
    error: "must not exceed steps, or the learning rate never reaches its peak",
    params: { values: ["warmupSteps", "steps"] },
  });

export type SftConfig = z.infer<typeof SftConfig>;
