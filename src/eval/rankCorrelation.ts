// Whether two quantities rise together, whatever the shape of the curve. Pure. Ties share their rank, so that equal difficulties are
// neither order.

import { meanOf } from "./intervals.ts";

/**
 * Spearman's rank correlation: Pearson's correlation of the ranks, where equal values share the mean of their ranks (Spearman 1904, "The
 * proof and measurement of association between two things"; Kendall and Gibbons 1990, chapter 3, for ties).
 * Undefined where one of the two is the same everywhere.
 */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number | undefined {
  const x = ranks(pairs.map(([first]) => first));
  const y = ranks(pairs.map(([, second]) => second));
  const covariance = centredProduct(x, y);
  const scale = Math.sqrt(centredProduct(x, x) * centredProduct(y, y));
  return scale > 0 ? covariance / scale : undefined;
}

/** From 1 on; equal values get the mean of the ranks they take up. */
function ranks(values: readonly number[]): number[] {
  const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) result[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return result;
}

function centredProduct(x: readonly number[], y: readonly number[]): number {
  const [middleX, middleY] = [meanOf(x) ?? 0, meanOf(y) ?? 0];
  return x.reduce((sum, value, i) => sum + (value - middleX) * (y[i]! - middleY), 0);
}
