// How often, on how much, and how a run is measured on held-out tasks. Measuring draws from random streams of its own, so that
// these settings cannot alter what a run learns, but for one: tasks of a file that are held out are not trained on.

import { z } from "zod";

/** All are drawn before a run starts, and one more answer in a million tells nothing more of a policy. */
const maxTasks = 100_000;

/** The `eval` section of a recipe. */
export const EvalConfig = z.strictObject({
  everySteps: z
    .int()
    .positive()
    .default(20)
    .meta({ description: "A measurement after every so many steps. The end of each stage is measured on finalTasks.", unit: "steps" }),
  tasks: z
    .int()
    .positive()
    .max(maxTasks)
    .default(128)
    .meta({ description: "Held-out tasks in a measurement during the run.", unit: "tasks" }),
  finalTasks: z
    .int()
    .positive()
    .max(maxTasks)
    .default(512)
    .meta({ description: "Held-out tasks in the measurements of the report.", unit: "tasks" }),
  temperature: z.number().nonnegative().max(10).default(1).describe("0 takes the most likely token."),
  maxNewTokens: z
    .int()
    .positive()
    .exactOptional()
    .meta({ description: "Longest response. Absent: as in rl, or all that the policy has room for.", unit: "tokens" }),
});

export type EvalConfig = z.infer<typeof EvalConfig>;
