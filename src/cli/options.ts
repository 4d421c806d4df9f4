// Options that several commands share, and how their texts become values.
// A text that does not fit is a usage error, exit code 2. What throws it says the rule; `usageText` puts the option in front.

import { InvalidArgumentError, Option } from "commander";

import { ConfigError } from "../base/errors.ts";
import type { Budget } from "../eval/budgets.ts";
import { usualRunsFolder } from "../runs/commandText.ts";

/** The option that all commands with runs have. */
export const runsFolder = ["--runs <folder>", "folder that holds the runs and their database", usualRunsFolder] as const;

/** The option of all commands whose verifiers may run programs. */
export function sandboxOption(): Option {
  return new Option("--sandbox <containment>", "what holds the programs that verifiers run; weak is a plain child process")
    .choices(["jail", "weak"])
    .default("jail");
}

/** What commander says of an option's wrong value, as this project says it: `--workers: must be at least 1, got "0"`. All else as it is. */
export function usageText(said: string): string {
  const [, option, value, rule] = /^error: option '(?:-\w, )?(--[\w-]+)[^']*' argument '([\s\S]*)' is invalid\. (.*)\s*$/.exec(said) ?? [];
  if (option === undefined) return said;
  const choices = /^Allowed choices are (.*)\.$/.exec(rule!)?.[1];
  return `${option}: ${choices === undefined ? rule : `must be one of ${choices}, got "${value}"`}\n`;
}

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`must be a whole number, got "${text}"`);
  return Number(text);
}

export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError(`must be a number, got "${text}"`);
  return value;
}

export function notNegative(text: string): number {
  const value = decimal(text);
  if (value < 0) throw new InvalidArgumentError(`must not be negative, got "${text}"`);
  return value;
}

export function atLeastOne(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError(`must be at least 1, got "${text}"`);
  return value;
}

/** For numbers that a timer, a machine or a kernel has a limit for. */
export function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = atLeastOne(text);
    if (value > most) throw new InvalidArgumentError(`must be at most ${most}, got "${text}"`);
    return value;
  };
}

/** In (0, 1]. */
export function share(text: string): number {
  const value = decimal(text);
  if (value <= 0 || value > 1) throw new InvalidArgumentError(`must be above 0 and at most 1, got "${text}"`);
  return value;
}

/** "1,2,3" */
export function tokenList(text: string): Int32Array {
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError(`must be token ids with commas between them, got "${text}"`);
  const ids = text.split(",").map(Number);
  const tooLarge = ids.find((id) => id > maxTokenId);
  if (tooLarge !== undefined) throw new InvalidArgumentError(`must be token ids of at most ${maxTokenId}, got "${tooLarge}"`);
  return Int32Array.from(ids);
}

/** Token ids are 32-bit integers; a larger one would become another token. */
const maxTokenId = 2 ** 31 - 1;

/** "0,16,auto": distinct thinking budgets, in the order given. */
export function budgetList(text: string): readonly Budget[] {
  const words = text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => word !== "auto" && !/^\d{1,9}$/.test(word));
  if (wrong !== undefined)
    throw new InvalidArgumentError(
      `must be whole numbers of tokens, or auto, with commas between them, such as 0,16,32,auto, got "${wrong}"`,
    );
  const budgets = words.map((word) => (word === "auto" ? word : Number(word)));
  const twice = budgets.find((budget, i) => budgets.indexOf(budget) < i);
  if (twice !== undefined) throw new InvalidArgumentError(`must name each budget once, got "${twice}" twice`);
  return budgets;
}

/** "rl", "12", "rl:12" or "sft:0" */
export function stepReference(text: string): { stage?: string; step?: number } {
  const found = /^(?:(sft|rl)(?::(\d+))?|(\d+))$/.exec(text);
  if (found === null) throw new InvalidArgumentError(`must be a stage, a step or both, such as rl, 12 or rl:12, got "${text}"`);
  const [, stage, ofStage, alone] = found;
  const step = ofStage ?? alone;
  return { ...(stage === undefined ? {} : { stage }), ...(step === undefined ? {} : { step: Number(step) }) };
}

/** Options of one command by name, as the user gave them; an empty list was not given. */
export interface GivenOptions {
  readonly command: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Refuses the first of `names` beside any of the others, since one of them would be ignored. */
export function refuseTogether(given: GivenOptions, [name, ...others]: readonly [string, ...string[]]): void {
  const other = others.find((each) => isGiven(given.options[each]));
  if (!isGiven(given.options[name]) || other === undefined) return;
  throw new ConfigError(`${given.command}: ${name} and ${other} must not be given together, got both; leave one of them out`);
}

/** Refuses any of the others without the first of `names`, since it would be ignored. */
export function refuseWithout(given: GivenOptions, [name, ...others]: readonly [string, ...string[]]): void {
  const other = others.find((each) => isGiven(given.options[each]));
  if (isGiven(given.options[name]) || other === undefined) return;
  throw new ConfigError(`${given.command}: ${other} needs ${name}, got none; give ${name} too, or leave ${other} out`);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}
