// Scalar expressions as trees, built only through the functions below, which fold whatever is rational to one exact number as they go.
// Nothing else is simplified: whether two expressions are equal is decided by identity.ts, not by rewriting.

import { add, divide, multiply, negate, type Rational, reduce, whole } from "../rational.ts";
import { integerRoot } from "./ball.ts";
import { bitLength } from "./bits.ts";
import { Beyond, maxBits, maxExponent, maxFactorial, maxRootDegree, Unreadable } from "./caps.ts";

/** `degree` is pi/180. */
export type ConstantName = "pi" | "e" | "i" | "degree" | "infinity";

export const functionNames = [
  "sin",
  "cos",
  "tan",
  "cot",
  "sec",
  "csc",
  "arcsin",
  "arccos",
  "arctan",
  "sinh",
  "cosh",
  "tanh",
  "ln",
  "abs",
  "floor",
  "ceil",
  "factorial",
  "binomial",
] as const;
export type FunctionName = (typeof functionNames)[number];

export type Expr =
  | { readonly kind: "number"; readonly value: Rational }
  | { readonly kind: "constant"; readonly name: ConstantName }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "sum"; readonly terms: readonly Expr[] }
  | { readonly kind: "product"; readonly factors: readonly Expr[] }
  | { readonly kind: "power"; readonly base: Expr; readonly exponent: Expr }
  /** The principal root, but the real one of a negative number when the degree is odd. */
  | { readonly kind: "root"; readonly degree: number; readonly of: Expr }
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Expr[] };

export const number = (value: Rational): Expr => ({ kind: "number", value });
/** A number as it was written, in lowest terms. */
export const literal = (value: Rational): Expr => number(tidy(value));
export const integer = (value: bigint): Expr => number(whole(value));
export const constant = (name: ConstantName): Expr => ({ kind: "constant", name });
export const variable = (name: string): Expr => ({ kind: "variable", name });

const zero = integer(0n);
const one = integer(1n);

/** The exact value of an expression that was folded to one. */
export function rationalOf(expr: Expr): Rational | undefined {
  return expr.kind === "number" ? expr.value : undefined;
}

/** The value as an integer, or undefined. */
export function integerOf(expr: Expr): bigint | undefined {
  const value = rationalOf(expr);
  if (value === undefined || value.numerator % value.denominator !== 0n) return undefined;
  return value.numerator / value.denominator;
}

export function sum(terms: readonly Expr[]): Expr {
  const flat = terms.flatMap((term) => (term.kind === "sum" ? term.terms : [term]));
  const rest = flat.filter((term) => term.kind !== "number");
  const folded = flat.reduce<Rational>((total, term) => (term.kind === "number" ? tidy(add(total, term.value)) : total), whole(0n));
  const all = folded.numerator === 0n ? rest : [...rest, number(folded)];
  return all.length === 0 ? zero : all.length === 1 ? all[0]! : { kind: "sum", terms: all };
}

export function product(factors: readonly Expr[]): Expr {
  const flat = factors.flatMap((factor) => (factor.kind === "product" ? factor.factors : [factor]));
  const rest = flat.filter((factor) => factor.kind !== "number");
  const folded = flat.reduce<Rational>(
    (total, factor) => (factor.kind === "number" ? tidy(multiply(total, factor.value)) : total),
    whole(1n),
  );
  if (folded.numerator === 0n) return zero;
  const isOne = folded.numerator === folded.denominator;
  const all = isOne ? rest : [number(folded), ...rest];
  return all.length === 0 ? one : all.length === 1 ? all[0]! : { kind: "product", factors: all };
}

export function negated(expr: Expr): Expr {
  return product([integer(-1n), expr]);
}

export function difference(a: Expr, b: Expr): Expr {
  return sum([a, negated(b)]);
}

export function quotient(above: Expr, below: Expr): Expr {
  return product([above, power(below, integer(-1n))]);
}

export function power(base: Expr, exponent: Expr): Expr {
  const by = rationalOf(exponent);
  if (by === undefined) return { kind: "power", base, exponent };
  const count = integerOf(exponent);
  if (count !== undefined) return integerPower(base, count);
  const { numerator, denominator } = reduce(by);
  if (denominator > BigInt(maxRootDegree)) return { kind: "power", base, exponent };
  return integerPower(root(Number(denominator), base), numerator);
}

function integerPower(base: Expr, count: bigint): Expr {
  const size = count < 0n ? -count : count;
  if (base.kind === "number") return number(rationalPower(base.value, count));
  if (size > BigInt(maxExponent)) throw new Beyond(`${maxExponent} for exponents`);
  if (count === 0n) return one;
  if (count === 1n) return base;
  if (base.kind === "constant" && base.name === "i") {
    const turn = Number(((count % 4n) + 4n) % 4n);
    const unit = turn % 2 === 0 ? one : base;
    return turn < 2 ? unit : negated(unit);
  }
  const inner = base.kind === "power" ? integerOf(base.exponent) : undefined;
  if (base.kind === "power" && inner !== undefined) return integerPower(base.base, inner * count);
  if (base.kind === "product") return product(base.factors.map((factor) => integerPower(factor, count)));
  return { kind: "power", base, exponent: integer(count) };
}

function rationalPower(base: Rational, count: bigint): Rational {
  const size = count < 0n ? -count : count;
  const length = BigInt(Math.max(bitLength(base.numerator), bitLength(base.denominator)));
  const trivial = base.numerator === 0n || (length === 1n && base.denominator === 1n);
  if (trivial) return smallPower(base, count);
  if (size > BigInt(maxExponent)) throw new Beyond(`${maxExponent} for exponents`);
  if (length * size > BigInt(maxBits)) throw new Beyond(`${maxBits} bits for a power`);
  const up: Rational = { numerator: base.numerator ** size, denominator: base.denominator ** size };
  return count < 0n ? inverse(up) : up;
}

