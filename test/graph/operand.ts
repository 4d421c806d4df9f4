// Operands of op cases: a shape, possibly with symbols, and how its numbers are drawn. Float numbers are rounded to float32, so that
// the engine and the float64 reference start from the same ones.

import type { Rng } from "../../src/base/rng.ts";
import type { ArrayValue } from "../../src/graph/evaluate64.ts";
import { resolveDim, type Shape } from "../../src/graph/shape.ts";
import type { DType } from "../../src/graph/tensor.ts";

/** Sizes of the symbols in one run of a case. */
export type Sizes = Readonly<Record<string, number>>;

export interface Operand {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Whether the op promises a gradient for it. */
  readonly learns: boolean;
  draw(rng: Rng, shape: readonly number[]): Iterable<number>;
}

/** Standard normal numbers. */
export function normal(...shape: Shape): Operand {
  return each(shape, (rng) => rng.normal());
}

/** Numbers from 0.5 to 2.5. */
export function positive(...shape: Shape): Operand {
  return each(shape, (rng) => 0.5 + 2 * rng.uniform());
}

/** Normal numbers moved away from the points where an op has a kink or a step. */
export function avoiding(points: readonly number[], shape: Shape): Operand {
  return each(shape, (rng) => {
    let draw = 1.5 * rng.normal();
    while (points.some((point) => Math.abs(draw - point) < 0.1)) draw = 1.5 * rng.normal();
    return draw;
  });
}

/** Different numbers, at least 0.5 apart, in random order: nothing ties. */
export function distinct(...shape: Shape): Operand {
  return {
    ...normal(...shape),
    draw: (rng, sizes) => rng.shuffle(Array.from({ length: numElements(sizes) }, (_, i) => Math.fround(0.5 * i - 2 + 0.2 * rng.uniform()))),
  };
}

/** Integers in [0, below). */
export function integers(below: number, shape: Shape, dtype: "int64" | "int32" = "int64"): Operand {
  return { shape, dtype, learns: false, draw: (rng, sizes) => Array.from({ length: numElements(sizes) }, () => rng.int(below)) };
}

/** Float numbers worked out from the sizes of the shape. */
export function floats(shape: Shape, draw: Operand["draw"]): Operand {
  return { shape, dtype: "float32", learns: true, draw };
}

/** Integers worked out from the sizes of the shape. */
export function given(shape: Shape, values: (rng: Rng, shape: readonly number[]) => Iterable<number>): Operand {
  return { shape, dtype: "int64", learns: false, draw: values };
}

/** The same operand, through which the op promises no gradient. */
export function fixed(operand: Operand): Operand {
  return { ...operand, learns: false };
}

export function drawValue(operand: Operand, { rng, sizes }: { rng: Rng; sizes: Sizes }): ArrayValue {
  const bindings = new Map(Object.entries(sizes));
  const shape = operand.shape.map((dim) => resolveDim(dim, bindings));
  return { shape, data: Float64Array.from(operand.draw(rng, shape)) };
}

function each(shape: Shape, draw: (rng: Rng) => number): Operand {
  return floats(shape, (rng, sizes) => Array.from({ length: numElements(sizes) }, () => Math.fround(draw(rng))));
}

function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
