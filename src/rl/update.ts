// The learning half of a step: groups with their credits are cut into minibatches of whole groups, one guarded update each, as often as the
// recipe says. Only the first is on-policy; the others are what the clip is for.

import type { Clock } from "../base/clock.ts";
import { rngFor } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { PolicyBackend, StepMetrics, TrainBatch } from "../policy/backend.ts";
import { type GuardState, guardedUpdate, type Objection, optimSettings, phaseSpeed, refusedUpdate, usualCure } from "../train/stage.ts";
import type { GroupCredit } from "./advantages.ts";
import type { CorrectionConfig } from "./algorithmConfig.ts";
import { type CreditedRollout, numTrainedTokens, policyBatch, sampledLogProb } from "./batch.ts";
import type { RlConfig } from "./config.ts";
import { correctOffPolicy } from "./correction.ts";
import { withCovarianceColumn } from "./covariance.ts";
import { policyLoss } from "./losses.ts";
import { mismatchLevels, type UpdateReport, updateMetrics } from "./metrics.ts";
import { type Mismatch, sampledMismatch } from "./mismatch.ts";
import type { RecordedRollout } from "./record.ts";
import type { RewardedRollout } from "./rollout.ts";
import { nothingMissing, type StepLogProbs } from "./stepLogProbs.ts";
import { guardAfter, mayLearn, objectionOf, type StepWatch, watchUpdate } from "./watch.ts";

/** Groups as they are recorded: each rollout with its advantage, where it has one. */
export type CreditedGroups = readonly (readonly RecordedRollout[])[];

/** What came of a step's updates. After "untrusted" the stage has to go back to its last checkpoint; `watch` holds what was raised. */
export type LearnedStep =
  | {
      readonly kind: "learned";
      readonly guard: GuardState;
      readonly watch: StepWatch;
      readonly metrics: StepMetrics;
      readonly notes: readonly string[];
    }
  | { readonly kind: "untrusted"; readonly guard: GuardState; readonly watch: StepWatch; readonly reason: string };

/**
 * Puts each member's advantage beside it. A flat group has nothing to say to the objective; it is learned from where the loss has terms
 * that need no advantage.
 */
export function creditGroups(
  groups: readonly (readonly RewardedRollout[])[],
  { credits, config }: { readonly credits: readonly GroupCredit[]; readonly config: Pick<RlConfig, "entropy" | "kl"> },
): CreditedGroups {
  const isFlatTrained = config.entropy.kind === "bonus" || config.kl.kind === "loss";
  return groups.map((members, group) => {
    const credit = credits[group]!;
    if (credit.kind === "dropped" || (credit.kind === "flat" && !isFlatTrained)) return members;
    return members.map((member, index) => {
      const advantage = credit.advantages[index];
      return advantage === undefined ? member : { ...member, advantage };
    });
  });
}

/** What updates are made with. */
export interface Learning {
  readonly policy: PolicyBackend;
  readonly config: RlConfig;
  readonly seed: number;
  readonly clock: Clock;
  readonly step: number;
  readonly guard: GuardState;
  /** What the step's rollouts raised. */
  readonly watch: StepWatch;
  /** Whether anything was learned after the checkpoint that would be gone back to. */
  readonly hasLearned: () => boolean;
  /** What sampling did not record. Absent: nothing is missing. */
  readonly logProbs?: StepLogProbs;
  /** Of sampling, where an older policy sampled. Absent: the first update compares, or where there is none the policy is asked. */
  readonly mismatch?: Mismatch | undefined;
}

/**
 * One update for each minibatch that has anything to learn from, `innerEpochs` times over. Stops early when the guard wants the run to go
 * back. What was sampled with log-probabilities that are no numbers is not learned from: the policy that gave them cannot be trusted. Nor
 * is a step whose alarms object: they judge the first update that the guard trusts before it is applied, and where they object to it the
 * step's other updates are not taken either.
 */
