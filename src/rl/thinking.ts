// Thinking budgets in reinforcement learning: which task of a step gets which budget, and what an overrun costs. Pure. How a budget is
// told to the policy stands in `policy/chat.ts`, how it is kept in `policy/sample.ts`.

import { rngFor } from "../base/rng.ts";
import { drawBudget } from "../data/budgets.ts";
import { closedInTime, type Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { StepMetrics } from "../policy/backend.ts";
import type { RewardedRollout } from "./rollout.ts";
import type { ThinkingConfig } from "./thinkingConfig.ts";

/** What budgets are drawn for. */
interface BudgetDraw {
  readonly thinking: ThinkingConfig;
  readonly seed: number;
  readonly step: number;
  /** Group of the first task. Absent: 0. */
  readonly firstGroup?: number;
}

/** The tasks as they are asked: with budgets drawn one for each task, so that a group shares its prompt and competes on equal terms. */
export function withBudgets(tasks: readonly Task[], { thinking, seed, step, firstGroup = 0 }: BudgetDraw): readonly Task[] {
  if (thinking.kind === "autonomous") return tasks;
  return tasks.map(({ thinkingBudget: _, ...task }, position) => {
    const thinkingBudget = drawBudget(rngFor(seed, "budget", step, firstGroup + position), thinking);
    return thinkingBudget === undefined ? task : { ...task, thinkingBudget };
  });
}

/**
 * What the reward of an answer is multiplied by, so that thinking beyond the budget costs something.
 *
 *     R' = R max(0, 1 - lambda overrun / max(n, 1))
 *
 * n is the budget in tokens, overrun what was thought beyond it, lambda the penalty. A factor, so that no length is paid for by itself and
 * no answer within its budget is punished (unlike the additive terms of L1, arXiv:2503.04697). Without a budget it is 1.
 */
export function overrunFactor(thinking: Rollout["thinking"], config: ThinkingConfig): number {
  const { budget: n } = thinking;
  if (n === undefined || config.kind === "autonomous") return 1;
  return Math.max(0, 1 - (config.overrunPenalty * overrun(thinking, n)) / Math.max(n, 1));
}

/**
 * Tokens thought beyond the budget. Where the budget forced the close nobody knows how many it would have been: they count as many as the
 * budget, since a few tokens more would weigh nothing beside a large one.
 */
function overrun({ tokens, closedBy }: Rollout["thinking"], budget: number): number {
  return closedBy === "budget" ? Math.max(budget, 1) : Math.max(0, tokens - budget);
}

/** The rewards that advantages are made of, group by group; those of the verdicts stay as they are in `groups`. */
export function learnedRewards(groups: readonly (readonly RewardedRollout[])[], config: ThinkingConfig): (number | undefined)[][] {
  return groups.map((members) =>
    members.map(({ reward, rollout }) => (reward === undefined ? undefined : reward * overrunFactor(rollout.thinking, config))),
  );
}

/** Of the rollouts with a budget above 0: the share that kept to it by themselves. Empty where there is none. */
export function budgetMetrics(groups: readonly (readonly RewardedRollout[])[]): StepMetrics {
  const budgeted = groups.flat().filter(({ rollout }) => (rollout.thinking.budget ?? 0) > 0);
  if (budgeted.length === 0) return {};
  const inTime = budgeted.filter(({ rollout }) => closedInTime(rollout));
  return { "budget/closedInTime": inTime.length / budgeted.length };
}
