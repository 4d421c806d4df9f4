// From rewards to advantages: how much better a rollout did than the other rollouts of its task. Pure. Unscorable rollouts are not
// zeros: they get no advantage and no part in any mean, so the others are treated as if they had been alone,
// unless they are too few (`minScored`).
//
// Dimension key:  P prompts of a step, G rollouts of each.

import { TrainingError } from "../base/errors.ts";
import { mean, standardDeviation } from "../base/statistics.ts";
import type { AdvantagesConfig } from "./algorithmConfig.ts";

type Kind = Exclude<AdvantagesConfig["kind"], "gae" | "gdpo">;

/** What a group teaches: advantages [G]. */
export type GroupCredit =
  /** One advantage a member; undefined where the member is unscorable and must not be trained on. */
  | { readonly kind: "trained"; readonly advantages: readonly (number | undefined)[] }
  /** All scored members earned the same: nothing to prefer. Their advantages are 0. */
  | { readonly kind: "flat"; readonly advantages: readonly (0 | undefined)[] }
  /** Too few members could be scored for a baseline. */
  | { readonly kind: "dropped" };

/** Added to the standard deviation, so that a group of nearly equal rewards does not explode. TRL's value. */
export const epsilon = 1e-4;

/**
 * Advantages [P][G] from rewards [P][G]; an undefined reward is an unscorable rollout. With mean, std and n over the scored members of a
 * group, std with n - 1 as TRL and verl compute it:
 *
 *     grpo                 A_i = (R_i - mean) / (std + epsilon)               DeepSeekMath section 4.1.2 (arXiv:2402.03300)
 *     dr-grpo              A_i = R_i - mean                                   Dr. GRPO section 3.2 (arXiv:2503.20783)
 *     rloo                 A_i = R_i - mean of the others                     RLOO (arXiv:2402.14740)
 *                              = (R_i - mean) n / (n - 1)
 *     reinforce-plus-plus  A_i = (R_i - mean) / (std of R_i - mean over the step's groups + epsilon)
 *                                REINFORCE++ with group baseline (arXiv:2501.03262), ScaleRL (arXiv:2510.13786): tasks keep their weight
 *                                relative to each other
 *     max-rl               A_i = (R_i - mean) / mean                          MaxRL (arXiv:2602.02710)
 *
 * Expected gradients for rewards of 0 and 1, with p the chance of a 1 and 1 / n over the members of a group:
 *
 *     rloo      grad p
 *     dr-grpo   grad p (n - 1) / n
 *     max-rl    grad log p (1 - (1 - p)^(n - 1))     the series log p = -sum_k (1 - p)^k / k up to k = n - 1, since a group
 *                                                    without success teaches nothing
 *
 * so under max-rl a hard task weighs more: nearly 1 / p, and never more than n - 1.
 */
export function groupAdvantages(groups: readonly (readonly (number | undefined)[])[], kind: Kind): GroupCredit[] {
  const centred = groups.map(centre);
  const scale = scaleOf(kind, centred);
  return centred.map((group) => {
    if (group.kind !== "trained") return group;
    const divisor = scale(group);
    return { kind: "trained", advantages: group.advantages.map((a) => (a === undefined ? undefined : a / divisor)) };
  });
}

/** Fewer scored members than this make no baseline. */
export function minScored(groupSize: number): number {
  return Math.max(2, Math.ceil(groupSize / 2));
}

/** Nothing to prefer among `members` [G], of which the undefined ones are unscorable. */
export function flatGroup(members: readonly unknown[]): Extract<GroupCredit, { kind: "flat" }> {
  return { kind: "flat", advantages: members.map((member) => (member === undefined ? undefined : 0)) };
}

/** A group less its mean; `deviations` are the advantages of the scored members. */
type Centred =
  | (GroupCredit & { readonly kind: "trained"; readonly deviations: readonly number[]; readonly baseline: number })
  | Exclude<GroupCredit, { kind: "trained" }>;

function centre(rewards: readonly (number | undefined)[]): Centred {
  const scored = rewards.filter((reward) => reward !== undefined);
  if (scored.length < minScored(rewards.length)) return { kind: "dropped" };
  if (scored.every((reward) => reward === scored[0])) return flatGroup(rewards);
  const baseline = mean(scored);
  const advantages = rewards.map((reward) => (reward === undefined ? undefined : reward - baseline));
  return { kind: "trained", advantages, deviations: scored.map((reward) => reward - baseline), baseline };
}

function scaleOf(
  kind: Kind,
  centred: readonly Centred[],
): (group: { readonly deviations: readonly number[]; readonly baseline: number }) => number {
  switch (kind) {
    case "grpo":
      return ({ deviations }) => standardDeviation(deviations) + epsilon;
    case "reinforce-plus-plus": {
      const divisor = standardDeviation(centred.flatMap((group) => (group.kind === "trained" ? group.deviations : []))) + epsilon;
      return () => divisor;
    }
    case "dr-grpo":
      return () => 1;
    case "rloo":
      return ({ deviations: { length: n } }) => (n - 1) / n;
    case "max-rl":
      return ({ baseline }) => positive(baseline);
    default:
      return kind satisfies never;
  }
}

/** Divided by a mean of 0 or less, better rollouts would become worse ones. */
function positive(baseline: number): number {
  if (baseline > 0) return baseline;
  throw new TrainingError(
    `rl.advantages: "max-rl" divides by a group's mean reward, which must be above 0, got ${baseline}; take another kind where rewards can be negative`,
  );
}
