// Drawing whole numbers for questions, and plausible wrong ones for slips.
// Every digit count is as likely as another, so that long numbers do not crowd out short ones.

import type { Rng } from "../../base/rng.ts";

/** What a drawn number may be: its digits without leading zeros, and its size. */
export interface NumberRange {
  readonly minDigits: number;
  readonly maxDigits: number;
  readonly atMost?: number;
}

/** The smallest positive number with `digits` digits. */
export function smallestWith(digits: number): number {
  return 10 ** (digits - 1);
}

/** The largest number with `digits` digits. */
export function largestWith(digits: number): number {
  return 10 ** digits - 1;
}

/** A positive number: the count of digits uniform among the possible ones, then uniform among the numbers with that many digits. */
export function drawNumber(rng: Rng, { minDigits, maxDigits, atMost = largestWith(maxDigits) }: NumberRange): number {
  const mostDigits = Math.min(maxDigits, String(atMost).length);
  const digits = drawBetween(rng, { min: minDigits, max: mostDigits });
  return drawBetween(rng, { min: smallestWith(digits), max: Math.min(largestWith(digits), atMost) });
}

/** Uniform integer in min..max. */
export function drawBetween(rng: Rng, { min, max }: { readonly min: number; readonly max: number }): number {
  return min + rng.int(max - min + 1);
}

/** A number close to `value`, off by 1, 2 or a carry of 10, and within min..max; `value` itself if there is none. */
export function nearMiss(rng: Rng, { value, min, max }: { readonly value: number; readonly min: number; readonly max: number }): number {
  const possible = [-10, -2, -1, 1, 2, 10].map((offset) => value + offset).filter((wrong) => wrong >= min && wrong <= max);
  return possible.length === 0 ? value : rng.pick(possible);
}

/** One step of a calculation. */
export interface Move {
  readonly operator: "+" | "-";
  readonly term: number;
}

export function applyMove(total: number, { operator, term }: Move): number {
  return operator === "+" ? total + term : total - term;
}

/** The first number and the result of each move. */
export function runningTotals(first: number, moves: readonly Move[]): number[] {
  const totals = [first];
  for (const move of moves) totals.push(applyMove(totals.at(-1)!, move));
  return totals;
}

/** Totals as somebody would write them who slips now and then: from a slip on all of them are off, but none leaves 0..max. */
export function slipTotals(rng: Rng, totals: readonly number[], { slipRate, max }: { slipRate: number; max: number }): number[] {
  const believed = [...totals];
  for (let step = 1; step < totals.length; step++) {
    if (rng.uniform() >= slipRate) continue;
    const value = believed[step]!;
    const rest = believed.slice(step);
    const wrong = nearMiss(rng, { value, min: value - Math.min(...rest), max: value + max - Math.max(...rest) });
    for (let later = step; later < totals.length; later++) believed[later]! += wrong - value;
  }
  return believed;
}
