// The learning half of a step: groups with their credits are cut into minibatches of whole groups, one guarded update each. Only
// the first is on-policy; the others are what the clip is for.

import type { Clock } from "../base/clock.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import { type GuardState, guardedUpdate, optimSettings, phaseSpeed, refusedUpdate } from "../train/stage.ts";
import type { GroupCredit } from "./advantages.ts";
import { type CreditedRollout, numTrainedTokens, policyBatch } from "./batch.ts";
import type { RlConfig } from "./config.ts";
import { clippedSurrogateLoss } from "./losses.ts";
import { type UpdateReport, updateMetrics } from "./metrics.ts";
import type { RecordedRollout } from "./record.ts";
import type { RewardedRollout } from "./rollout.ts";

/** Groups as they are recorded: each rollout with its advantage, where it has one. */
export type CreditedGroups = readonly (readonly RecordedRollout[])[];

/** What came of a step's updates. After "untrusted" the stage has to go back to its last checkpoint. */
export type LearnedStep =
  | { readonly kind: "learned"; readonly guard: GuardState; readonly metrics: StepMetrics; readonly notes: readonly string[] }
  | { readonly kind: "untrusted"; readonly guard: GuardState; readonly reason: string };

/** Puts each member's advantage beside it. */
export function creditGroups(groups: readonly (readonly RewardedRollout[])[], credits: readonly GroupCredit[]): CreditedGroups {
  return groups.map((members, group) => {
    const credit = credits[group]!;
    if (credit.kind !== "trained") return members;
    return members.map((member, index) => {
      const advantage = credit.advantages[index];
      return advantage === undefined ? member : { ...member, advantage };
    });
  });
}

/**
 * One update for each minibatch that has anything to learn from. Stops early when the guard wants the run to go back. What was sampled
 * with log-probabilities that are no numbers is not learned from: the policy that gave them cannot be trusted.
 */
export async function learnFrom(
  groups: CreditedGroups,
  {
    policy,
    config,
    clock,
    step,
    guard: before,
  }: { policy: PolicyBackend; config: RlConfig; clock: Clock; step: number; guard: GuardState },
): Promise<LearnedStep> {
  const startMs = clock.elapsedMs();
  const loss = clippedSurrogateLoss(config.objective);
  const reports: UpdateReport[] = [];
  const skipped: string[] = [];
  let guard = before;
  let numTokens = 0;
  const broken = brokenSampling(groups);
  if (broken !== undefined) {
    const outcome = refusedUpdate({ reason: broken, guard, stability: config.stability });
    if (outcome.kind === "untrusted") return outcome;
    guard = outcome.guard;
    skipped.push(outcome.reason);
  }
  for (const credited of broken === undefined ? minibatches(groups, config.minibatchTasks) : []) {
    const batch = policyBatch(credited);
    const optimizer = optimSettings(config, { step, guard });
    const outcome = await guardedUpdate(policy, { batch, loss, optimizer, guard, stability: config.stability });
    guard = outcome.guard;
    if (outcome.kind === "untrusted") return outcome;
    if (outcome.kind === "applied") reports.push({ numTokens: numTrainedTokens(batch), metrics: outcome.metrics });
    else skipped.push(outcome.reason);
    numTokens += batch.samples.reduce((sum, { tokens }) => sum + tokens.length, 0);
  }
  const averaged = updateMetrics(reports);
  const metrics = {
    ...averaged,
    learningRate: optimSettings(config, { step, guard }).learningRate,
    updates: reports.length,
    skippedUpdates: skipped.length,
    trainedTokens: reports.reduce((sum, report) => sum + report.numTokens, 0),
    ...phaseSpeed("training", { numTokens, elapsedMs: clock.elapsedMs() - startMs }),
  };
  const notes = [...skipped.map((reason) => `update skipped: ${reason}`), ...mismatchNotes(averaged)];
  return { kind: "learned", guard, metrics, notes };
}

/** Log-probabilities of chosen tokens that are not finite; undefined where all are. A forced token has none. */
function brokenSampling(groups: CreditedGroups): string | undefined {
  let numChosen = 0;
  let numBroken = 0;
  for (const { rollout } of groups.flat()) {
    for (const [position, logProb] of rollout.logProbs.entries()) {
      if (rollout.chosen[position] === 0) continue;
      numChosen++;
      if (!Number.isFinite(logProb)) numBroken++;
    }
  }
  return numBroken === 0 ? undefined : `log-probabilities of ${numBroken} of ${numChosen} sampled tokens are not finite`;
}

/** Sampling and training must agree in every bit; where they do not, the engine is at fault and the gradient is off-policy. */
function mismatchNotes({ mismatchMax = 0, mismatchShare = 0 }: StepMetrics): string[] {
  if (mismatchMax === 0) return [];
  const share = `${(100 * mismatchShare).toPrecision(3)} % of the tokens`;
  return [`log-probabilities recomputed in training differ from the sampled ones in ${share}, by up to ${mismatchMax.toPrecision(3)}`];
}

/** Rollouts to train on, by `minibatchTasks` groups; minibatches without any are left out. */
function minibatches(groups: CreditedGroups, minibatchTasks: number): CreditedRollout[][] {
  const starts = Array.from({ length: Math.ceil(groups.length / minibatchTasks) }, (_, i) => i * minibatchTasks);
  return starts
    .map((from) => groups.slice(from, from + minibatchTasks).flat())
    .map((members) => members.flatMap(creditedRollout))
    .filter((credited) => credited.some(({ rollout }) => rollout.chosen.includes(1)));
}

function creditedRollout({ rollout, advantage, tokenAdvantages }: RecordedRollout): CreditedRollout[] {
  if (advantage === undefined) return [];
  return [{ rollout, advantage, ...(tokenAdvantages === undefined ? {} : { tokenAdvantages }) }];
}
