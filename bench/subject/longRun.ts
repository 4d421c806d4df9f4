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

/** Whether a criterion holds; one whose numbers were not recorded, or are NaN, is neither met nor broken: of NaN tells `noNaN`. */
export type Held = "yes" | "no" | "not judged";

/** Numbers of a run's steps of reinforcement learning, undefined where they were not recorded, and which criteria hold. */
export interface LongRunJudgement {
  readonly steps: number;
  readonly secondsPerStep: number | undefined;
  readonly hours: number | undefined;
  readonly bestAccuracy: number | undefined;
  readonly lastAccuracy: number | undefined;
  readonly entropyAtStart: number | undefined;
  readonly leastEntropy: number | undefined;
  readonly memoryRatio: number | undefined;
  /** What the stabilisers had to deal with. */
  readonly strain: {
    /** Updates that were refused. */
    readonly skippedUpdates: number;
    /** Before clipping. */
    readonly largestGradNorm: number | undefined;
    /** Probability ratio of a token to the policy that sampled it. */
    readonly largestRatio: number | undefined;
    /** From the policy that sampled a step to the one that makes its last update, nats a token; mean over the steps with an update. */
    readonly meanKl: number | undefined;
  };
  readonly alarms: Readonly<Record<string, number>>;
  /** What the failure said that kept the run from its end. */
  readonly endedBy?: string;
  readonly holds: Readonly<Record<"cameToItsEnd" | "lastNearBest" | "noNaN" | "entropyAboveFloor" | "memoryFlat" | "inTime", Held>>;
}

/** Seconds a step are medians of the times between steps, so that an interruption does not count; `hours` are these times all steps. */
export function judgeLongRun({ steps: recorded, events, wantedSteps }: RecordedRun): LongRunJudgement {
  const steps = recorded.filter(({ stage }) => stage === "rl");
  const cameToItsEnd = steps.at(-1)?.step === wantedSteps - 1;
  const failure = cameToItsEnd ? undefined : events.findLast(({ kind }) => kind === "failed");
  const values = (name: string): number[] => steps.flatMap(({ metrics }) => metrics[name] ?? []);
  const [accuracies, entropies] = [values("heldOut/accuracy"), smoothed(values("entropy"))];
  const [bestAccuracy, lastAccuracy] = [largest(accuracies), accuracies.at(-1)];
  const [entropyAtStart, leastEntropy] = [entropies[0], ofAny(entropies, (all) => Math.min(...all))];
  // One measurement is its own best, one median entropy its own least.
  const behindBest = ofAny(accuracies.slice(1), () => bestAccuracy! - lastAccuracy!);
  const aboveFloor = ofAny(entropies.slice(1), () => leastEntropy! - criteria.entropyFloor * entropyAtStart!);
  const memoryRatio = memoryRatioOf(values("rssMiB"));
  const { secondsPerStep, hours } = durationOf(steps);
  return {
    steps: steps.length,
    secondsPerStep,
    hours,
    bestAccuracy,
    lastAccuracy,
    entropyAtStart,
    leastEntropy,
    memoryRatio,
    strain: {
      skippedUpdates: values("skippedUpdates").reduce((sum, count) => sum + count, 0),
      largestGradNorm: largest(values("gradNorm")),
      largestRatio: largest(values("ratioMax")),
      // the same where a step has one update
      meanKl: ofAny(
        steps.flatMap(({ metrics }) => metrics["kl/last"] ?? metrics["kl"] ?? []),
        mean,
      ),
    },
    alarms: alarmCounts(steps.map(({ metrics }) => metrics)),
    ...(failure === undefined ? {} : { endedBy: failure.detail }),
    holds: {
      cameToItsEnd: cameToItsEnd ? "yes" : "no",
      lastNearBest: held(behindBest, (points) => points <= criteria.points),
      noNaN: held(ofAny(steps, numOdd), (odd) => odd === 0),
      entropyAboveFloor: held(aboveFloor, (entropy) => entropy >= 0),
      memoryFlat: held(memoryRatio, (ratio) => ratio <= criteria.memoryRatio),
      inTime: held(hours, (took) => took <= criteria.hours),
    },
  };
}

/** `rule` of a number that is there and is one. */
function held(number: number | undefined, rule: (number: number) => boolean): Held {
  if (number === undefined || Number.isNaN(number)) return "not judged";
  return rule(number) ? "yes" : "no";
}

/** Undefined for an empty list, of which there is no mean and no largest. */
function ofAny<T>(list: readonly T[], number: (list: readonly T[]) => number): number | undefined {
  return list.length === 0 ? undefined : number(list);
}

function largest(numbers: readonly number[]): number | undefined {
  return ofAny(numbers, (all) => Math.max(...all));
}

/** Metrics that are NaN or infinite. */
function numOdd(steps: readonly RecordedRun["steps"][number][]): number {
  return steps.flatMap(({ metrics }) => Object.values(metrics).filter((value) => !Number.isFinite(value))).length;
}

function durationOf(steps: RecordedRun["steps"]): Pick<LongRunJudgement, "secondsPerStep" | "hours"> {
  const gaps = steps.slice(1).map(({ finishedMs }, i) => (finishedMs - steps[i]!.finishedMs) / 1000);
  if (gaps.length === 0) return { secondsPerStep: undefined, hours: undefined };
  const secondsPerStep = median(gaps);
  const hours = gaps.reduce((sum, seconds) => sum + Math.min(seconds, 10 * secondsPerStep), 0) / 3600;
  return { secondsPerStep, hours };
}

/** Memory at the end by that at step 100; of fewer steps than give two medians there is none. */
function memoryRatioOf(memory: readonly number[]): number | undefined {
  const later = memory.slice(criteria.memoryFromStep);
  if (later.length < 2 * memorySteps) return undefined;
  return median(later.slice(-memorySteps)) / median(later.slice(0, memorySteps));
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
