// Options that several commands share, and how their texts become values.
// Messages name the option already: commander puts it in front of them.
// A text that does not fit is a usage error, exit code 2.

import { InvalidArgumentError } from "commander";

/** The option that all commands with runs have. */
export const runsFolder = ["--runs <folder>", "folder that holds the runs and their database", "runs"] as const;

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`It must be a whole number, got "${text}".`);
  return Number(text);
}

export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`It must be a number, got "${text}".`);
  return value;
}

export function notNegative(text: string): number {
  const value = decimal(text);
  if (value < 0) throw new InvalidArgumentError(`It must not be negative, got "${text}".`);
  return value;
}

export function atLeastOne(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError(`It must be at least 1, got "${text}".`);
  return value;
}

/** In (0, 1]. */
export function share(text: string): number {
  const value = decimal(text);
  if (value <= 0 || value > 1) throw new InvalidArgumentError(`It must be above 0 and at most 1, got "${text}".`);
  return value;
}

/** "1,2,3" */
export function tokenList(text: string): Int32Array {
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError(`It must be token ids with commas between them, got "${text}".`);
  return Int32Array.from(text.split(","), Number);
}

/** "rl", "12", "rl:12" or "sft:0" */
export function stepReference(text: string): { stage?: string; step?: number } {
  const found = /^(?:(sft|rl)(?::(\d+))?|(\d+))$/.exec(text);
  if (found === null) throw new InvalidArgumentError(`It must be a stage, a step or both, such as rl, 12 or rl:12, got "${text}".`);
  const [, stage, ofStage, alone] = found;
  const step = ofStage ?? alone;
  return { ...(stage === undefined ? {} : { stage }), ...(step === undefined ? {} : { step: Number(step) }) };
}
