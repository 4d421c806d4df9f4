// A text for each expression, the same for expressions that differ only in the order of terms and factors. Equal keys prove equality;
// different keys prove nothing.

import type { Expr } from "./expr.ts";

export function keyOf(expr: Expr): string {
  switch (expr.kind) {
    case "number":
      return `${expr.value.numerator}/${expr.value.denominator}`;
    case "constant":
      return expr.name;
    case "variable":
      return `'${expr.name}'`;
    case "sum":
      return `+(${expr.terms.map(keyOf).sort().join(" ")})`;
    case "product":
      return `*(${expr.factors.map(keyOf).sort().join(" ")})`;
    case "power":
      return `^(${keyOf(expr.base)} ${keyOf(expr.exponent)})`;
    case "root":
      return `root${expr.degree}(${keyOf(expr.of)})`;
    case "call":
      return `${expr.name}(${expr.args.map(keyOf).join(" ")})`;
    default:
      return expr satisfies never;
  }
}
