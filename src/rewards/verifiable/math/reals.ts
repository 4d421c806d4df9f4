// Sets of real numbers as unions of intervals: [0, 1) u {2}, x > 3, 0 <= x < 1, all but 3. Two descriptions of one set get one normal form:
// intervals in order, joined where they touch, without empty ones. Undefined where ends cannot be put in order, for example with letters.

import { Unreadable } from "./caps.ts";
import {
  constant,
  difference,
  type Expr,
  integer,
  negated,
  product,
  quotient,
  replaceLeaves,
  some,
  sum,
  variable,
  variablesOf,
} from "./expr.ts";
import type { Bound, Comparison, Form, Interval, Reals, Relation, Tuple } from "./form.ts";
import { type Check, isInfinite, vanishes } from "./identity.ts";
import { signOf } from "./zero.ts";

const infinity: Bound = { value: constant("infinity"), closed: false };
const minusInfinity: Bound = { value: negated(constant("infinity")), closed: false };
const everything: Reals = { kind: "reals", parts: [{ low: minusInfinity, high: infinity }] };

/** -1 or 1 for the infinities, 0 for what holds none. */
function infinite(expr: Expr): -1 | 0 | 1 {
  if (isInfinite(expr)) return 1;
  return some(expr, isInfinite) ? -1 : 0;
}

/** Whether a tuple can only be an interval: brackets of two kinds, or an infinite end. */
export function isPlainlyInterval({ open, close, items }: Tuple): boolean {
  if (items.length !== 2) return false;
  if (open === "]" || close === "[" || (open === "(") !== (close === ")")) return open !== "<";
  return items.some((item) => item.kind === "scalar" && infinite(item.value) !== 0);
}

/** A pair in brackets as an interval. */
export function intervalOf({ open, close, items }: Tuple): Reals | undefined {
  const [low, high] = items;
  if (items.length !== 2 || open === "<" || low?.kind !== "scalar" || high?.kind !== "scalar") return undefined;
  const bound = (value: Expr, closed: boolean): Bound => ({ value, closed: closed && infinite(value) === 0 });
  return { kind: "reals", parts: [{ low: bound(low.value, open === "["), high: bound(high.value, close === "]") }] };
}

/** A form as a set of reals, if it is one: intervals, finite sets of numbers, unions. */
export function asReals(form: Form): Reals | undefined {
  if (form.kind === "reals") return form;
  if (form.kind === "tuple") return intervalOf(form);
  if (form.kind !== "set") return undefined;
  const points = form.items.map((item) => (item.kind === "scalar" ? item.value : undefined));
  if (points.some((point) => point === undefined)) return undefined;
  return { kind: "reals", parts: points.map((value) => ({ low: { value: value!, closed: true }, high: { value: value!, closed: true } })) };
}

export function unite(sets: readonly Reals[], check: Check): Reals {
  return ordered({ kind: "reals", parts: sets.flatMap(({ parts }) => parts) }, check);
}

export function meet(a: Reals, b: Reals, check: Check): Reals {
  const parts = a.parts.flatMap((left) =>
    b.parts.map((right) => ({ low: later(left.low, right.low, check), high: earlier(left.high, right.high, check) })),
  );
  return ordered({ kind: "reals", parts }, check);
}

export function without(a: Reals, b: Reals, check: Check): Reals {
  return ordered(b, check).parts.reduce((rest, { low, high }) => {
    const below: Interval = { low: minusInfinity, high: { value: low.value, closed: !low.closed && infinite(low.value) === 0 } };
    const above: Interval = { low: { value: high.value, closed: !high.closed && infinite(high.value) === 0 }, high: infinity };
    const others = [...(infinite(low.value) === 0 ? [below] : []), ...(infinite(high.value) === 0 ? [above] : [])];
    return meet(rest, { kind: "reals", parts: others }, check);
  }, a);
}

/** The normal form. */
function ordered({ parts }: Reals, check: Check): Reals {
  const full = parts.filter(({ low, high }) => {
    const order = compareValues(low.value, high.value, check);
    return order < 0 || (order === 0 && low.closed && high.closed);
  });
  const sorted = full.sort((a, b) => compareValues(a.low.value, b.low.value, check) || Number(b.low.closed) - Number(a.low.closed));
  const joined: Interval[] = [];
  for (const part of sorted) {
    const last = joined.at(-1);
    const gap = last === undefined ? 1 : compareValues(part.low.value, last.high.value, check);
    if (last === undefined || gap > 0 || (gap === 0 && !part.low.closed && !last.high.closed)) joined.push(part);
    else joined[joined.length - 1] = { low: last.low, high: latest(last.high, part.high, check) };
  }
  return { kind: "reals", parts: joined };
}

