// Whether an answer's normal form is that of the reference. The reference's kind decides the comparison; the policies, which a task
// may set otherwise, are stated with `Policy`.

import { call, difference, type Expr, integer, negated, product, quotient, rationalOf, replaceLeaves, some } from "./expr.ts";
import { type Form, type Interval, type Reals, type Relation, type Scalar, scalar, type Tuple } from "./form.ts";
import { type Check, equalExpressions, ratioSign } from "./identity.ts";
import { namedValue } from "./normal.ts";
import { asReals, intervalOf } from "./reals.ts";
import { componentsOf } from "./unitVectors.ts";
import { signOf } from "./zero.ts";

export interface Policy {
  /** Whether the order of a list without brackets matters. */
  readonly listOrder: "any" | "given";
  /** Whether all members of a list or set must be given, or some of them suffice. */
  readonly members: "all" | "some";
  /** Whether 50% is one half, or 50 with a sign that counts for nothing. */
  readonly percent: "value" | "sign";
  /** Whether a unit may be absent where the other side has one. Two different units never agree. */
  readonly units: "optional" | "required";
  /** Whether 2/4 counts for 1/2. */
  readonly unreduced: "accept" | "refuse";
  /** Whether a number in a base may be given in another. */
  readonly base: "any" | "same";
  /** Largest difference that still counts, for numbers; absent: none. */
  readonly tolerance?: Expr;
}

export interface Comparison extends Check {
  readonly policy: Policy;
}

export function sameForm(gold: Form, answer: Form, with_: Comparison): boolean {
  switch (gold.kind) {
    case "scalar":
      return sameAsScalar(gold, answer, with_);
    case "tuple":
      return sameAsTuple(gold, answer, with_);
    case "matrix":
      return sameAsMatrix(gold.rows, answer, with_);
    case "set":
      return sameAsSet(gold.items, answer, with_);
    case "list":
      return sameAsList(gold.items, answer, with_);
    case "reals":
      return sameAsReals(gold, answer, with_);
    case "relation":
      return sameAsRelation(gold, answer, with_);
    case "choice":
      return answer.kind === "choice" && answer.letter === gold.letter;
    case "text":
      return answer.kind === "text" && answer.words === gold.words;
    case "sets":
      return false; // normal forms have none
    default:
      return gold satisfies never;
  }
}

function sameAsScalar(gold: Scalar, answer: Form, with_: Comparison): boolean {
  if (answer.kind === "relation") return valuesOf(answer, with_).some((value) => sameForm(gold, value, with_));
  if (answer.kind === "tuple" || answer.kind === "matrix") return sameAsVector(gold, answer, with_);
  if (answer.kind !== "scalar") return false;
  const { policy } = with_;
  const inRadians = gold.unit === "radian" || answer.unit === "radian";
  if (inRadians) return sameAsScalar(withoutRadians(gold), withoutRadians(answer), { ...with_, policy: { ...policy, units: "required" } });
  if (policy.base === "same" && gold.base !== answer.base) return false;
  if (policy.unreduced === "refuse" && answer.unreduced === true && gold.unreduced !== true) return false;
  if (gold.unit !== undefined && answer.unit !== undefined && gold.unit !== answer.unit) return false;
  if (policy.units === "required" && gold.unit !== undefined && answer.unit === undefined) return false;
  const [a, b] = [percentAs(gold, policy), percentAs(answer, policy)];
  if (sameNumber(a, b, with_)) return true;
  return policy.units === "optional" && sameWithoutDegrees(a, b, with_);
}

/** 3i - 4j and (3, -4), in either order. */
function sameAsVector(vector: Scalar, other: Form, with_: Comparison): boolean {
  const items = other.kind === "matrix" ? vectorOf(other.rows) : other.kind === "tuple" && other.open !== "[" ? other.items : undefined;
  const components = items && componentsOf(vector, items.length);
  return components !== undefined && sameInOrder(components, items!, with_);
}

