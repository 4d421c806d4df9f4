// Dynamic sampling: groups whose members all earned the same teach nothing, so further tasks are drawn in their place. Pure: how
// many to draw, and which groups are learned from.
//
// DAPO section 3.2 (arXiv:2503.14476).

import type { StepMetrics } from "../policy/backend.ts";
import type { Group } from "./rollout.ts";
import type { RefillConfig } from "./samplingConfig.ts";

/** What decides about a step's groups. */
export interface RefillRule {
  /** Groups to learn from. */
  readonly wanted: number;
  readonly settings: RefillConfig;
  /** Whether a group's members earned differently, and enough of them could be scored. */
  readonly teaches: (group: Group) => boolean;
}

/** Tasks to draw in `round`, counted from 1; 0 ends the step's sampling. */
export function tasksToDraw(
  groups: readonly Group[],
  { round, wanted, settings, teaches }: RefillRule & { readonly round: number },
): number {
  if (round > settings.maxRounds) return 0;
  const missing = wanted - groups.filter(teaches).length;
  return Math.ceil(Math.max(0, missing) * settings.overdraw);
}

/** The first `wanted` groups that teach, and all others: those that do not, and those in excess. Both keep their order. */
export function chooseGroups(
  groups: readonly Group[],
  { wanted, teaches }: Pick<RefillRule, "wanted" | "teaches">,
): { readonly chosen: Group[]; readonly others: Group[] } {
  const chosen = new Set(groups.filter(teaches).slice(0, wanted));
  return { chosen: [...chosen], others: groups.filter((group) => !chosen.has(group)) };
}

/** Further rounds, the share of groups that teach among all that were sampled, groups that are missing, and those in excess. */
export function refillMetrics(
  { groups, others, rounds }: { readonly groups: readonly Group[]; readonly others: readonly Group[]; readonly rounds: number },
  { wanted, teaches }: Pick<RefillRule, "wanted" | "teaches">,
): StepMetrics {
  const excess = others.filter(teaches).length;
  const numSampled = groups.length + others.length;
  return {
    "refill/rounds": rounds,
    "refill/teachingShare": (groups.length + excess) / numSampled,
    "refill/missing": wanted - groups.length,
    "refill/excess": excess,
  };
}
