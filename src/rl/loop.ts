// One policy-gradient stage, as the list of its phases: tasks, sample, score, advantages, loss and update, record, checkpoint.
// Everything it works with is an argument. Every random draw is keyed by (seed, purpose, step, task, index), and what else a step
// depends on is carried by the checkpoints, so a stage that was killed and goes on from its last checkpoint takes the same steps again,
// to the same bits.

import { join } from "node:path";

import { TrainingError } from "../base/errors.ts";
import type { Rollout } from "../data/rollout.ts";
import { failureText } from "../data/verdict.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import type { RewardTerm } from "../rewards/compose.ts";
import { type GuardState, isCheckpointWanted, phaseSpeed, type StageStart, timed } from "../train/stage.ts";
import { initialAlarms } from "./alarms.ts";
import { carriedPoint, readCarried } from "./carried.ts";
import { pretrainingSteps, type RlConfig } from "./config.ts";
import { type CreditedStep, comparedGroups, creditStep } from "./credit.ts";
import { teachCritic } from "./critic.ts";
import { failureOf, rolloutMetrics } from "./metrics.ts";
import { overlongMetrics } from "./overlong.ts";
import { type RecordedRollout, type RlRecord, rolloutDigests } from "./record.ts";
import type { Group, RewardedRollout } from "./rollout.ts";
import { isSampledEarlier } from "./samplingConfig.ts";
import { restoreSource, saveRollouts, sourceToJson } from "./savedSource.ts";
import { openSource } from "./source.ts";
import type { Source, SourceDeps, SourcedStep } from "./sourceDeps.ts";
import { initialSource, type SourceState } from "./sourceState.ts";
import { rewardDivergence, type StepLogProbs, stepLogProbs } from "./stepLogProbs.ts";
import { budgetMetrics } from "./thinking.ts";
import { type LearnedStep, learnFrom } from "./update.ts";
import { alarmNotes, verifierCure, type Watched, type WatchedRollouts, watchMetrics, watchRollouts } from "./watch.ts";

/** What the stage works with. */
export interface RlDeps extends SourceDeps {
  /** Says what states are worth; there where `config.advantages` asks for one. Saved in the policy's checkpoint. */
  readonly critic?: PolicyBackend;
  /** The policy as the stage found it; there where `config.kl` asks for one. */
  readonly reference?: Pick<PolicyBackend, "forward">;
  /** What `score` makes rewards of, for advantages that look at each term by itself. */
  readonly terms: readonly RewardTerm[];
  /** Held-out measurements after a step; empty where none are due. */
  readonly evaluate: (nextStep: number, signal: AbortSignal) => Promise<StepMetrics>;
  readonly record: RlRecord;
  /** When aborted, the step is finished and saved, and the stage ends. `signal` ends it at once. */
  readonly stop: AbortSignal;
}