export async function learnFrom(groups: CreditedGroups, learning: Learning): Promise<LearnedStep> {
  const { policy, config, clock, step, watch } = learning;
  const startMs = clock.elapsedMs();
  const start = guardAfter(learning.guard, watch);
  const broken = brokenSampling(groups);
  const objection = broken ?? objectionOf(watch, learning.hasLearned);
  const refused = objection && refusedUpdate({ ...objection, guard: start, stability: config.stability });
  if (refused?.kind === "untrusted") return { ...refused, watch };
  const { credited, metrics: correction } = corrected(
    refused === undefined ? creditedRollouts(groups, learning.logProbs ?? nothingMissing) : [],
    config.correction,
  );
  const batches = minibatches(credited, config.minibatchTasks).map((members) => policyBatch(members, config.aggregation));
  const updates = await takeUpdates(batches, { ...learning, guard: refused?.guard ?? start, correction });
  if (updates.kind === "untrusted") return updates;
  const { applied, told, numTokens, guard } = updates;
  const skipped = [...(refused === undefined ? [] : [refused.reason]), ...updates.skipped];
  const isUncompared = told.length === 0 && broken === undefined;
  const mismatch = learning.mismatch ?? (isUncompared ? await sampledMismatch(policy, rolloutsOf(groups)) : {});
  const averaged = { ...updateMetrics(told), ...mismatch };
  const metrics = {
    ...averaged,
    ...correction,
    ...mismatchLevels(told[0]?.metrics ?? {}, correction),
    learningRate: updates.learningRate ?? optimSettings(config, { step, guard: start }).learningRate,
    updates: applied.length,
    skippedUpdates: skipped.length,
    trainedTokens: applied.reduce((sum, report) => sum + report.numTokens, 0),
    ...phaseSpeed("training", { numTokens, elapsedMs: clock.elapsedMs() - startMs }),
  };
  const notes = [...skipped.map((reason) => `update skipped: ${reason}`), ...mismatchNotes(averaged)];
  return { kind: "learned", guard, watch: updates.watch, metrics, notes };
}

/** What became of a step's minibatches. */
interface TakenUpdates {
  readonly kind: "taken";
  readonly guard: GuardState;
  readonly watch: StepWatch;
  readonly applied: readonly UpdateReport[];
  /** The updates that were applied; where none was, the first that was tried. */
  readonly told: readonly UpdateReport[];
  /** Why others were not applied. */
  readonly skipped: readonly string[];
  /** Of the last update; absent where none was applied. */
  readonly learningRate: number | undefined;
  /** In all batches that were tried, prompts included. */
  readonly numTokens: number;
}

async function takeUpdates(
  batches: readonly TrainBatch[],
  { correction, ...learning }: Learning & { readonly correction: StepMetrics },
): Promise<TakenUpdates | Extract<LearnedStep, { kind: "untrusted" }>> {
  const { policy, config, step } = learning;
  const loss = policyLoss(config);
  const tried: UpdateReport[] = [];
  const applied: UpdateReport[] = [];
  const skipped: string[] = [];
  let { watch, guard } = learning;
  let learningRate: number | undefined;
  let numTokens = 0;
  for (const [update, batch] of repeated(batches, config.innerEpochs).entries()) {
    const optimizer = optimSettings(config, { step, guard });
    const asked = withEntropyColumn(batch, { ...learning, update });
    const before = watch;
    const inspect = (metrics: StepMetrics): Objection | undefined => {
      if (applied.length > 0) return undefined; // the policy is no longer the one that the step began with
      watch = watchUpdate(watch, { ...metrics, ...mismatchLevels(metrics, correction) });
      return objectionOf(watch, learning.hasLearned);
    };
    const outcome = await guardedUpdate(policy, { batch: asked, loss, optimizer, guard, stability: config.stability, inspect });
    if (outcome.kind === "untrusted") return { ...outcome, watch };
    tried.push({ numTokens: numTrainedTokens(batch), metrics: outcome.metrics });
    guard = guardAfter(outcome.guard, { ...watch, alarms: watch.alarms.slice(before.alarms.length) });
    if (outcome.kind === "applied") {
      applied.push(tried.at(-1)!);
      learningRate = optimizer.learningRate;
    } else skipped.push(outcome.reason);
    numTokens += batch.samples.reduce((sum, { tokens }) => sum + tokens.length, 0);
    if (!mayLearn(watch)) break;
  }
  const told = applied.length > 0 ? applied : tried.slice(0, 1);
  return { kind: "taken", guard, watch, applied, told, skipped, learningRate, numTokens };
}

