// Which thinking budgets are practised: drawn from a grid or a range, mixed with tasks in which the policy decides by itself how long
// to think. Demonstrations and reinforcement learning draw from the same kind of mix.

import { z } from "zod";

import type { Rng } from "../base/rng.ts";

const maxBudget = 2 ** 20;

/** What a response holds beside thinking and answer: the two control tokens of thinking, and the end of the turn. */
export const blockTokens = 3;

/** A mix of thinking budgets. */
export const BudgetMix = z.strictObject({
  grid: z
    .union([
      z
        .array(z.int().nonnegative().max(maxBudget))
        .min(1, "must hold at least one budget")
        .refine((budgets) => new Set(budgets).size === budgets.length, "must hold each budget once, since every entry is as likely"),
      z
        .strictObject({
          from: z.int().positive().max(maxBudget).meta({ description: "Smallest budget.", unit: "tokens" }),
          to: z.int().positive().max(maxBudget).meta({ description: "Largest budget.", unit: "tokens" }),
        })
        .refine(({ from, to }) => from <= to, { path: ["to"], error: "must be at least from, or no budget is allowed" }),
    ])
    .meta({
      description:
        "Budgets that are drawn: a list whose entries are equally likely, so that powers of two are spread evenly over orders of magnitude, or a range in which the logarithm is spread evenly. 0 in a list: answer at once.",
      unit: "tokens",
    }),
  autonomousShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .meta({ description: "Tasks without a budget, in which the policy decides how long to think.", unit: "share of tasks" }),
});
export type BudgetMix = z.output<typeof BudgetMix>;

/** A budget in tokens, or undefined where the policy is to decide by itself. */
export function drawBudget(rng: Rng, { grid, autonomousShare }: BudgetMix): number | undefined {
  if (rng.uniform() < autonomousShare) return undefined;
  if ("from" in grid) {
    // Rounding down from a range that ends at to + 1 gives both ends their share.
    const [low, high] = [Math.log(grid.from), Math.log(grid.to + 1)];
    return Math.min(grid.to, Math.floor(Math.exp(low + rng.uniform() * (high - low)) + rounding));
  }
  return rng.pick(grid);
}

/** exp(log n) may be just below n. */
const rounding = 1e-9;

/** The largest budget that can be drawn. */
export function largestBudget({ grid }: BudgetMix): number {
  return "from" in grid ? grid.to : Math.max(...grid);
}

/** The smallest budget that can be drawn. */
export function smallestBudget({ grid }: Pick<BudgetMix, "grid">): number {
  return "from" in grid ? grid.from : Math.min(...grid);
}
