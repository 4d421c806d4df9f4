// From rewards to advantages: how much better a rollout did than the other rollouts of its task. Pure. Unscorable rollouts are not
// zeros: they get no advantage and no part in any mean, so the others are treated as if they had been alone.

import type { AdvantagesConfig } from "./algorithmConfig.ts";

type Kind = AdvantagesConfig["kind"];

/** What a group teaches. */
export type GroupCredit =
  /** One advantage a member; undefined where the member is unscorable and must not be trained on. */
  | { readonly kind: "trained"; readonly advantages: readonly (number | undefined)[] }
  /** All scored members earned the same: nothing to prefer. */
  | { readonly kind: "flat" }
  /** Too few members could be scored for a baseline. */
  | { readonly kind: "dropped" };

/** Added to the standard deviation, so that a group of nearly equal rewards does not explode. TRL's value. */
const epsilon = 1e-4;

/**
 * Advantages of every group from the rewards of its members; an undefined reward is an unscorable rollout.
 *
 *     A_i = (R_i - mean(R)) / (std(R) + epsilon)
 *
 * DeepSeekMath section 4.1.2 (arXiv:2402.03300); mean and std over scored members only, std with n - 1 as TRL and verl compute it.
 * REINFORCE++ (arXiv:2501.03262) and ScaleRL (arXiv:2510.13786) divide by the std of R_i - mean(R) over the step instead, so that tasks
 * keep their weight relative to each other; Dr. GRPO (arXiv:2503.20783) divides by nothing.
 */
export function groupAdvantages(groups: readonly (readonly (number | undefined)[])[], kind: Kind): GroupCredit[] {
  const centred = groups.map(centre);
  const scale = scaleOf(kind, centred);
  return centred.map((credit) => {
    if (credit.kind !== "trained") return credit;
    const divisor = scale(credit.advantages.filter((a) => a !== undefined));
    return { kind: "trained", advantages: credit.advantages.map((a) => (a === undefined ? undefined : a / divisor)) };
  });
}

/** Fewer scored members than this make no baseline. */
export function minScored(groupSize: number): number {
  return Math.max(2, Math.ceil(groupSize / 2));
}

function centre(rewards: readonly (number | undefined)[]): GroupCredit {
  const scored = rewards.filter((reward) => reward !== undefined);
  if (scored.length < minScored(rewards.length)) return { kind: "dropped" };
  if (scored.every((reward) => reward === scored[0])) return { kind: "flat" };
  const baseline = mean(scored);
  return { kind: "trained", advantages: rewards.map((reward) => (reward === undefined ? undefined : reward - baseline)) };
}

function scaleOf(kind: Kind, centred: readonly GroupCredit[]): (group: readonly number[]) => number {
  switch (kind) {
    case "grpo":
      return (group) => standardDeviation(group) + epsilon;
    case "reinforce-plus-plus": {
      const all = centred.flatMap((credit) => (credit.kind === "trained" ? credit.advantages.filter((a) => a !== undefined) : []));
      const divisor = standardDeviation(all) + epsilon;
      return () => divisor;
    }
    case "dr-grpo":
      return () => 1;
    default:
      return kind satisfies never;
  }
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function standardDeviation(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
