// What a long run has to show, judged from what it recorded: numbers of its steps of reinforcement learning, and which criteria hold. Pure:
// whoever calls reads the run.

import { mean, median } from "../../src/base/statistics.ts";
import { alarmCounts } from "../../src/runs/report.ts";
import type { ShownRun } from "../../src/runs/shown.ts";

/** What was recorded, and the steps of reinforcement learning that the recipe asks for. */
export interface RecordedRun extends Pick<ShownRun, "steps" | "events"> {
  readonly wantedSteps: number;
}

/** Levels of the criteria. */
const criteria = { points: 0.03, entropyFloor: 0.1, memoryRatio: 1.1, memoryFromStep: 100, hours: 2 };

/** Steps whose median entropy is taken, at the start and for the least that follows. */
const smoothedSteps = 5;

/** Steps whose median memory is taken, from step 100 on and at the end: between two collections of garbage it rises and falls by some 5 %. */
const memorySteps = 20;

/** Numbers of a run's steps of reinforcement learning, and which criteria hold. */
export interface LongRunJudgement {
  readonly steps: number;
  readonly secondsPerStep: number;
  readonly hours: number;
  readonly bestAccuracy: number;
  readonly lastAccuracy: number;
  readonly entropyAtStart: number;
  readonly leastEntropy: number;
  readonly memoryRatio: number;
  /** What the stabilisers had to deal with. */
  readonly strain: {
    /** Updates that were refused. */
    readonly skippedUpdates: number;
    /** Before clipping. */
    readonly largestGradNorm: number;
    /** Probability ratio of a token to the policy that sampled it. */
    readonly largestRatio: number;
    /** From the policy that sampled a step to the one that makes its last update, nats a token; mean over the steps with an update. */
    readonly meanKl: number;
  };
  readonly alarms: Readonly<Record<string, number>>;
  /** What the failure said that kept the run from its end. */
  readonly endedBy?: string;
  readonly holds: Readonly<Record<"cameToItsEnd" | "lastNearBest" | "noNaN" | "entropyAboveFloor" | "memoryFlat" | "inTime", boolean>>;
}

/** Seconds a step are medians of the times between steps, so that an interruption does not count; `hours` are these times all steps. */
export function judgeLongRun({ steps: recorded, events, wantedSteps }: RecordedRun): LongRunJudgement {
  const steps = recorded.filter(({ stage }) => stage === "rl");
  const cameToItsEnd = steps.at(-1)?.step === wantedSteps - 1;
  const failure = cameToItsEnd ? undefined : events.findLast(({ kind }) => kind === "failed");
  const values = (name: string): number[] => steps.flatMap(({ metrics }) => metrics[name] ?? []);
  const [accuracies, entropies] = [values("heldOut/accuracy"), smoothed(values("entropy"))];
  const gaps = steps.slice(1).map(({ finishedMs }, i) => (finishedMs - steps[i]!.finishedMs) / 1000);
  const secondsPerStep = median(gaps);
  const memory = values("rssMiB");
  const [best, last] = [Math.max(...accuracies), accuracies.at(-1) ?? Number.NaN];
  const [entropyAtStart, leastEntropy] = [entropies[0] ?? Number.NaN, Math.min(...entropies)];
  const memoryRatio = median(memory.slice(-memorySteps)) / median(memory.slice(criteria.memoryFromStep).slice(0, memorySteps));
  const hours = gaps.reduce((sum, seconds) => sum + Math.min(seconds, 10 * secondsPerStep), 0) / 3600;
  return {
    steps: steps.length,
    secondsPerStep,
    hours,
    bestAccuracy: best,
    lastAccuracy: last,
    entropyAtStart,
    leastEntropy,
    memoryRatio,
    strain: {
      skippedUpdates: values("skippedUpdates").reduce((sum, count) => sum + count, 0),
      largestGradNorm: Math.max(...values("gradNorm")),
      largestRatio: Math.max(...values("ratioMax")),
      meanKl: mean(steps.flatMap(({ metrics }) => metrics["kl/last"] ?? metrics["kl"] ?? [])), // the same where a step has one update
    },
    alarms: alarmCounts(steps.map(({ metrics }) => metrics)),
    ...(failure === undefined ? {} : { endedBy: failure.detail }),
    holds: {
      cameToItsEnd,
      lastNearBest: best - last <= criteria.points,
      noNaN: steps.every(({ metrics }) => Object.values(metrics).every(Number.isFinite)),
      entropyAboveFloor: leastEntropy >= criteria.entropyFloor * entropyAtStart,
      memoryFlat: memoryRatio <= criteria.memoryRatio,
      inTime: hours <= criteria.hours,
    },
  };
}

/**
 * Whether a process that trained a run left something to judge: it took all steps, or it failed while it was working (docs/errors.md) and
 * recorded why, as when an alarm or the guard ends a run. Of any other nothing was started, somebody stopped it, or it could not record.
 */
export function leavesResult(exitCode: number | null, { endedBy }: Pick<LongRunJudgement, "endedBy">): boolean {
  return exitCode === 0 || (exitCode === 1 && endedBy !== undefined);
}

/** Medians over so many steps each. */
function smoothed(values: readonly number[]): number[] {
  return values.slice(smoothedSteps - 1).map((_, i) => median(values.slice(i, i + smoothedSteps)));
}
