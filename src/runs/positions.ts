// Settings that must fit into the positions of a policy, which prompt and response share. A recipe that makes its own policy is judged by
// the schema; one that starts from a checkpoint when that is read (`prepare.ts`).

import { smallestBudget } from "../data/budgets.ts";
import type { DemonstrationSource } from "../data/config.ts";

/** A key and the rule that it breaks. */
export interface BrokenRule {
  readonly path: readonly string[];
  readonly message: string;
}

interface Lengths {
  readonly rl?: { readonly maxNewTokens: number } | undefined;
  readonly eval: { readonly maxNewTokens?: number };
  readonly data: { readonly demonstrations?: DemonstrationSource };
}

const cure = "give a smaller number, or take a policy with more positions";

/** What does not fit into `maxPositions`, which messages call `name`. */
export function brokenPositionRules(
  { rl, eval: evaluation, data }: Lengths,
  { maxPositions, name }: { readonly maxPositions: number; readonly name: string },
): BrokenRule[] {
  const longest = [
    { path: ["rl", "maxNewTokens"], value: rl?.maxNewTokens },
    { path: ["eval", "maxNewTokens"], value: evaluation.maxNewTokens },
  ] as const;
  const tooLong = longest.flatMap(({ path, value }): BrokenRule[] => {
    if (value === undefined || value < maxPositions) return [];
    const numbers = `got ${value} and ${maxPositions}`;
    return [{ path, message: `must be less than ${name}, which prompt and response share, ${numbers}; ${cure}` }];
  });
  const budgets = data.demonstrations?.kind === "families" ? data.demonstrations.budgets : undefined;
  if (budgets === undefined || smallestBudget(budgets) < maxPositions) return tooLong;
  const numbers = `got ${smallestBudget(budgets)} at least and ${maxPositions}`;
  const message = `must hold a budget below ${name}, or no demonstration is ever bound by one, ${numbers}; ${cure}`;
  return [...tooLong, { path: ["data", "demonstrations", "budgets", "grid"], message }];
}
