// What a supervised stage may vary. Which families or files the demonstrations come from is another part of the recipe: this is
// only how they are learned.

import { z } from "zod";

import { checkWarmup, optimizerKeys, withWarmup } from "../train/config.ts";

/** The `sft` section of a recipe. */
export const SftConfig = z
  .strictObject({
    steps: z.int().positive().meta({ description: "Optimizer updates.", unit: "steps" }),
    batch: z.int().positive().default(32).meta({ description: "Demonstrations in one update.", unit: "demonstrations" }),
    ...optimizerKeys,
  })
  .superRefine(checkWarmup)
  .transform(withWarmup);

export type SftConfig = z.infer<typeof SftConfig>;
