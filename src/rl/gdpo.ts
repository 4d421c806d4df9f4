// Advantages of rewards with several terms, each compared within its group by itself, so that a term whose scores hardly differ still
// teaches and one whose scores differ much does not drown it. Pure. Unscorable rollouts have no part in anything, as in `advantages.ts`.
//
// Dimension key:  P prompts of a step, G rollouts of each, K terms of the reward.

import { mean, standardDeviation } from "../base/statistics.ts";
import type { TermScore } from "../rewards/compose.ts";
import { epsilon, flatGroup, type GroupCredit, minScored } from "./advantages.ts";

/** The terms [K] of one rollout's reward, the same ones in the same order for all; undefined where it is unscorable. */
export type MemberTerms = readonly TermScore[] | undefined;

/**
 * Advantages [P][G] from terms [P][G][K]: each term normalised over the group, their weighted sum normalised over the step.
 *
 *     z_ik = (s_ik - mean_k) / (std_k + epsilon)     s_ik: score of member i in term k
 *     a_i  = sum_k w_k z_ik                          w_k: weight of the term
 *     A_i  = a_i / (std of a over the step + epsilon)
 *
 * GDPO (arXiv:2601.05242); `multi_objective_aggregation: normalize_then_sum` of TRL. Over a group the z of a term add up to 0, so the mean
 * over the step is 0 already. A group is flat when no term distinguishes its members.
 */
export function gdpoAdvantages(groups: readonly (readonly MemberTerms[])[]): GroupCredit[] {
  const summed = groups.map(normaliseThenSum);
  const divisor = standardDeviation(summed.flatMap((group) => (group.kind === "trained" ? scoredOf(group.advantages) : []))) + epsilon;
  return summed.map((group) => {
    if (group.kind !== "trained") return group;
    return { kind: "trained", advantages: group.advantages.map((a) => (a === undefined ? undefined : a / divisor)) };
  });
}

function normaliseThenSum(members: readonly MemberTerms[]): GroupCredit {
  const scored = scoredOf(members);
  if (scored.length < minScored(members.length)) return { kind: "dropped" };
  const terms = scored[0]!.map(({ weight }, k) => ({ weight, ...spread(scored.map((own) => own[k]!.score)) }));
  if (terms.every(({ isFlat }) => isFlat)) return flatGroup(members);
  const advantageOf = (own: readonly TermScore[]): number =>
    terms.reduce((sum, { weight, middle, divisor, isFlat }, k) => sum + (isFlat ? 0 : (weight * (own[k]!.score - middle)) / divisor), 0);
  return { kind: "trained", advantages: members.map((own) => own && advantageOf(own)) };
}

/** How a term's scores lie in a group. Equal scores are flat, whatever rounding leaves between them and their mean. */
function spread(scores: readonly number[]): { readonly middle: number; readonly divisor: number; readonly isFlat: boolean } {
  return { middle: mean(scores), divisor: standardDeviation(scores) + epsilon, isFlat: scores.every((score) => score === scores[0]) };
}

function scoredOf<T>(members: readonly (T | undefined)[]): T[] {
  return members.filter((member) => member !== undefined);
}
