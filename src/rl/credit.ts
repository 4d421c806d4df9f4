// From a step's rewards to the credit of each rollout: by comparison within its group, or by a critic that tells tokens apart. What is
// computed stands in `advantages.ts`, `gdpo.ts` and `critic.ts`; this chooses.

import type { PolicyBackend } from "../policy/backend.ts";
import { type RewardTerm, termScores } from "../rewards/compose.ts";
import { type GroupCredit, groupAdvantages } from "./advantages.ts";
import type { AdvantagesConfig } from "./algorithmConfig.ts";
import type { RlConfig } from "./config.ts";
import { type ValuedGroups, valuedCredits, valueGroups } from "./critic.ts";
import { gdpoAdvantages, type MemberTerms } from "./gdpo.ts";
import type { RecordedRollout } from "./record.ts";
import type { RewardedRollout } from "./rollout.ts";
import { learnedRewards, overrunFactor } from "./thinking.ts";
import type { ThinkingConfig } from "./thinkingConfig.ts";
import { type CreditedGroups, creditGroups } from "./update.ts";

/** A step's groups with what they earned. */
export interface CreditedStep {
  readonly groups: CreditedGroups;
  readonly credits: readonly GroupCredit[];
  /** What the critic said and is to learn; absent without one. */
  readonly valued?: ValuedGroups;
}

type RewardedGroups = readonly (readonly RewardedRollout[])[];

interface CreditPlace {
  readonly config: RlConfig;
  readonly terms: readonly RewardTerm[];
  readonly critic: PolicyBackend | undefined;
  readonly isPretraining: boolean;
}

/** Advantages of a step. `critic` is asked where the recipe wants one. The rewards in the result are those of the verdicts. */
export async function creditStep(groups: RewardedGroups, { config, terms, critic, isPretraining }: CreditPlace): Promise<CreditedStep> {
  const { advantages, thinking } = config;
  if (advantages.kind !== "gae") {
    const credits = groupCredits(groups, { kind: advantages.kind, terms, thinking });
    return { groups: creditGroups(groups, credits), credits };
  }
  const rewards = learnedRewards(groups, thinking);
  const learned = groups.map((members, group) => members.map((member, index) => ({ ...member, reward: rewards[group]![index] })));
  const valued = await valueGroups(learned, { critic: critic!, gae: advantages, isPretraining }); // who wires the stage knows its recipe
  const credits = valuedCredits(valued);
  const credited = creditGroups(groups, credits).map((members, group) =>
    members.map((member, index): RecordedRollout => {
      const tokenAdvantages = valued[group]![index]?.advantages;
      return tokenAdvantages === undefined ? member : { ...member, tokenAdvantages };
    }),
  );
  return { groups: credited, credits, valued };
}

interface GroupPlace {
  readonly kind: Exclude<AdvantagesConfig["kind"], "gae">;
  readonly terms: readonly RewardTerm[];
  readonly thinking: ThinkingConfig;
}

/** Terms are read from the verdicts, so that a reward that was recorded has them too. What an overrun costs is taken off each. */
function groupCredits(groups: RewardedGroups, { kind, terms, thinking }: GroupPlace): GroupCredit[] {
  if (kind !== "gdpo") return groupAdvantages(learnedRewards(groups, thinking), kind);
  const ofMember = ({ task, rollout, verdicts, reward }: RewardedRollout): MemberTerms => {
    if (reward === undefined) return undefined;
    const factor = overrunFactor(rollout.thinking, thinking);
    return termScores(verdicts, { terms, taskVerifier: task.verifier }).map(({ weight, score }) => ({ weight, score: score * factor }));
  };
  return gdpoAdvantages(groups.map((members) => members.map(ofMember)));
}
