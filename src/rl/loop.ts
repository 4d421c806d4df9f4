// One policy-gradient stage, as the list of its phases: tasks, sample, score, advantages, loss and update, record, checkpoint.
// Everything it works with is an argument. Every random draw is keyed by (seed, purpose, step, task, index), so a stage that was
// killed and goes on from its last checkpoint takes the same steps again, to the same bits.

import { join } from "node:path";

import type { Clock } from "../base/clock.ts";
import { TrainingError } from "../base/errors.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import { failureText } from "../data/verdict.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import type { RewardTerm } from "../rewards/compose.ts";
import type { RolloutScore } from "../rewards/score.ts";
import { type GuardState, isCheckpointWanted, phaseSpeed } from "../train/stage.ts";
import { pretrainingSteps, type RlConfig } from "./config.ts";
import { type CreditedStep, creditStep } from "./credit.ts";
import { teachCritic } from "./critic.ts";
import { rolloutMetrics } from "./metrics.ts";
import { type RlRecord, rolloutDigests } from "./record.ts";
import {
  type RewardedRollout,
  type RewardRollout,
  type RolloutReward,
  type SampledStep,
  sampleAndReward,
  sampleRequests,
} from "./rollout.ts";
import { rewardDivergence, type StepLogProbs, stepLogProbs } from "./stepLogProbs.ts";
import { budgetMetrics, withBudgets } from "./thinking.ts";
import { type LearnedStep, learnFrom } from "./update.ts";

/** What the stage works with. */
export interface RlDeps {
  readonly seed: number;
  readonly policy: PolicyBackend;
  /** Says what states are worth; there where `config.advantages` asks for one. Saved in the policy's checkpoint. */
  readonly critic?: PolicyBackend;
  /** The policy as the stage found it; there where `config.kl` asks for one. */
  readonly reference?: Pick<PolicyBackend, "forward">;
  /** The tasks of a step; a pure function of it. */
  readonly tasks: (step: number, count: number) => readonly Task[];
  readonly promptTokens: (task: Task) => Int32Array;
  /** What `score` makes rewards of, for advantages that look at each term by itself. */
  readonly terms: readonly RewardTerm[];
  readonly score: (asked: { readonly task: Task; readonly rollout: Rollout }, signal: AbortSignal) => Promise<RolloutScore>;
  /** Held-out measurements after a step; empty where none are due. */
  readonly evaluate: (nextStep: number, signal: AbortSignal) => Promise<StepMetrics>;
  readonly record: RlRecord;
  readonly clock: Clock;
  /** When aborted, the step is finished and saved, and the stage ends. `signal` ends it at once. */
  readonly stop: AbortSignal;
}

/** Trains until `config.steps` or `stop`; resolves to the step to go on with. */
export async function trainPolicy(config: RlConfig, deps: RlDeps, signal: AbortSignal): Promise<number> {
  const { policy, critic, record, stop } = deps;
  const save = async (folder: string): Promise<void> => {
    await policy.save(folder);
    await critic?.save(criticFolder(folder));
  };
  let { nextStep: step, guard } = record.start;
  if (step === 0) await record.checkpoint({ nextStep: 0, guard }, save);
  while (step < config.steps && !stop.aborted) {
    const tasks = withBudgets(deps.tasks(step, config.tasksPerStep), { thinking: config.thinking, seed: deps.seed, step });
    const sampled = await sampleStep(tasks, { config, deps, step }, signal);
    const isPretraining = step < pretrainingSteps(config);
    const logProbs = await stepLogProbs(sampled.groups.flat(), { config, policy, reference: deps.reference });
    const credited = await creditStep(sampled.groups, { config, terms: deps.terms, critic, isPretraining, logProbs });
    const attempt = { step, rollouts: sampled.groups.flat() }; // without credit: nothing is learned from it
    const tooMany = tooManyUnscorable(attempt, config.maxUnscorableShare);
    if (tooMany !== undefined) {
      await record.recordAttempt(attempt);
      throw tooMany;
    }
    const taught = await teach(credited, { config, deps, step, guard });
    const learned = await learn(credited, { config, deps, step, guard, logProbs }).catch(async (error: unknown) => {
      if (error instanceof TrainingError) await record.recordAttempt(attempt); // going back did not help: this step ends the run
      throw error;
    });
    guard = learned.guard;
    if (learned.kind === "untrusted") {
      await record.recordAttempt(attempt);
      const checkpoint = await record.goBack({ step, reason: learned.reason, guard });
      await policy.load(checkpoint.folder);
      await critic?.load(criticFolder(checkpoint.folder));
      step = checkpoint.nextStep;
      continue;
    }
    const measured = await deps.evaluate(step + 1, signal);
    await record.recordStep({
      step,
      metrics: {
        ...rolloutMetrics(sampled.groups, credited.credits),
        ...budgetMetrics(sampled.groups),
        ...samplingSpeed(sampled),
        ...rewardDivergence(logProbs, config),
        ...taught.metrics,
        ...learned.metrics,
        ...measured,
      },
      digests: { ...rolloutDigests(sampled.groups.flat()), ...(await policy.digests()), ...(await criticDigests(critic)) },
      guard,
      notes: [...taught.notes, ...learned.notes],
      rollouts: credited.groups.flat(),
    });
    step++;
    if (isCheckpointWanted(step, { guard, record, stop, steps: config.steps })) await record.checkpoint({ nextStep: step, guard }, save);
  }
  return step;
}

