// Sums and products of forms: scalars with scalars, and tuples and matrices member by member, as vectors.
// A unit, a percent sign or a base belongs to a number that stands alone: what is computed with has none.

import { Unreadable } from "./caps.ts";
import { type Expr, negated, product, sum } from "./expr.ts";
import { type Form, scalar } from "./form.ts";

/** The expression of a scalar without a unit. */
export function scalarOf(form: Form): Expr {
  if (form.kind !== "scalar" || form.unit !== undefined) throw new Unreadable("a number is needed here");
  return form.value;
}

export function addForms(a: Form, b: Form): Form {
  if (a.kind === "scalar" && b.kind === "scalar") return scalar(sum([scalarOf(a), scalarOf(b)]));
  if (a.kind === "matrix" && b.kind === "matrix" && a.rows.length === b.rows.length) {
    const rows = a.rows.map((row, i) => {
      const other = b.rows[i]!;
      if (other.length !== row.length) throw new Unreadable("matrices of different shapes");
      return row.map((value, j) => sum([value, other[j]!]));
    });
    return { kind: "matrix", rows };
  }
  if (a.kind === "tuple" && b.kind === "tuple" && a.items.length === b.items.length && a.open === b.open && a.close === b.close) {
    return { ...a, items: a.items.map((item, i) => addForms(item, b.items[i]!)) };
  }
  throw new Unreadable("a sum of what cannot be added");
}

export function multiplyForms(a: Form, b: Form): Form {
  if (a.kind === "scalar" && b.kind === "scalar") return scalar(product([scalarOf(a), scalarOf(b)]));
  if (a.kind === "scalar") return scaled(b, scalarOf(a));
  if (b.kind === "scalar") return scaled(a, scalarOf(b));
  throw new Unreadable("a product of what cannot be multiplied");
}

export function negateForm(form: Form): Form {
  if (form.kind !== "scalar") return multiplyForms(scalar(negated(scalarOf(one))), form);
  const { unit: _, ...rest } = form;
  return { ...rest, value: negated(scalarOf(form)) };
}

const one = scalar(product([]));

function scaled(form: Form, by: Expr): Form {
  if (form.kind === "matrix") return { kind: "matrix", rows: form.rows.map((row) => row.map((value) => product([by, value]))) };
  if (form.kind === "tuple" && form.open !== "[") return { ...form, items: form.items.map((item) => multiplyForms(scalar(by), item)) };
  throw new Unreadable("a product of what cannot be multiplied");
}
