// A run as it goes: one line that is rewritten on a terminal, plain lines without one. Everything shown is already recorded.
// A line shows what a person waits for; the store has the rest.

import type { Clock } from "../base/clock.ts";
import type { MeasuringProgress, RunObserver } from "../runs/execute.ts";
import { duration, shortNumber } from "./output.ts";

/** The part of a stream that progress is written to. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Without a terminal, lines stay: one for so many milliseconds, and one for the first and the last step of a stage. */
const plainLineMs = 5000;

/** An observer that writes to `output`; `done` ends the line that is being rewritten. */
export function progressObserver(output: ProgressOutput, clock: Clock): RunObserver & { done(): void } {
  const paces = new Map<string, { readonly startMs: number; readonly first: number }>();
  const isTerminal = output.isTTY === true;
  let isLineOpen = false;
  let writtenMs = Number.NEGATIVE_INFINITY;
  const finishLine = (): void => {
    if (isLineOpen) output.write("\n");
    isLineOpen = false;
  };
  /** Time left at the pace since the first thing that was done; undefined for that one. */
  const timeLeft = (what: string, { done, total }: { done: number; total: number }): number | undefined => {
    const pace = paces.get(what);
    if (pace === undefined || done <= pace.first) {
      paces.set(what, { startMs: clock.elapsedMs(), first: done });
      return undefined;
    }
    return ((clock.elapsedMs() - pace.startMs) / (done - pace.first)) * (total - done);
  };
  const writeLine = (line: string, { always }: { always: boolean }): void => {
    if (!isTerminal && !always && clock.elapsedMs() - writtenMs < plainLineMs) return;
    writtenMs = clock.elapsedMs();
    if (!isTerminal) output.write(`${line}\n`);
    else output.write(`\r\x1b[2K${line.slice(0, (output.columns || 80) - 1)}`);
    isLineOpen = isTerminal;
  };
  return {
    step: ({ stage, step, steps, metrics }) => {
      const leftMs = timeLeft(stage, { done: step + 1, total: steps });
      const isEnd = leftMs === undefined || step + 1 === steps;
      writeLine(progressLine({ stage, done: step + 1, steps, metrics, leftMs }), { always: isEnd });
    },
    measuring: ({ set, answers, tasks }) => {
      const leftMs = timeLeft(set, { done: answers, total: tasks });
      writeLine(measuringLine({ set, answers, tasks, leftMs }), { always: false });
    },
    note: (text) => {
      finishLine();
      output.write(`${text}\n`);
    },
    done: finishLine,
  };
}

interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly steps: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Undefined until there is a pace to go by. */
  readonly leftMs: number | undefined;
}

/**
 * The steps that are done, which are as many as the next checkpoint's name says:
 * `rl 12/100  reward 0.62  accuracy 0.61  5,310 tokens/s  3 min 12 s left`
 */
export function progressLine({ stage, done, steps, metrics, leftMs }: Progress): string {
  const shown = ["loss", "reward", "accuracy"].flatMap((name) => {
    if (metrics[name] === undefined || (name === "loss" && metrics["reward"] !== undefined)) return [];
    return [`${name} ${shortNumber(metrics[name])}`];
  });
  const heldOut = metrics["radar/heldOut"];
  const speed = tokensPerSecond(metrics);
  return [
    `${stage} ${done}/${steps}`,
    ...shown,
    ...(heldOut === undefined ? [] : [`held-out score ${shortNumber(heldOut)}`]),
    ...(speed === undefined ? [] : [`${Math.round(speed).toLocaleString("en-US")} tokens/s`]),
    ...(leftMs === undefined ? [] : [`${duration(leftMs)} left`]),
  ].join("  ");
}

/** `heldOut 128/512 answers  12 s left` */
function measuringLine({ set, answers, tasks, leftMs }: MeasuringProgress & { readonly leftMs: number | undefined }): string {
  return [`${set} ${answers}/${tasks} answers`, ...(leftMs === undefined ? [] : [`${duration(leftMs)} left`])].join("  ");
}

/** Of the phase that takes most of the time: sampling where there is any. */
function tokensPerSecond(metrics: Readonly<Record<string, number>>): number | undefined {
  return metrics["tokensPerSecond/sampling"] ?? metrics["tokensPerSecond/training"];
}