/** Samples and scores a step's groups; what an earlier attempt at the step recorded is not scored again. */
function sampleStep(
  tasks: readonly Task[],
  { config, deps, step }: { config: RlConfig; deps: RlDeps; step: number },
  signal: AbortSignal,
): Promise<SampledStep> {
  const { seed, policy, promptTokens, record, clock } = deps;
  const { temperature, maxNewTokens, routingReplay } = config;
  const { groupSize } = config.advantages;
  const requests = sampleRequests(tasks, { seed, step, groupSize, temperature, maxNewTokens, promptTokens, routingReplay });
  const reward: RewardRollout = async (asked, abort) =>
    record.recordedReward(step, asked.rollout) ?? earned(await deps.score(asked, abort));
  return sampleAndReward(requests, { tasks, policy, reward, clock }, signal);
}

function earned({ verdicts, reward }: RolloutScore): RolloutReward {
  return { verdicts, reward: reward.kind === "scored" ? reward.reward : undefined };
}

interface StepPlace {
  readonly config: RlConfig;
  readonly deps: RlDeps;
  readonly step: number;
  readonly guard: GuardState;
}

/** The policy's updates; none while the critic is pretrained. Its schedule starts when it does. */
async function learn(
  { groups }: CreditedStep,
  { config, deps: { policy, seed, clock }, step, guard, logProbs }: StepPlace & { logProbs: StepLogProbs },
): Promise<LearnedStep> {
  const before = pretrainingSteps(config);
  if (step < before) return { kind: "learned", guard, metrics: {}, notes: [] };
  return learnFrom(groups, {
    policy,
    seed,
    logProbs,
    config: { ...config, steps: config.steps - before },
    clock,
    step: step - before,
    guard,
  });
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

function samplingSpeed({ groups, samplingMs, scoringMs }: SampledStep): StepMetrics {
  const numTokens = groups.flat().reduce((sum, { rollout }) => sum + rollout.tokens.length, 0);
  return { ...phaseSpeed("sampling", { numTokens, elapsedMs: samplingMs }), "seconds/scoring": scoringMs / 1000 };
}

/** A checker that fails often says something about the checker, not about the policy. */
function tooManyUnscorable(
  { step, rollouts }: { step: number; rollouts: readonly RewardedRollout[] },
  maxShare: number,
): TrainingError | undefined {
  const unscorable = rollouts.filter(({ reward }) => reward === undefined);
  if (unscorable.length <= maxShare * rollouts.length) return undefined;
  const example = unscorable.flatMap(({ verdicts }) => Object.entries(verdicts)).find(([, verdict]) => verdict.kind === "unscorable");
  const why = example?.[1].kind === "unscorable" ? `, the first by verifier "${example[0]}": ${failureText(example[1])}` : "";
  return new TrainingError(
    `rl: at most ${maxShare} of a step's rollouts may be unscorable, got ${unscorable.length} of ${rollouts.length} in step ${step}${why}; whetstone runs rollouts RUN --unscorable shows them`,
  );
}
