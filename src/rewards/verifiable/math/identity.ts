// Whether two expressions are equal: numbers by zero.ts, expressions with variables by their values at random points, which is
// Schwartz and Zippel's test where they are rational functions. A difference shows at nearly every point; none is called equal unless
// both sides are defined and equal at all points tried. Points have both signs, so that sqrt(x^2) is not x, unless variables are positive.

import type { Rng } from "../../../base/rng.ts";
import { Beyond, Unreadable } from "./caps.ts";
import { childrenOf, difference, type Expr, integer, number, product, replaceLeaves, some, variable, variablesOf } from "./expr.ts";
import { keyOf } from "./key.ts";
import { isZero, signOf } from "./zero.ts";

/** What all comparisons of one check share. */
export interface Check {
  readonly rng: Rng;
  readonly work: { left: number };
  readonly variables: "real" | "positive";
}

/** Points tried, and how many of them must be defined. */
const numPoints = 6;
const minDefined = 3;

export function equalExpressions(a: Expr, b: Expr, check: Check): boolean {
  if (keyOf(a) === keyOf(b)) return true;
  if (some(a, isInfinite) || some(b, isInfinite)) return false;
  return vanishes(difference(a, b), check);
}

/** Whether an expression is 0 wherever it is defined. */
export function vanishes(expr: Expr, check: Check): boolean {
  const plain = opaque(expr);
  const names = variablesOf(plain);
  if (names.length === 0) return isZero(plain, check.work) === true;
  let defined = 0;
  for (let point = 0; point < numPoints; point++) {
    const zero = at(plain, randomPoint(names, { point, check }), check);
    if (zero === false) return false;
    if (zero === true) defined++;
  }
  return defined >= minDefined;
}

/** Whether a = c b for a number c that is not 0, and the sign of c; for a and b with variables. */
export function ratioSign(a: Expr, b: Expr, check: Check): -1 | 1 | undefined {
  const [first, second] = [opaque(a), opaque(b)];
  const names = [...new Set([...variablesOf(first), ...variablesOf(second)])];
  if (names.length === 0) return undefined;
  const base = randomPoint(names, { point: 0, check });
  const [aBase, bBase] = [substitute(first, base), substitute(second, base)];
  if (aBase === undefined || bBase === undefined) return undefined;
  const [aSign, bSign] = [signOf(aBase, check.work), signOf(bBase, check.work)];
  if (!aSign || !bSign) return undefined;
  // a(x) b(x0) - b(x) a(x0) = 0 for all x
  const cross = difference(product([first, bBase]), product([second, aBase]));
  return vanishes(cross, check) ? ((aSign * bSign) as -1 | 1) : undefined;
}

export function isInfinite(expr: Expr): boolean {
  return expr.kind === "constant" && expr.name === "infinity";
}

type Point = ReadonlyMap<string, Expr>;

/** Fractions with 20 bits between 0 and 8, and one of whole numbers; the first two points are all positive and all negative, the others have signs at random. */
function randomPoint(names: readonly string[], { point, check }: { readonly point: number; readonly check: Check }): Point {
  const { rng, variables } = check;
  return new Map(
    names.map((name) => {
      const size = BigInt(1 + 2 * rng.int(2 ** 20));
      const negative = variables === "real" && (point === 1 || (point > 1 && rng.int(2) === 1));
      // Whole numbers, at which floors and ceilings differ from what surrounds them.
      if (point === 4) return [name, integer((negative ? -1n : 1n) * BigInt(1 + rng.int(64)))];
      // Odd points lie within the unit interval, where inverse functions are defined.
      const denominator = 2n ** (point % 2 === 1 ? 21n : 18n);
      return [name, number({ numerator: negative ? -size : size, denominator })];
    }),
  );
}

function substitute(expr: Expr, point: Point): Expr | undefined {
  try {
    return replaceLeaves(expr, (leaf) => (leaf.kind === "variable" ? (point.get(leaf.name) ?? leaf) : leaf));
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** Whether the value at a point is 0; undefined where it is not defined, or too large to compute. */
function at(expr: Expr, point: Point, { work }: Check): boolean | undefined {
  try {
    const value = substitute(expr, point);
    return value && isZero(value, work);
  } catch (error) {
    if (error instanceof Beyond && work.left > 0) return undefined;
    throw error;
  }
}

/** Factorials and binomials of variables are only defined at whole numbers: each becomes a variable of its own. */
function opaque(expr: Expr): Expr {
  if (!some(expr, isCombinatorial)) return expr;
  if (isCombinatorial(expr)) return variable(keyOf(expr));
  return rebuild(expr, childrenOf(expr).map(opaque));
}

function isCombinatorial(expr: Expr): boolean {
  return expr.kind === "call" && (expr.name === "factorial" || expr.name === "binomial");
}

function rebuild(expr: Expr, children: readonly Expr[]): Expr {
  let next = 0;
  const marks = new Map(childrenOf(expr).map((child) => [child, children[next++]!]));
  switch (expr.kind) {
    case "sum":
      return { kind: "sum", terms: expr.terms.map((term) => marks.get(term)!) };
    case "product":
      return { kind: "product", factors: expr.factors.map((factor) => marks.get(factor)!) };
    case "power":
      return { kind: "power", base: marks.get(expr.base)!, exponent: marks.get(expr.exponent)! };
    case "root":
      return { ...expr, of: marks.get(expr.of)! };
    case "call":
      return { ...expr, args: expr.args.map((arg) => marks.get(arg)!) };
    default:
      return expr;
  }
}