/** Radians are plain numbers. */
function withoutRadians(form: Scalar): Scalar {
  const { unit, ...rest } = form;
  return unit === "radian" ? rest : form;
}

function percentAs({ value, percent }: Scalar, policy: Policy): Expr {
  return percent === true && policy.percent === "sign" ? product([integer(100n), value]) : value;
}

function sameNumber(a: Expr, b: Expr, with_: Comparison): boolean {
  if (equalExpressions(a, b, with_)) return true;
  const { tolerance } = with_.policy;
  if (tolerance === undefined || [a, b].some((side) => some(side, (part) => part.kind === "variable"))) return false;
  const sign = signOf(difference(tolerance, call("abs", [difference(a, b)])), with_.work);
  return sign === 0 || sign === 1;
}

/** 90 degrees and 90: the degree is a unit that one side may leave out. */
function sameWithoutDegrees(a: Expr, b: Expr, with_: Comparison): boolean {
  const isDegree = (expr: Expr): boolean => expr.kind === "constant" && expr.name === "degree";
  if (some(a, isDegree) === some(b, isDegree)) return false;
  const bare = (expr: Expr): Expr => replaceLeaves(expr, (leaf) => (isDegree(leaf) ? integer(1n) : leaf));
  return sameNumber(bare(a), bare(b), with_);
}

/** What an equation in place of a value may stand for: the value of "x = 5"; both sides of "x = 1/3 ~ 0.33" when the last is rounded. */
function valuesOf(relation: Relation, with_: Comparison): Form[] {
  const { sides, operators } = relation;
  const named = namedValue(relation);
  if (named !== undefined) return [named.value];
  const last = operators.length - 1;
  if (operators[last] === "~" && sides.length <= 3) {
    const [exact, rounded] = [sides[last]!, sides[last + 1]!];
    const rest: Form = last === 0 ? exact : { kind: "relation", sides: sides.slice(0, -1), operators: operators.slice(0, -1) };
    return isRounding(exact, rounded, with_) ? [...(rest.kind === "relation" ? valuesOf(rest, with_) : [rest]), rounded] : [];
  }
  // x = 2/4 = 1/2: all values are the same one
  const chained = operators.every((operator) => operator === "=") && sides.length > 2;
  const first = chained ? namedValue({ kind: "relation", sides: [sides[0]!, sides[1]!], operators: ["="] }) : undefined;
  const agree = first !== undefined && sides.slice(2).every((side) => sameForm(first.value, side, with_));
  return agree ? [sides.at(-1)!] : [];
}

/** Whether `rounded` is `exact`, rounded or cut at its last decimal place. */
function isRounding(exact: Form, rounded: Form, { work }: Comparison): boolean {
  if (exact.kind !== "scalar" || rounded.kind !== "scalar") return false;
  const value = rationalOf(rounded.value);
  if (value === undefined || some(exact.value, (part) => part.kind === "variable")) return false;
  let unit = 1n;
  while ((value.numerator * unit) % value.denominator !== 0n && unit < value.denominator) unit *= 10n;
  const off = difference(exact.value, rounded.value);
  const place = quotient(integer(1n), integer(unit));
  const isBelow = (a: Expr, b: Expr): boolean => [0, 1].includes(signOf(difference(b, a), work) ?? -1);
  return isBelow(product([integer(2n), call("abs", [off])]), place) || (isBelow(integer(0n), off) && isBelow(off, place));
}

