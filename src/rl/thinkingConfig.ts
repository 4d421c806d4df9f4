// How long the policy may think while it practises, as a recipe says it. What is drawn and what an overrun costs stands in
// `thinking.ts`.

import { z } from "zod";

import { BudgetMix } from "../data/budgets.ts";

const Autonomous = z.strictObject({
  kind: z.literal("autonomous").describe("The policy decides how long to think, unless a task has a budget of its own."),
});

const Budgets = BudgetMix.extend({
  kind: z
    .literal("budgets")
    .describe("Every task of a step gets a thinking budget, the same for its whole group, in place of one of its own; some get none."),
  overrunPenalty: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      "The reward is multiplied by 1 - overrunPenalty * overrun / budget. A close that the budget forced counts as an overrun by the whole budget. 0: only the answer counts.",
    ),
});

/** The `rl.thinking` section of a recipe. */
export const ThinkingConfig = z.discriminatedUnion("kind", [Autonomous, Budgets]);
export type ThinkingConfig = z.output<typeof ThinkingConfig>;