/** Trains until `config.steps` or `stop`; resolves to the step to go on with. */
export async function trainPolicy(config: RlConfig, deps: RlDeps, signal: AbortSignal): Promise<number> {
  const { policy, critic, terms, record, stop } = deps;
  let { nextStep: step, guard } = record.start;
  let source = sourceAt(record.start, { config, deps });
  let watched = watchedAt(record.start);
  const savedWith = (state: SourceState) => async (folder: string) => {
    await policy.save(folder); // makes the folder
    await critic?.save(criticFolder(folder));
    saveRollouts(folder, state);
  };
  if (step === 0) await record.checkpoint({ nextStep: 0, guard }, savedWith(initialSource));
  while (step < config.steps && !stop.aborted) {
    const sampled = await source.next(step, signal); // tasks, sample, score
    const all = inOrder(sampled.groups, sampled.others);
    const attempt = { step, rollouts: all.flat() }; // without credit: nothing is learned from it
    const endsHere = async (error: unknown): Promise<never> => {
      if (error instanceof TrainingError) await record.recordAttempt(attempt); // this step ends the run: its rollouts are kept
      throw error;
    };
    const look = record.command("rollouts", "--unscorable");
    const tooMany = tooManyUnscorable(attempt, { terms, config, look });
    if (tooMany !== undefined) return endsHere(tooMany);
    const { credited, logProbs, metrics: recomputed } = await credit(sampled.groups, { config, deps, step }).catch(endsHere);
    const rolled = rolloutMetrics(all, { compared: comparedGroups(all, { config, terms }), terms });
    const taught = await teach(credited, { config, deps, step, guard });
    const seen = { before: watched, rollouts: all.flat(), metrics: rolled };
    const learned = await learn(credited, { config, deps, step, guard, logProbs, mismatch: sampled.mismatch, seen }).catch(endsHere);
    guard = learned.guard;
    if (learned.kind === "untrusted") {
      await record.recordAttempt(attempt);
      const reason = [learned.reason, ...alarmNotes(learned.watch)].join("; ");
      const checkpoint = await record.goBack({ step, reason, guard });
      await policy.load(checkpoint.folder);
      await critic?.load(criticFolder(checkpoint.folder));
      source = sourceAt(checkpoint, { config, deps });
      watched = watchedAt(checkpoint);
      step = checkpoint.nextStep;
      continue;
    }
    const measured = await deps.evaluate(step + 1, signal);
    const ofRollouts = { ...rolled, ...budgetMetrics(all), ...overlongMetrics(all.flat(), config), ...recomputed };
    await record.recordStep({
      step,
      metrics: { ...ofRollouts, ...taught.metrics, ...learned.metrics, ...watchMetrics(learned.watch), ...sampled.metrics, ...measured },
      digests: { ...rolloutDigests(all.flat()), ...(await policy.digests()), ...(await criticDigests(critic)) },
      guard,
      notes: [...taught.notes, ...learned.notes, ...alarmNotes(learned.watch)],
      rollouts: inOrder(credited.groups, sampled.others).flat(),
    });
    watched = learned.watch.state;
    step++;
    if (isCheckpointWanted(step, { guard, record, stop, steps: config.steps })) {
      const state = await source.state();
      await record.checkpoint({ nextStep: step, guard, ...carriedPoint({ source: sourceToJson(state), ...watched }) }, savedWith(state));
    }
  }
  return step;
}

/** What a stage that goes on finds in its checkpoint. */
type CarriedFrom = Pick<StageStart, "carried" | "folder">;

function sourceAt(from: CarriedFrom, { config, deps }: { config: RlConfig; deps: RlDeps }): Source {
  const { terms } = deps;
  const restored = restoreSource(readCarried(from).source, from.folder);
  return openSource(config, { ...deps, teaches: (group) => comparedGroups([group], { config, terms })[0] === "trained" }, restored);
}

function watchedAt(from: CarriedFrom): Watched {
  const { alarms = initialAlarms, radar } = readCarried(from);
  return { alarms, radar };
}

/** All groups that were sampled for a step, in the order in which they were drawn. */
function inOrder<Member extends RewardedRollout>(
  groups: readonly (readonly Member[])[],
  others: readonly Group[],
): (readonly (Member | RewardedRollout)[])[] {
  return [...groups, ...others].toSorted((a, b) => a[0]!.rollout.group - b[0]!.rollout.group);
}

interface StepPlace {
  readonly config: RlConfig;
  readonly deps: RlDeps;
  readonly step: number;
  readonly guard: GuardState;
}

/** Advantages, with what sampling did not record and they or the loss need. */
async function credit(
  groups: readonly Group[],
  { config, deps: { policy, critic, reference, terms, clock }, step }: Omit<StepPlace, "guard">,
): Promise<{ readonly credited: CreditedStep; readonly logProbs: StepLogProbs; readonly metrics: StepMetrics }> {
  const [logProbs, recomputing] = await timed("recomputing", {
    clock,
    work: () => stepLogProbs(groups.flat(), { config, policy, reference }),
  });
  const isPretraining = step < pretrainingSteps(config);
  const [credited, valuing] = await timed("valuing", {
    clock,
    work: () => creditStep(groups, { config, terms, critic, isPretraining, logProbs }),
  });
  const metrics = {
    ...rewardDivergence(logProbs, config),
    ...(logProbs.old.size + logProbs.reference.size > 0 ? recomputing : {}),
    ...(critic === undefined ? {} : valuing),
  };
  return { credited, logProbs, metrics };
}