function sameAsTuple(gold: Tuple, answer: Form, with_: Comparison): boolean {
  switch (answer.kind) {
    case "scalar":
      return sameAsVector(answer, gold, with_);
    case "tuple": {
      const pair = gold.items.length === 2 && gold.open !== "<" && answer.open !== "<";
      return (!pair || (gold.open === answer.open && gold.close === answer.close)) && sameInOrder(gold.items, answer.items, with_);
    }
    case "list":
      return gold.open !== "[" && answer.joint !== "or" && sameInOrder(gold.items, coordinates(answer.items), with_);
    case "matrix": {
      const vector = vectorOf(answer.rows);
      return vector !== undefined && sameInOrder(gold.items, vector, with_);
    }
    case "reals": {
      const interval = intervalOf(gold);
      return interval !== undefined && sameAsReals(interval, answer, with_);
    }
    case "relation": {
      const named = namedValue(answer);
      return named !== undefined && named.value.kind !== "list" && sameAsTuple(gold, named.value, with_);
    }
    default:
      return false;
  }
}

/** "y = 2, x = 1" as the values in order of their names. */
function coordinates(items: readonly Form[]): readonly Form[] {
  const named = items.flatMap((item) => (item.kind === "relation" ? (namedValue(item) ?? []) : []));
  if (named.length !== items.length) return items.some((item) => item.kind === "relation") ? [] : items;
  return named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ value }) => value);
}

function vectorOf(rows: readonly (readonly Expr[])[]): Form[] | undefined {
  if (rows.length > 1 && rows[0]!.length > 1) return undefined;
  return rows.flat().map((value) => ({ kind: "scalar", value }));
}

function sameInOrder(gold: readonly Form[], answer: readonly Form[], with_: Comparison): boolean {
  return gold.length === answer.length && gold.every((item, at) => sameForm(item, answer[at]!, with_));
}

function sameAsMatrix(gold: readonly (readonly Expr[])[], answer: Form, with_: Comparison): boolean {
  if (answer.kind === "relation") {
    const named = namedValue(answer);
    return named !== undefined && sameAsMatrix(gold, named.value, with_);
  }
  if (answer.kind === "scalar") return sameAsVector(answer, { kind: "matrix", rows: gold }, with_);
  if (answer.kind === "tuple") {
    const vector = vectorOf(gold);
    if (vector !== undefined) return sameInOrder(vector, answer.items, with_);
    // [[1,2],[3,4]]: a row in each inner pair of brackets
    const rows = answer.items.map((item) => (item.kind === "tuple" && item.open === answer.open ? item.items : undefined));
    return rows.length === gold.length && gold.every((row, i) => rows[i] !== undefined && sameInOrder(row.map(scalar), rows[i], with_));
  }
  if (answer.kind !== "matrix" || answer.rows.length !== gold.length) return false;
  return gold.every((row, i) => {
    const other = answer.rows[i]!;
    return other.length === row.length && row.every((value, j) => sameNumber(value, other[j]!, with_));
  });
}

function sameAsSet(gold: readonly Form[], answer: Form, with_: Comparison): boolean {
  const given = membersOf(answer, with_);
  if (given === undefined) {
    const own = answer.kind === "reals" ? asReals({ kind: "set", items: gold }) : undefined;
    return own !== undefined && sameAsReals(own, answer, with_);
  }
  const eachIn = (some_: readonly Form[], all: readonly Form[]): boolean =>
    some_.every((item) => all.some((other) => sameForm(other, item, with_)));
  if (with_.policy.members === "some") return given.length > 0 && eachIn(given, gold);
  return (
    given.length > 0 === gold.length > 0 && eachIn(given, gold) && gold.every((item) => given.some((other) => sameForm(item, other, with_)))
  );
}

/** The members of a set, a list or one value. */
function membersOf(answer: Form, with_: Comparison): readonly Form[] | undefined {
  switch (answer.kind) {
    case "set":
    case "list":
      return answer.items;
    case "scalar":
    case "tuple":
    case "matrix":
      return [answer];
    case "relation": {
      const named = namedValue(answer);
      return named === undefined ? [answer] : membersOf(named.value, with_);
    }
    default:
      return undefined;
  }
}

