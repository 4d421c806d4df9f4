// A run as it goes: one line that is rewritten on a terminal, plain lines without one. Everything shown is already recorded.
// A line shows what a person waits for; the store has the rest.

import type { Clock } from "../base/clock.ts";
import type { RunObserver } from "../runs/execute.ts";
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
  const pace = new Map<string, { readonly startMs: number; readonly first: number }>();
  const isTerminal = output.isTTY === true;
  let isLineOpen = false;
  let writtenMs = Number.NEGATIVE_INFINITY;
  const finishLine = (): void => {
    if (isLineOpen) output.write("\n");
    isLineOpen = false;
  };
  return {
    step: ({ stage, step, steps, metrics }) => {
      const nowMs = clock.elapsedMs();
      const begun = pace.get(stage);
      if (begun === undefined) pace.set(stage, { startMs: nowMs, first: step });
      const leftMs =
        begun === undefined || step <= begun.first ? undefined : ((nowMs - begun.startMs) / (step - begun.first)) * (steps - step - 1);
      const line = progressLine({ stage, done: step + 1, steps, metrics, leftMs });
      const isDue = begun === undefined || step + 1 === steps || nowMs - writtenMs >= plainLineMs;
      if (!isTerminal && !isDue) return;
      writtenMs = nowMs;
      if (!isTerminal) output.write(`${line}\n`);
      else output.write(`\r\x1b[2K${line.slice(0, (output.columns || 80) - 1)}`);
      isLineOpen = isTerminal;
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

/** `rl 12/100  reward 0.62  accuracy 0.61  5,310 tokens/s  3 min 12 s left` */
export function progressLine({ stage, done, steps, metrics, leftMs }: Progress): string {
  const shown = ["loss", "reward", "accuracy"].flatMap((name) => {
    if (metrics[name] === undefined || (name === "loss" && metrics["reward"] !== undefined)) return [];
    return [`${name} ${shortNumber(metrics[name])}`];
  });
  const speed = tokensPerSecond(metrics);
  return [
    `${stage} ${done}/${steps}`,
    ...shown,
    ...(speed === undefined ? [] : [`${Math.round(speed).toLocaleString("en-US")} tokens/s`]),
    ...(leftMs === undefined ? [] : [`${duration(leftMs)} left`]),
  ].join("  ");
}

/** Of the phase that takes most of the time: sampling where there is any. */
function tokensPerSecond(metrics: Readonly<Record<string, number>>): number | undefined {
  return metrics["tokensPerSecond/sampling"] ?? metrics["tokensPerSecond/training"];
}