function rolloutsOf(groups: CreditedGroups): Rollout[] {
  return groups.flat().map(({ rollout }) => rollout);
}

/** Where log-probabilities of chosen tokens are not finite. A forced token has none. */
function brokenSampling(groups: CreditedGroups): Objection | undefined {
  let numChosen = 0;
  let numBroken = 0;
  for (const { logProbs, chosen } of rolloutsOf(groups)) {
    for (const [position, logProb] of logProbs.entries()) {
      if (chosen[position] === 0) continue;
      numChosen++;
      if (!Number.isFinite(logProb)) numBroken++;
    }
  }
  if (numBroken === 0) return undefined;
  const reason = `log-probabilities of ${numBroken} of ${numChosen} sampled tokens are not finite`;
  return { wants: "skip", reason, cure: usualCure, isRepeated: false };
}

/** Sampling and training must agree in every bit; where they do not, the engine is at fault and the gradient is off-policy. */
function mismatchNotes({ mismatchMax = 0, mismatchShare = 0 }: StepMetrics): string[] {
  if (mismatchMax === 0) return [];
  const share = `${(100 * mismatchShare).toPrecision(3)} % of the tokens`;
  return [`log-probabilities recomputed in training differ from the sampled ones in ${share}, by up to ${mismatchMax.toPrecision(3)}`];
}

/** The members with an advantage. */
function creditedRollouts(groups: CreditedGroups, { old, reference }: StepLogProbs): CreditedRollout[] {
  return groups.flatMap((members, group) =>
    members.flatMap(({ rollout, advantage, tokenAdvantages }) => {
      if (advantage === undefined) return [];
      const [oldLogProb, refLogProb] = [old.get(rollout), reference.get(rollout)];
      return [
        {
          rollout,
          advantage,
          group,
          ...(tokenAdvantages === undefined ? {} : { tokenAdvantages }),
          ...(oldLogProb === undefined ? {} : { oldLogProb }),
          ...(refLogProb === undefined ? {} : { refLogProb }),
        },
      ];
    }),
  );
}

/** With factors for what another policy sampled. */
function corrected(
  credited: readonly CreditedRollout[],
  config: CorrectionConfig,
): { readonly credited: readonly CreditedRollout[]; readonly metrics: StepMetrics } {
  if (config.kind === "none") return { credited, metrics: {} };
  const sequences = credited.map(({ rollout, oldLogProb }) => {
    const sampled = sampledLogProb(rollout);
    return { oldLogProb: oldLogProb ?? sampled, sampledLogProb: sampled };
  });
  const { factors, metrics } = correctOffPolicy(sequences, config);
  return { credited: credited.map((credit, i) => ({ ...credit, correction: factors[i]! })), metrics };
}

/** Rollouts to train on, by `minibatchTasks` groups; minibatches without any are left out. */
function minibatches(credited: readonly CreditedRollout[], minibatchTasks: number): CreditedRollout[][] {
  const members = Map.groupBy(credited, ({ group }) => Math.floor(group / minibatchTasks));
  return [...members.values()].filter((each) => each.some(({ rollout }) => rollout.chosen.includes(1)));
}

function repeated<T>(items: readonly T[], times: number): T[] {
  return Array.from({ length: times }, () => items).flat();
}

/** Every update draws anew. */
function withEntropyColumn(
  batch: TrainBatch,
  { config: { entropy }, seed, step, update }: Pick<Learning, "config" | "seed" | "step"> & { readonly update: number },
): TrainBatch {
  if (entropy.kind !== "clip-cov" && entropy.kind !== "kl-cov") return batch;
  return withCovarianceColumn(batch, { config: entropy, rng: rngFor(seed, "covariance", step, update) });
}
