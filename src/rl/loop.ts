// One policy-gradient stage, as the list of its phases: tasks, sample, score, advantages, loss and update, record, checkpoint.
// Everything it works with is an argument. Every random draw is keyed by (seed, purpose, step, task, index), so a stage that was
// killed and goes on from its last checkpoint takes the same steps again, to the same bits.

import type { Clock } from "../base/clock.ts";
import { TrainingError } from "../base/errors.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import { type RewardTerm, termScores } from "../rewards/compose.ts";
import type { RolloutScore } from "../rewards/score.ts";
import { isCheckpointWanted, phaseSpeed } from "../train/stage.ts";
import { type GroupCredit, groupAdvantages } from "./advantages.ts";
import type { RlConfig } from "./config.ts";
import { gdpoAdvantages, type MemberTerms } from "./gdpo.ts";
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
import { budgetMetrics, learnedRewards, overrunFactor, withBudgets } from "./thinking.ts";
import { creditGroups, learnFrom } from "./update.ts";

/** What the stage works with. */
export interface RlDeps {
  readonly seed: number;
  readonly policy: PolicyBackend;
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
  const { policy, record, clock, stop } = deps;
  const save = (folder: string): Promise<void> => policy.save(folder);
  let { nextStep: step, guard } = record.start;
  if (step === 0) await record.checkpoint({ nextStep: 0, guard }, save);
  while (step < config.steps && !stop.aborted) {
    const tasks = withBudgets(deps.tasks(step, config.tasksPerStep), { thinking: config.thinking, seed: deps.seed, step });
    const sampled = await sampleStep(tasks, { config, deps, step }, signal);
    const credits = creditsOf(sampled, { config, terms: deps.terms });
    const groups = creditGroups(sampled.groups, credits);
    const attempt = { step, rollouts: sampled.groups.flat() }; // without credit: nothing is learned from it
    const tooMany = tooManyUnscorable(attempt, config.maxUnscorableShare);
    if (tooMany !== undefined) {
      await record.recordAttempt(attempt);
      throw tooMany;
    }
    const learned = await learnFrom(groups, { policy, config, clock, step, guard }).catch(async (error: unknown) => {
      if (error instanceof TrainingError) await record.recordAttempt(attempt); // going back did not help: this step ends the run
      throw error;
    });
    guard = learned.guard;
    if (learned.kind === "untrusted") {
      await record.recordAttempt(attempt);
      const checkpoint = await record.goBack({ step, reason: learned.reason, guard });
      await policy.load(checkpoint.folder);
      step = checkpoint.nextStep;
      continue;
    }
    const measured = await deps.evaluate(step + 1, signal);
    await record.recordStep({
      step,
      metrics: {
        ...rolloutMetrics(sampled.groups, credits),
        ...budgetMetrics(sampled.groups),
        ...samplingSpeed(sampled),
        ...learned.metrics,
        ...measured,
      },
      digests: { ...rolloutDigests(sampled.groups.flat()), ...(await policy.digests()) },
      guard,
      notes: learned.notes,
      rollouts: groups.flat(),
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
  const { temperature, maxNewTokens } = config;
  const { groupSize } = config.advantages;
  const requests = sampleRequests(tasks, { seed, step, groupSize, temperature, maxNewTokens, promptTokens });
  const reward: RewardRollout = async (asked, abort) =>
    record.recordedReward(step, asked.rollout) ?? earned(await deps.score(asked, abort));
  return sampleAndReward(requests, { tasks, policy, reward, clock }, signal);
}

function earned({ verdicts, reward }: RolloutScore): RolloutReward {
  return { verdicts, reward: reward.kind === "scored" ? reward.reward : undefined };
}

/** Terms are read from the verdicts, so that a reward that was recorded has them too. What an overrun costs is taken off here: verdicts and rewards are recorded without it. */
function creditsOf({ groups }: SampledStep, { config, terms }: { config: RlConfig; terms: readonly RewardTerm[] }): GroupCredit[] {
  const { advantages, thinking } = config;
  if (advantages.kind !== "gdpo") return groupAdvantages(learnedRewards(groups, thinking), advantages.kind);
  const ofMember = ({ task, rollout, verdicts, reward }: RewardedRollout): MemberTerms => {
    if (reward === undefined) return undefined;
    const factor = overrunFactor(rollout.thinking, thinking);
    return termScores(verdicts, { terms, taskVerifier: task.verifier }).map(({ weight, score }) => ({ weight, score: score * factor }));
  };
  return gdpoAdvantages(groups.map((members) => members.map(ofMember)));
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
  const why =
    example?.[1].kind === "unscorable" ? `, the first by verifier "${example[0]}": ${example[1].failure}, ${example[1].reason}` : "";
  return new TrainingError(
    `rl: at most ${maxShare} of a step's rollouts may be unscorable, got ${unscorable.length} of ${rollouts.length} in step ${step}${why}; whetstone runs rollouts RUN --unscorable shows them. Once the verifier is repaired, go on with: whetstone runs resume RUN --new-chain`,
  );
}
