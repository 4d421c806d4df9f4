// What `whetstone runs show ID --json` printed, as pictures and benchmarks read it back: the parts that one of them reads. Metrics that JSON
// lacks were printed as their names, and are numbers again.

import { z } from "zod";

/** A number, or the name of one that JSON lacks. */
const PrintedNumber = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);

/** A run with all its steps. */
export const ShownRun = z.object({
  name: z.string(),
  createdMs: z.number(),
  recipe: z.object({ seed: z.number(), rl: z.object({ steps: z.number() }).optional() }),
  steps: z.array(z.object({ stage: z.string(), step: z.number(), finishedMs: z.number(), metrics: z.record(z.string(), PrintedNumber) })),
  events: z.array(z.object({ kind: z.string(), detail: z.string() })),
});
export type ShownRun = z.output<typeof ShownRun>;