function sameAsList(gold: readonly Form[], answer: Form, with_: Comparison): boolean {
  if (answer.kind === "set") return sameAsSet(gold, answer, with_);
  if (answer.kind === "tuple" && answer.items.length === gold.length) {
    return !(answer.open === "[" && gold.length === 2) && sameInOrder(gold, answer.items, with_);
  }
  const given = membersOf(answer, with_);
  if (given === undefined) return false;
  if (with_.policy.members === "some") return sameAsSet(gold, answer, with_);
  if (given.length !== gold.length) return false;
  return with_.policy.listOrder === "given" ? sameInOrder(gold, given, with_) : sameInAnyOrder(gold, given, with_);
}

/** Equality is transitive, so that taking the first match for each member is enough. */
function sameInAnyOrder(gold: readonly Form[], answer: readonly Form[], with_: Comparison): boolean {
  const left = [...answer];
  for (const item of gold) {
    const at = left.findIndex((other) => sameForm(item, other, with_));
    if (at === -1) return false;
    left.splice(at, 1);
  }
  return left.length === 0;
}

function sameAsReals(gold: Reals, answer: Form, with_: Comparison): boolean {
  const given = answer.kind === "relation" ? undefined : asReals(answer);
  if (given === undefined || given.parts.length !== gold.parts.length) return false;
  if (gold.of !== undefined && given.of !== undefined && gold.of !== given.of) return false;
  return gold.parts.every((part, at) => sameInterval(part, given.parts[at]!, with_));
}

function sameInterval(a: Interval, b: Interval, with_: Comparison): boolean {
  return (["low", "high"] as const).every((end) => a[end].closed === b[end].closed && equalExpressions(a[end].value, b[end].value, with_));
}

/** Equations are equal when their sides differ by a constant factor, inequalities when by a positive one. */
function sameAsRelation(gold: Relation, answer: Form, with_: Comparison): boolean {
  if (answer.kind === "set" && answer.items.length === 1) return sameAsRelation(gold, answer.items[0]!, with_);
  if (answer.kind !== "relation") {
    const named = namedValue(gold);
    return named !== undefined && sameForm(named.value, answer, with_);
  }
  const [own, given] = [namedValue(gold), namedValue(answer)];
  if (own !== undefined && given !== undefined && sameName(own.name, given.name) && sameForm(own.value, given.value, with_)) return true;
  if (gold.sides.length !== answer.sides.length) return false;
  if (gold.sides.length > 2) return sameChain(gold, answer, with_);
  const [a, b] = [gapOf(gold), gapOf(answer)];
  if (a === undefined || b === undefined || a.operator !== b.operator) return false;
  const sign = ratioSign(a.gap, b.gap, with_);
  return sign !== undefined && (sign > 0 || a.operator === "=" || a.operator === "!=");
}

/** y and f(x) are two names of what a function gives. */
function sameName(a: string, b: string): boolean {
  return a === b || (a === "y" && /^[fgh]\(x\)$/.test(b)) || (b === "y" && /^[fgh]\(x\)$/.test(a));
}

function sameChain(gold: Relation, answer: Relation, with_: Comparison): boolean {
  const same = (other: Relation): boolean =>
    gold.operators.every((operator, at) => operator === other.operators[at]) && sameInOrder(gold.sides, other.sides, with_);
  return same(answer) || same(reversed(answer));
}

const mirrored = { "=": "=", "!=": "!=", "~": "~", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

function reversed({ sides, operators }: Relation): Relation {
  return { kind: "relation", sides: sides.toReversed(), operators: operators.map((operator) => mirrored[operator]).toReversed() };
}

/** One comparison as gap = 0, gap != 0, gap < 0 or gap <= 0. */
function gapOf({ sides, operators }: Relation): { readonly gap: Expr; readonly operator: string } | undefined {
  const [left, right] = sides;
  if (left?.kind !== "scalar" || right?.kind !== "scalar") return undefined;
  const operator = operators[0]!;
  const upward = operator === ">" || operator === ">=";
  const gap = difference(left.value, right.value);
  return { gap: upward ? negated(gap) : gap, operator: upward ? mirrored[operator] : operator };
}
