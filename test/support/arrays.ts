// Small arrays for tests of graphs: constants to build with, values to feed and to compare, and numbers read from scalars.

import assert from "node:assert/strict";

import { type ArrayValue, evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import { constant } from "../../src/graph/ops.ts";
import type { Tensor } from "../../src/graph/tensor.ts";

/** A constant tensor. */
export function array(shape: readonly number[], values: readonly number[]): Tensor {
  return constant(values, shape);
}

/** A constant [1, n]. */
export function row(...values: readonly number[]): Tensor {
  return array([1, values.length], values);
}

/** A value to feed, or what a result should be. */
export function value(shape: readonly number[], values: Iterable<number>): ArrayValue {
  return { shape, data: Float64Array.from(values) };
}

/** The number that a scalar tensor has. */
export function scalar(tensor: Tensor, feeds?: Feeds): number {
  const { shape, data } = evaluate64(tensor, feeds);
  assert.deepEqual(shape, [], "not a scalar");
  return data[0]!;
}

/** Shapes are equal, and so is every element up to `tolerance` times (1 + the largest magnitude expected). */
export function assertClose(
  actual: ArrayValue,
  expected: ArrayValue,
  { tolerance, what = "array" }: { tolerance: number; what?: string },
): void {
  assert.deepEqual(actual.shape, expected.shape, `${what}: shape`);
  const allowed = tolerance * (1 + expected.data.filter(Number.isFinite).reduce((top, number) => Math.max(top, Math.abs(number)), 0));
  expected.data.forEach((number, i) => {
    const close = actual.data[i] === number || Math.abs(actual.data[i]! - number) <= allowed;
    assert.ok(close, `${what}: element ${i} is ${actual.data[i]}, expected ${number} within ${allowed}`);
  });
}
