// Log-probabilities that sampling did not record: under the policy that a step's training starts from, where an older one sampled, and
// under the reference. Only what the recipe needs is asked for, before the step's first update.

import { mean } from "../base/statistics.ts";
import type { Rollout } from "../data/rollout.ts";
import type { ForwardSample, PolicyBackend, StepMetrics } from "../policy/backend.ts";
import { forwardSample, ownSample, sampledLogProb } from "./batch.ts";
import type { RlConfig } from "./config.ts";
import { logRatios } from "./kl.ts";
import type { RewardedRollout } from "./rollout.ts";

type LogProbs = ReadonlyMap<Rollout, Float32Array>;

/** By rollout, one number for each token that the policy chose. */
export interface StepLogProbs {
  /** Of rollouts that an older policy sampled, where the recipe corrects for it. */
  readonly old: LogProbs;
  /** Of all rollouts with a reward, where the recipe wants a divergence. */
  readonly reference: LogProbs;
}

/** What a step needs where rollouts are on-policy and there is no reference. */
export const nothingMissing: StepLogProbs = { old: new Map(), reference: new Map() };

/** Asks `policy`, as it is now, and `reference` for what is missing. */
export async function stepLogProbs(
  members: readonly RewardedRollout[],
  {
    config,
    policy,
    reference,
  }: { config: Pick<RlConfig, "correction" | "kl">; policy: PolicyBackend; reference: Pick<PolicyBackend, "forward"> | undefined },
): Promise<StepLogProbs> {
  const scored = members.filter(({ reward }) => reward !== undefined).map(({ rollout }) => rollout);
  const lagging = config.correction.kind === "none" ? [] : await sampledByAnother(scored, policy);
  return {
    old: await ask(policy, { rollouts: lagging, sample: ownSample }), // as it will be trained, or the first ratio would not be 1
    // who wires the stage knows its recipe
    reference: config.kl.kind === "none" ? new Map() : await ask(reference!, { rollouts: scored, sample: forwardSample }),
  };
}

/** Per token that the policy chose: log pi_old - log pi_ref. */
export function referenceLogRatios(rollout: Rollout, { old, reference }: StepLogProbs): Float32Array {
  return logRatios(old.get(rollout) ?? sampledLogProb(rollout), reference.get(rollout)!);
}

/** `klRef`, the mean log-ratio to the reference (k1), where the divergence is in the reward; in the loss, the loss reports it. */
export function rewardDivergence(logProbs: StepLogProbs, { kl }: Pick<RlConfig, "kl">): StepMetrics {
  if (kl.kind !== "reward") return {};
  const ratios = [...logProbs.reference.keys()].flatMap((rollout) => [...referenceLogRatios(rollout, logProbs)]);
  return ratios.length === 0 ? {} : { klRef: mean(ratios) };
}

async function sampledByAnother(rollouts: readonly Rollout[], policy: PolicyBackend): Promise<Rollout[]> {
  const { parameters } = await policy.digests();
  return rollouts.filter((rollout) => rollout.policy.some(({ version }) => version !== parameters));
}

async function ask(
  backend: Pick<PolicyBackend, "forward">,
  { rollouts, sample }: { rollouts: readonly Rollout[]; sample: (rollout: Rollout) => ForwardSample },
): Promise<LogProbs> {
  if (rollouts.length === 0) return new Map();
  const outputs = await backend.forward(rollouts.map(sample));
  return new Map(rollouts.map((rollout, i) => [rollout, outputs[i]!.logProb]));
}
