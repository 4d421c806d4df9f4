// How often, on how much, and how a run is measured on held-out tasks.

import { z } from "zod";

export const EvalConfig = z.strictObject({
  everySteps: z
    .int()
    .positive()
    .default(20)
    .meta({ description: "A measurement after every so many steps; the first and the last are always measured.", unit: "steps" }),
  tasks: z.int().positive().default(128).meta({ description: "Held-out tasks in a measurement during the run.", unit: "tasks" }),
  finalTasks: z.int().positive().default(512).meta({ description: "Held-out tasks in the measurements of the report.", unit: "tasks" }),
  temperature: z.number().nonnegative().max(10).default(1).describe("0 takes the most likely token."),
  maxNewTokens: z.int().positive().exactOptional().meta({ description: "Longest response. Absent: as in rl.", unit: "tokens" }),
});

export type EvalConfig = z.infer<typeof EvalConfig>;