/** Negative, 0 or positive as a is below, equal to or above b. */
function compareValues(a: Expr, b: Expr, { work }: Check): number {
  const [aInfinite, bInfinite] = [infinite(a), infinite(b)];
  if (aInfinite !== 0 || bInfinite !== 0) return aInfinite - bInfinite;
  const sign = variablesOf(difference(a, b)).length > 0 ? undefined : signOf(difference(a, b), work);
  if (sign === undefined) throw new Unreadable("ends of intervals that have no order");
  return sign;
}

/** Of two lower ends, the one that leaves less; of two upper ends likewise; of two upper ends, the one that leaves more. */
function later(a: Bound, b: Bound, check: Check): Bound {
  const order = compareValues(a.value, b.value, check);
  return order > 0 || (order === 0 && !a.closed) ? a : b;
}

function earlier(a: Bound, b: Bound, check: Check): Bound {
  const order = compareValues(a.value, b.value, check);
  return order < 0 || (order === 0 && !a.closed) ? a : b;
}

function latest(a: Bound, b: Bound, check: Check): Bound {
  const order = compareValues(a.value, b.value, check);
  return order > 0 || (order === 0 && a.closed) ? a : b;
}

/** The solutions of comparisons that are linear in their one variable; undefined for others. */
export function solve({ sides, operators }: Relation, check: Check): Reals | undefined {
  const values = sides.map((side) => (side.kind === "scalar" ? side.value : undefined));
  if (values.some((value) => value === undefined) || operators.some((operator) => operator === "=" || operator === "~")) return undefined;
  const opened = operators.length === 1 ? withoutBars({ left: values[0]!, operator: operators[0]!, right: values[1]! }) : undefined;
  if (opened !== undefined) {
    const [first, second] = opened.of.map((relation) => solve(relation, check));
    if (first === undefined || second === undefined) return undefined;
    return opened.joint === "and" ? meet(first, second, check) : unite([first, second], check);
  }
  const names = new Set(values.flatMap((value) => variablesOf(value!)));
  const [name] = names;
  if (names.size !== 1) return undefined;
  let solution = everything;
  for (const [at, operator] of operators.entries()) {
    const part = solveOne({ left: values[at]!, operator, right: values[at + 1]!, name: name! }, check);
    if (part === undefined) return undefined;
    solution = meet(solution, part, check);
  }
  return solution;
}

/** |x| < c as x < c and -x < c; |x| > c as x > c or -x > c. A negative c is right with both. */
function withoutBars({ left, operator, right }: Omit<Comparing, "name">) {
  const barsLeft = left.kind === "call" && left.name === "abs";
  const bars = barsLeft ? left : right;
  if (bars.kind !== "call" || bars.name !== "abs" || operator === "!=") return undefined;
  const [inner] = bars.args as readonly [Expr];
  const side = (value: Expr): Relation => {
    const sides = barsLeft ? [value, right] : [left, value];
    return { kind: "relation", operators: [operator], sides: sides.map((each) => ({ kind: "scalar", value: each })) };
  };
  const isSmaller = (operator === "<" || operator === "<=") === barsLeft;
  return { joint: isSmaller ? ("and" as const) : ("or" as const), of: [side(inner), side(negated(inner))] };
}

interface Comparing {
  readonly left: Expr;
  readonly operator: Comparison;
  readonly right: Expr;
  readonly name: string;
}

function solveOne({ left, operator, right, name }: Comparing, check: Check): Reals | undefined {
  if (infinite(left) !== 0 || infinite(right) !== 0) return excludesNothing({ left, operator, right }) ? everything : undefined;
  // left - right = slope x + rest
  const gap = difference(left, right);
  const rest = at(gap, { name, value: 0n });
  const slope = difference(at(gap, { name, value: 1n }), rest);
  const sign = signOf(slope, check.work);
  if (!sign || !vanishes(difference(gap, sum([product([slope, variable(name)]), rest])), check)) return undefined;
  const value = quotient(negated(rest), slope);
  const end = (closed: boolean): Bound => ({ value, closed });
  if (operator === "!=") {
    return {
      kind: "reals",
      parts: [
        { low: minusInfinity, high: end(false) },
        { low: end(false), high: infinity },
      ],
    };
  }
  const below = (operator === "<" || operator === "<=") === sign > 0;
  const bound = end(operator === "<=" || operator === ">=");
  return { kind: "reals", parts: [below ? { low: minusInfinity, high: bound } : { low: bound, high: infinity }] };
}

/** -inf < x and x < inf. */
function excludesNothing({ left, operator, right }: Omit<Comparing, "name">): boolean {
  const upward = operator === "<" || operator === "<=";
  if (operator === "!=" || operator === "=" || operator === "~") return false;
  return infinite(upward ? left : right) <= 0 && infinite(upward ? right : left) >= 0;
}

function at(expr: Expr, { name, value }: { readonly name: string; readonly value: bigint }): Expr {
  return replaceLeaves(expr, (leaf) => (leaf.kind === "variable" && leaf.name === name ? integer(value) : leaf));
}
