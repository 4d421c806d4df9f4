// From a step's rewards to the credit of each rollout: by comparison within its group, or by a critic that tells tokens apart. What is
// computed stands in `advantages.ts`, `gdpo.ts` and `critic.ts`; this chooses.
//
// Dimension key:  P prompts of a step, G rollouts of each, T tokens of a rollout that the policy chose.

import type { Rollout } from "../data/rollout.ts";
import type { PolicyBackend } from "../policy/backend.ts";
import { type RewardTerm, termScores } from "../rewards/compose.ts";
import { type GroupCredit, groupAdvantages } from "./advantages.ts";
import type { AdvantagesConfig, KlConfig } from "./algorithmConfig.ts";
import type { RlConfig } from "./config.ts";
import { type ValuedGroups, valuedCredits, valueGroups } from "./critic.ts";
import { gdpoAdvantages, type MemberTerms } from "./gdpo.ts";
import { penalisedReward } from "./kl.ts";
import { overlongRewards } from "./overlong.ts";
import type { RecordedRollout } from "./record.ts";
import type { RewardedRollout } from "./rollout.ts";
import { referenceLogRatios, type StepLogProbs } from "./stepLogProbs.ts";
import { learnedRewards, overrunFactor } from "./thinking.ts";
import { type CreditedGroups, creditGroups } from "./update.ts";

/** A step's groups [P][G] with what they earned. */
export interface CreditedStep {
  readonly groups: CreditedGroups;
  /** What the critic said and is to learn; absent without one. */
  readonly valued?: ValuedGroups;
}

type RewardedGroups = readonly (readonly RewardedRollout[])[];

interface CreditPlace {
  readonly config: RlConfig;
  readonly terms: readonly RewardTerm[];
  readonly critic: PolicyBackend | undefined;
  readonly isPretraining: boolean;
  readonly logProbs: StepLogProbs;
}

/**
 * Advantages [P][G] of a step's groups, and [P][G][T] by `critic`, which is asked where the recipe wants one. The rewards in the result are
 * those of the verdicts.
 */
export async function creditStep(
  groups: RewardedGroups,
  { config, terms, critic, isPretraining, logProbs }: CreditPlace,
): Promise<CreditedStep> {
  const { advantages, kl } = config;
  if (advantages.kind !== "gae") {
    const credits = groupCredits(groups, { config, kind: advantages.kind, terms, logProbs });
    return { groups: creditGroups(groups, { credits, config }) };
  }
  const learned = withLearnedRewards(groups, config);
  const valued = await valueGroups(learned, {
    critic: critic!, // who wires the stage knows its recipe
    gae: advantages,
    isPretraining,
    ...(kl.kind === "reward" ? { perDecision: tokenPenalties(kl.weight, logProbs) } : {}),
  });
  const credits = valuedCredits(valued);
  const credited = creditGroups(groups, { credits, config }).map((members, group) =>
    members.map((member, index): RecordedRollout => {
      const tokenAdvantages = valued[group]![index]?.advantages;
      return tokenAdvantages === undefined ? member : { ...member, tokenAdvantages };
    }),
  );
  return { groups: credited, valued };
}

/**
 * What each group [P] teaches by comparison alone, whatever a critic or a divergence makes of it: members that all earned the same have no
 * variance. With a critic a single member is enough to learn from.
 */
export function comparedGroups(groups: RewardedGroups, { config, terms }: Pick<CreditPlace, "config" | "terms">): GroupCredit["kind"][] {
  const { kind } = config.advantages;
  if (kind !== "gae") return groupCredits(groups, { config, kind, terms }).map((credit) => credit.kind);
  return withLearnedRewards(groups, config).map((members) => {
    const rewards = members.flatMap(({ reward }) => reward ?? []);
    if (rewards.length === 0) return "dropped";
    return rewards.length > 1 && rewards.every((reward) => reward === rewards[0]) ? "flat" : "trained";
  });
}

interface GroupPlace extends Pick<CreditPlace, "config" | "terms"> {
  readonly kind: Exclude<AdvantagesConfig["kind"], "gae">;
  /** Absent: what a divergence from the reference costs is left out. */
  readonly logProbs?: StepLogProbs;
}

/** Terms are read from the verdicts, so that a reward that was recorded has them too. What an overrun costs is taken off each. */
function groupCredits(groups: RewardedGroups, { config, kind, terms, logProbs }: GroupPlace): GroupCredit[] {
  const learned = withLearnedRewards(groups, config);
  if (kind !== "gdpo") {
    const rewards = learned.map((members) => members.map(({ reward }) => reward));
    return groupAdvantages(logProbs === undefined ? rewards : penalised(rewards, { groups, kl: config.kl, logProbs }), kind);
  }
  const ofMember = ({ task, rollout, verdicts, reward }: RewardedRollout): MemberTerms => {
    if (reward === undefined) return undefined;
    const factor = overrunFactor(rollout.thinking, config.thinking);
    return termScores(verdicts, { terms, taskVerifier: task.verifier }).map(({ weight, score }) => ({ weight, score: score * factor }));
  };
  return gdpoAdvantages(learned.map((members) => members.map(ofMember)));
}

/** With the rewards that are learned from in place of those that are recorded. */
function withLearnedRewards(groups: RewardedGroups, config: RlConfig): RewardedGroups {
  const thought = learnedRewards(groups, config.thinking);
  return groups.map((members, group) => {
    const rewards = overlongRewards(
      members.map(({ rollout }, index) => ({ rollout, reward: thought[group]![index] })),
      config,
    );
    return members.map((member, index) => ({ ...member, reward: rewards[index] }));
  });
}

/** Rewards less the divergence from the reference, where the recipe wants it there. */
function penalised(
  rewards: readonly (readonly (number | undefined)[])[],
  { groups, kl, logProbs }: { groups: RewardedGroups; kl: KlConfig; logProbs: StepLogProbs },
): readonly (readonly (number | undefined)[])[] {
  if (kl.kind !== "reward") return rewards;
  const { weight } = kl;
  return groups.map((members, group) =>
    members.map(({ rollout }, index) => {
      const reward = rewards[group]![index];
      return reward === undefined ? undefined : penalisedReward(reward, { ratios: referenceLogRatios(rollout, logProbs), weight });
    }),
  );
}

/** The same for each token [T], where a critic tells them apart. */
function tokenPenalties(weight: number, logProbs: StepLogProbs): (rollout: Rollout) => Float32Array {
  return (rollout) => referenceLogRatios(rollout, logProbs).map((ratio) => -weight * ratio);
}