/** What the policy's updates depend on beside the groups. */
interface LearnPlace extends StepPlace {
  readonly logProbs: StepLogProbs;
  readonly mismatch: SourcedStep["mismatch"];
  /** What is watched. */
  readonly seen: Pick<WatchedRollouts, "rollouts" | "metrics"> & { readonly before: Watched };
}

/** The policy's updates, watched by the alarms; none while the critic is pretrained. Its schedule starts when it does. */
async function learn(
  { groups }: CreditedStep,
  { config, deps: { policy, seed, clock, terms, record }, step, guard, logProbs, mismatch, seen }: LearnPlace,
): Promise<LearnedStep> {
  const watch = watchRollouts(seen.before, { ...seen, step, config, terms });
  const before = pretrainingSteps(config);
  const hasLearned = (): boolean => record.hasLearned(step);
  const place = { policy, seed, clock, logProbs, mismatch, guard, watch, hasLearned, config: { ...config, steps: config.steps - before } };
  if (step >= before) return learnFrom(groups, { ...place, step: step - before });
  const learned = await learnFrom(groups.map(withoutCredit), { ...place, step: 0 });
  if (learned.kind === "untrusted") return learned;
  const { learningRate: _, ...metrics } = learned.metrics; // nothing is learned at it yet
  return { ...learned, metrics };
}

function withoutCredit(members: readonly RecordedRollout[]): readonly RewardedRollout[] {
  return members.map(({ advantage: _, tokenAdvantages: __, ...member }) => member);
}

/** The critic's updates, where there is one. */
async function teach(
  { valued }: CreditedStep,
  { config, deps: { critic, clock }, step, guard }: StepPlace,
): Promise<{ readonly metrics: StepMetrics; readonly notes: readonly string[] }> {
  if (critic === undefined || valued === undefined || config.advantages.kind !== "gae") return { metrics: {}, notes: [] };
  const startMs = clock.elapsedMs();
  const { metrics, notes } = await teachCritic(valued, { critic, gae: config.advantages, config, step, guard });
  const numTokens = valued.flat().reduce((sum, member) => sum + (member === undefined ? 0 : sequenceTokens(member.rollout)), 0);
  return { metrics: { ...metrics, ...phaseSpeed("critic", { numTokens, elapsedMs: clock.elapsedMs() - startMs }) }, notes };
}

/** Prompt and response. */
function sequenceTokens({ promptTokens, tokens }: Rollout): number {
  return promptTokens.length + tokens.length;
}

/** Where the critic lies in a checkpoint of the policy. */
export function criticFolder(folder: string): string {
  return join(folder, "critic");
}

async function criticDigests(critic: PolicyBackend | undefined): Promise<Readonly<Record<string, string>>> {
  if (critic === undefined) return {};
  const { parameters, optimizer } = await critic.digests();
  return { critic: parameters, criticOptimizer: optimizer };
}

/** A checker that fails often says something about the checker, not about the policy. */
function tooManyUnscorable(
  { step, rollouts }: { step: number; rollouts: readonly RewardedRollout[] },
  { terms, config, look }: { terms: readonly RewardTerm[]; config: RlConfig; look: string },
): TrainingError | undefined {
  const maxShare = config.alarms.unscorable.stopAbove;
  const unscorable = rollouts.filter(({ reward }) => reward === undefined);
  if (unscorable.length <= maxShare * rollouts.length) return undefined;
  const failure = failureOf(unscorable[0]!, terms);
  const why = failure === undefined ? "" : `, the first by verifier "${failure.verifier}": ${failureText(failure)}`;
  const cure = `${verifierCure(isSampledEarlier(config.sampling))}, or fork it with a higher rl.alarms.unscorable.stopAbove`;
  return new TrainingError(
    `rl: at most ${maxShare} of a step's rollouts may be unscorable, got ${unscorable.length} of ${rollouts.length} after ${step} steps${why}; ${cure}; ${look} shows them`,
  );
}