/** Powers of -1, 0 and 1, whose exponent may be of any size. */
function smallPower({ numerator }: Rational, count: bigint): Rational {
  if (numerator === 0n && count <= 0n) throw new Unreadable("division by zero");
  return whole(numerator < 0n && count % 2n === 0n ? 1n : numerator);
}

function inverse(value: Rational): Rational {
  const result = divide(whole(1n), value);
  if (result === undefined) throw new Unreadable("division by zero");
  return result;
}

export function root(degree: number, of: Expr): Expr {
  if (degree > maxRootDegree) throw new Beyond(`${maxRootDegree} for the degree of a root`);
  if (degree === 1) return of;
  const value = rationalOf(of);
  if (value === undefined) return { kind: "root", degree, of };
  if (value.numerator < 0n) {
    const positive = root(degree, number(negate(value)));
    if (degree % 2 === 1) return negated(positive);
    return degree === 2 ? product([constant("i"), positive]) : { kind: "root", degree, of };
  }
  const { numerator, denominator } = tidy(value);
  const [above, below] = [integerRoot(numerator, degree), integerRoot(denominator, degree)];
  const exact = above ** BigInt(degree) === numerator && below ** BigInt(degree) === denominator;
  return exact ? number({ numerator: above, denominator: below }) : { kind: "root", degree, of };
}

export function call(name: FunctionName, args: readonly Expr[]): Expr {
  const [first, second] = args;
  const value = first === undefined ? undefined : rationalOf(first);
  if (value !== undefined) {
    if (name === "ln" && value.numerator === 0n) throw new Unreadable("the logarithm of zero");
    if (name === "ln" && value.numerator === value.denominator) return zero;
    if (name === "abs") return number(value.numerator < 0n ? negate(value) : value);
    if (name === "floor") return integer(floorOf(value));
    if (name === "ceil") return integer(-floorOf(negate(value)));
    if (name === "factorial") return integer(factorial(first!));
    if (name === "binomial" && rationalOf(second!) !== undefined) return integer(binomial(first!, second!));
  }
  return { kind: "call", name, args };
}

export function floorOf({ numerator, denominator }: Rational): bigint {
  const down = numerator / denominator;
  return numerator < 0n && numerator % denominator !== 0n ? down - 1n : down;
}

function factorial(of: Expr): bigint {
  const count = integerOf(of);
  if (count === undefined || count < 0n) throw new Unreadable("the factorial of what is not a whole number");
  if (count > BigInt(maxFactorial)) throw new Beyond(`${maxFactorial} for factorials`);
  return risingProduct(1n, count);
}

function binomial(of: Expr, by: Expr): bigint {
  const [n, k] = [integerOf(of), integerOf(by)];
  if (n === undefined || k === undefined || n < 0n || k < 0n) throw new Unreadable("a binomial of what is not a whole number");
  if (n > BigInt(maxFactorial)) throw new Beyond(`${maxFactorial} for binomials`);
  if (k > n) return 0n;
  return risingProduct(n - k + 1n, n) / risingProduct(1n, k);
}

/** from * (from + 1) * ... * to, halved again and again so that the factors stay of like size. */
function risingProduct(from: bigint, to: bigint): bigint {
  if (from > to) return 1n;
  if (to - from < 8n) {
    let result = from;
    for (let factor = from + 1n; factor <= to; factor++) result *= factor;
    return result;
  }
  const middle = (from + to) / 2n;
  return risingProduct(from, middle) * risingProduct(middle + 1n, to);
}

/** Numbers longer than this are not brought to lowest terms: it would cost more than it saves. */
const maxReducedBits = 2048;

function tidy(value: Rational): Rational {
  const below = bitLength(value.denominator);
  const length = Math.max(bitLength(value.numerator), below);
  if (length > maxBits) throw new Beyond(`${maxBits} bits for a number`);
  return below > 1 && length <= maxReducedBits ? reduce(value) : value;
}

/** The same expression with every leaf replaced; what becomes rational is folded. */
export function replaceLeaves(expr: Expr, leaf: (expr: Expr) => Expr): Expr {
  const within = (inner: Expr): Expr => replaceLeaves(inner, leaf);
  switch (expr.kind) {
    case "sum":
      return sum(expr.terms.map(within));
    case "product":
      return product(expr.factors.map(within));
    case "power":
      return power(within(expr.base), within(expr.exponent));
    case "root":
      return root(expr.degree, within(expr.of));
    case "call":
      return call(expr.name, expr.args.map(within));
    case "number":
    case "constant":
    case "variable":
      return leaf(expr);
    default:
      return expr satisfies never;
  }
}

/** The parts right below. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "sum":
      return expr.terms;
    case "product":
      return expr.factors;
    case "power":
      return [expr.base, expr.exponent];
    case "root":
      return [expr.of];
    case "call":
      return expr.args;
    case "number":
    case "constant":
    case "variable":
      return [];
    default:
      return expr satisfies never;
  }
}

/** Whether `found` holds anywhere in the tree. */
export function some(expr: Expr, found: (expr: Expr) => boolean): boolean {
  return found(expr) || childrenOf(expr).some((child) => some(child, found));
}

/** Names of the variables, in order of name. */
export function variablesOf(expr: Expr): string[] {
  const names = new Set<string>();
  const visit = (inner: Expr): void => {
    if (inner.kind === "variable") names.add(inner.name);
    childrenOf(inner).forEach(visit);
  };
  visit(expr);
  return [...names].sort();
}
