// All groups of one step: a round of tasks is drawn, answered and scored, and, where the recipe wants it, further rounds until enough
// groups teach something.

import type { Clock } from "../base/clock.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { PolicyBackend, StepMetrics } from "../policy/backend.ts";
import { phaseSpeed } from "../train/stage.ts";
import type { AlarmsConfig } from "./alarmConfig.ts";
import { type Mismatch, sampledMismatch } from "./mismatch.ts";
import { chooseGroups, type RefillRule, tasksToDraw } from "./refill.ts";
import { type Group, inGroups, type RewardRollout, type Sampled, type SampleSettings, sampleAndReward, sampleRequests } from "./rollout.ts";
import type { TaskDraw } from "./taskPool.ts";
import { withBudgets } from "./thinking.ts";
import type { ThinkingConfig } from "./thinkingConfig.ts";

/** The groups of one step. */
export interface StepGroups {
  readonly step: number;
  /** To learn from, as far as they teach anything. */
  readonly groups: readonly Group[];
  /** Sampled beside them and not learned from: where a step was refilled, those that teach nothing and those in excess. */
  readonly others: readonly Group[];
  /** Further rounds that it took. */
  readonly rounds: number;
  /** Where the policy was asked again. */
  readonly mismatch?: Mismatch;
}

/** What a step's groups are made with. */
export interface StepSampling {
  readonly settings: SampleSettings;
  readonly tasksPerStep: number;
  readonly thinking: ThinkingConfig;
  /** Absent: one round is all. */
  readonly refill?: Omit<RefillRule, "wanted">;
  /** With a larger share the run ends at this step: no further round is sampled for it. */
  readonly alarms: Pick<AlarmsConfig, "unscorable">;
  readonly draw: (asked: TaskDraw) => readonly Task[];
  readonly policy: PolicyBackend;
  readonly reward: RewardRollout;
  readonly meter: SamplingMeter;
  /** Whether the policy is asked again for the log-probabilities of what it sampled. */
  readonly isChecked: boolean;
}

/** Samples all rollouts of a step. Without refilling, `scored` may still be waiting for verdicts. */
export async function sampleStep(
  { settings, tasksPerStep, thinking, refill, alarms, draw, policy, reward, meter, isChecked }: StepSampling,
  signal: AbortSignal,
): Promise<{ readonly scored: Promise<StepGroups> }> {
  const { step } = settings;
  const sampled: Rollout[] = [];
  const sampleRound = async (drawn: readonly Task[], firstGroup: number): Promise<{ readonly groups: Promise<Group[]> }> => {
    const tasks = withBudgets(drawn, { thinking, seed: settings.seed, step, firstGroup });
    const taskOf = new Map(tasks.map((task, position) => [firstGroup + position, task]));
    const requests = sampleRequests(tasks, { ...settings, firstGroup });
    const { rewarded, rollouts } = await meter.sampling(sampleAndReward(requests, { taskOf, policy, reward }, signal));
    sampled.push(...rollouts);
    return { groups: settledLater(rewarded.then(inGroups)) };
  };
  const checked = async (): Promise<Pick<StepGroups, "mismatch">> =>
    isChecked ? { mismatch: await meter.checking(sampledMismatch(policy, sampled)) } : {};
  const first = await sampleRound(draw({ round: 0, count: tasksPerStep, taken: new Set() }), 0);
  if (refill === undefined) {
    const mismatch = await checked();
    return { scored: settledLater(first.groups.then((groups) => ({ step, groups, others: [], rounds: 0, ...mismatch }))) };
  }
  const rule = { ...refill, wanted: tasksPerStep };
  let groups = await meter.waiting(first.groups);
  let rounds = 0;
  while (unscorableShare(groups) <= alarms.unscorable.stopAbove) {
    const count = tasksToDraw(groups, { ...rule, round: rounds + 1 });
    const taken = new Set(groups.map((members) => members[0]!.task.id));
    const tasks = count === 0 ? [] : draw({ round: rounds + 1, count, taken });
    if (tasks.length === 0) break;
    rounds++;
    groups = [...groups, ...(await meter.waiting((await sampleRound(tasks, groups.length)).groups))];
  }
  const { chosen, others } = chooseGroups(groups, rule);
  return { scored: Promise.resolve({ step, groups: chosen, others, rounds, ...(await checked()) }) };
}

/** Times the phases of sampling within a step of the stage, whichever steps the rollouts are for. */
export interface SamplingMeter {
  sampling(work: Promise<Sampled>): Promise<Sampled>;
  /** For verdicts, when there is nothing left to sample. */
  waiting<Result>(work: Promise<Result>): Promise<Result>;
  /** What was sampled. */
  checking<Result>(work: Promise<Result>): Promise<Result>;
  metrics(): StepMetrics;
}

export function samplingMeter(clock: Clock): SamplingMeter {
  const spentMs = { sampling: 0, scoring: 0, checking: 0 };
  let numTokens = 0;
  const timed = async <Result>(phase: keyof typeof spentMs, work: Promise<Result>): Promise<Result> => {
    const startMs = clock.elapsedMs();
    const result = await work;
    spentMs[phase] += clock.elapsedMs() - startMs;
    return result;
  };
  return {
    async sampling(work) {
      const sampled = await timed("sampling", work);
      numTokens += sampled.numTokens;
      return sampled;
    },
    waiting: (work) => timed("scoring", work),
    checking: (work) => timed("checking", work),
    metrics: () => ({
      ...phaseSpeed("sampling", { numTokens, elapsedMs: spentMs.sampling }),
      "seconds/scoring": spentMs.scoring / 1000,
      ...(spentMs.checking === 0 ? {} : { "seconds/checking": spentMs.checking / 1000 }),
    }),
  };
}

function unscorableShare(groups: readonly Group[]): number {
  const all = groups.flat();
  return all.filter(({ reward }) => reward === undefined).length / all.length;
}

/** Somebody waits for it, though maybe only later: until then its failure must not count as unhandled. */
function settledLater<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => {});
  return work;
}
