// A vector as a sum of unit vectors: 3i - 4j + k, whose components are 3, -4 and 1. Bold and hats are dropped by the tokenizer, so that i
// reads as the imaginary unit: only a sum of multiples of at least two of i, j and k is a vector, and 1 + 2i is none.

import { type Expr, product, some, sum } from "./expr.ts";
import { type Scalar, scalar } from "./form.ts";

/** The components of `vector` in `dimensions` dimensions; undefined where it is no such sum. */
export function componentsOf({ value, unit }: Scalar, dimensions: number): Scalar[] | undefined {
  if (unit !== undefined || dimensions < 2 || dimensions > 3 || value.kind !== "sum") return undefined;
  const terms = value.terms.map(multipleOf);
  const isVector = terms.every((term) => term !== undefined && term.axis < dimensions) && new Set(terms.map((term) => term?.axis)).size > 1;
  if (!isVector) return undefined;
  return Array.from({ length: dimensions }, (_, axis) => scalar(sum(terms.flatMap((term) => (term?.axis === axis ? [term.times] : [])))));
}

function multipleOf(term: Expr): { readonly axis: number; readonly times: Expr } | undefined {
  const factors = term.kind === "product" ? term.factors : [term];
  const units = factors.filter((factor) => axisOf(factor) !== undefined);
  const others = factors.filter((factor) => axisOf(factor) === undefined);
  if (units.length !== 1 || others.some((factor) => some(factor, (part) => axisOf(part) !== undefined))) return undefined;
  return { axis: axisOf(units[0]!)!, times: product(others) };
}

function axisOf(part: Expr): number | undefined {
  if (part.kind === "constant") return part.name === "i" ? 0 : undefined;
  const axis = part.kind === "variable" ? ["j", "k"].indexOf(part.name) : -1;
  return axis === -1 ? undefined : axis + 1;
}
