// Dense float64 arrays in row-major order, as the reference evaluator computes with them: every element is named by its full
// index, so that a kernel reads like the formula it stands for. Integers and truth values are kept as numbers.

import { broadcastShapes, numElements } from "../shape.ts";

/** A value of a tensor. `data` has one number for each element, the last axis varying fastest. */
export interface ArrayValue {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What a kernel may use. */
export interface KernelContext<A> {
  readonly inputs: readonly ArrayValue[];
  readonly attributes: A;
  /** The shapes that the op's shape rule gave its outputs, with symbols replaced by their sizes; -1 for a symbol not yet known. */
  readonly shapes: readonly (readonly number[])[];
  /** Throws with the op's name, the input shapes and the place. */
  readonly fail: (rule: string) => never;
}

/** Computes every output of one op. */
export type Kernel<A> = (context: KernelContext<A>) => readonly ArrayValue[];

/** The array of `shape` whose element at `index` is `valueAt(index)`. The index is reused: read it, do not keep it. */
export function generate(shape: readonly number[], valueAt: (index: readonly number[]) => number): ArrayValue {
  const data = new Float64Array(numElements(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = valueAt(index);
    advance(index, shape);
  }
  return { shape, data };
}

/** Calls `visit` for every index of `shape`, in order. */
export function forEachIndex(shape: readonly number[], visit: (index: readonly number[]) => void): void {
  const index = shape.map(() => 0);
  for (let i = numElements(shape); i > 0; i--) {
    visit(index);
    advance(index, shape);
  }
}

/** Position of `index` in the data of an array of `shape`. */
export function offsetOf(shape: readonly number[], index: readonly number[]): number {
  return shape.reduce((offset, size, axis) => offset * size + index[axis]!, 0);
}

/** The element of `x` at `index`. */
export function at(x: ArrayValue, index: readonly number[]): number {
  return x.data[offsetOf(x.shape, index)]!;
}

/** The element that `x` has at `index` of the array it is broadcast to. */
export function broadcastAt(x: ArrayValue, index: readonly number[]): number {
  const missing = index.length - x.shape.length;
  return x.data[x.shape.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : index[axis + missing]!), 0)]!;
}

/** The shape that two arrays have together. The op's shape rule has checked that there is one. */
export function broadcastShape(a: readonly number[], b: readonly number[]): readonly number[] {
  return broadcastShapes(a, b) as readonly number[]; // numbers in, numbers out
}

/** `x` with every row of its last axis replaced. */
export function mapRows(x: ArrayValue, map: (row: Float64Array) => Float64Array): ArrayValue {
  const data = new Float64Array(x.data.length);
  const width = x.shape.at(-1)!;
  for (let start = 0; start < data.length; start += width) data.set(map(x.data.subarray(start, start + width)), start);
  return { shape: x.shape, data };
}

/** Element [i.., r..] of the result is element [index[i..], r..] of `x`. */
export function takeRows(x: ArrayValue, { index, fail }: { index: ArrayValue; fail: KernelContext<unknown>["fail"] }): ArrayValue {
  const lead = index.shape.length;
  for (const target of index.data) checkIndex(target, { size: x.shape[0]!, fail });
  return generate([...index.shape, ...x.shape.slice(1)], (position) => {
    const row = index.data[offsetOf(index.shape, position)]!;
    return at(x, [row, ...position.slice(lead)]);
  });
}

/** The engine wraps negative indices; no graph of this project means that, so here they are mistakes. */
export function checkIndex(index: number, { size, fail }: { size: number; fail: (rule: string) => never }): void {
  if (!Number.isInteger(index) || index < 0 || index >= size) fail(`index ${index} must be an integer from 0 to ${size - 1}`);
}

function advance(index: number[], shape: readonly number[]): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis]!++;
    if (index[axis]! < shape[axis]!) return;
    index[axis] = 0;
  }
}
