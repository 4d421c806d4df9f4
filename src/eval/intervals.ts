// What a measurement on a sample of tasks says about all of them: estimates with 95 % confidence intervals. Pure: the tasks are what
// varies, the policy and its draws are taken as they are.

import type { Rng } from "../base/rng.ts";
import { mean, standardDeviation } from "../base/statistics.ts";

/** A number and the 95 % confidence interval around it. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Of the standard normal distribution: 95 % lie within so many standard deviations. */
const z = 1.959964;

/**
 * A share with its score interval, which stays within 0..1 and is honest where no or every trial succeeded.
 *
 *     (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
 *
 * Wilson 1927, "Probable inference, the law of succession, and statistical inference"; Brown, Cai and DasGupta 2001 recommend it.
 * Undefined where nothing was tried.
 */
export function shareInterval(successes: number, trials: number): Estimate | undefined {
  if (trials === 0) return undefined;
  const [p, n] = [successes / trials, trials];
  const middle = p + z ** 2 / (2 * n);
  const reach = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  const scale = 1 + z ** 2 / n;
  // At the ends rounding would leave 1e-17 instead of the bound itself.
  return {
    value: p,
    low: successes === 0 ? 0 : (middle - reach) / scale,
    high: successes === trials ? 1 : (middle + reach) / scale,
  };
}

/** Usual for intervals; more only smooths their ends. */
const numResamples = 1000;

/**
 * Any statistic of a sample with its percentile bootstrap interval: the middle 95 % of its values on samples of the same size, drawn
 * from the sample with replacement. Efron and Tibshirani 1993, "An introduction to the bootstrap", section 13.3. Resamples on which the
 * statistic is undefined are left out; undefined where it is on the sample itself.
 */
export function bootstrapInterval<Item>(
  items: readonly Item[],
  statistic: (items: readonly Item[]) => number | undefined,
  rng: Rng,
): Estimate | undefined {
  const value = statistic(items);
  if (value === undefined) return undefined;
  const values: number[] = [];
  for (let i = 0; i < numResamples; i++) {
    const resampled = statistic(items.map(() => items[rng.int(items.length)]!));
    if (resampled !== undefined) values.push(resampled);
  }
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.round(share * (values.length - 1))] ?? value;
  return { value, low: at(0.025), high: at(0.975) };
}

/** Arithmetic mean; undefined of nothing. */
export function meanOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : mean(values);
}

/** Standard deviation, with n - 1; undefined of fewer than two values. */
export function spreadOf(values: readonly number[]): number | undefined {
  return values.length < 2 ? undefined : standardDeviation(values);
}
