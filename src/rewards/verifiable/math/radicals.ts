// Whether a number vanishes once products, small powers and square roots are multiplied out: sqrt(6) sqrt(10) is 2 sqrt(15). Cheaper than
// computing beyond the separation bound of zero.ts, which doubles with every root. What cancels here is 0; what does not may be 0 too.

import { add, divide, multiply, type Rational, reduce, whole } from "../rational.ts";
import { bitLength } from "./bits.ts";
import { type Expr, integerOf } from "./expr.ts";
import { keyOf } from "./key.ts";

/** c a^p b^q ...: `powers` by atom. An atom is a positive integer, "i", or the key of a part that is not looked into. */
interface Term {
  readonly coefficient: Rational;
  readonly powers: ReadonlyMap<string, Rational>;
}

/** Terms by their powers as text, so that like terms meet. */
type Terms = ReadonlyMap<string, Term>;

/** Products of two terms in one call: a few milliseconds. */
const maxProducts = 2000;
const maxPower = 32;
/** Roots of longer numbers are not looked into. */
const maxRadicandBits = 256;
const maxPrime = 1000n;

class TooMany extends Error {}

/** Whether all terms of `expr` cancel. Its parts must be defined, so that a division is none by zero. */
export function cancels(expr: Expr): boolean {
  try {
    return termsOf(expr, { left: maxProducts }).size === 0;
  } catch (error) {
    if (error instanceof TooMany) return false;
    throw error;
  }
}

interface Budget {
  left: number;
}

function termsOf(expr: Expr, budget: Budget): Terms {
  switch (expr.kind) {
    case "number":
      return collected([{ coefficient: expr.value, powers: new Map() }]);
    case "sum":
      return collected(expr.terms.flatMap((term) => [...termsOf(term, budget).values()]));
    case "product":
      return expr.factors.map((factor) => termsOf(factor, budget)).reduce((a, b) => times(a, { by: b, budget }));
    case "power":
      return powerTerms(expr, budget);
    case "root":
      return rootTerms(expr);
    case "constant":
      return expr.name === "i" ? atom("i", whole(1n)) : opaque(expr);
    case "variable":
    case "call":
      return opaque(expr);
    default:
      return expr satisfies never;
  }
}

function opaque(expr: Expr, exponent = whole(1n)): Terms {
  return atom(`'${keyOf(expr)}`, exponent);
}

function atom(name: string, exponent: Rational): Terms {
  return collected([{ coefficient: whole(1n), powers: new Map([[name, exponent]]) }]);
}

function powerTerms(expr: Extract<Expr, { kind: "power" }>, budget: Budget): Terms {
  const count = integerOf(expr.exponent);
  if (count === undefined || count > maxPower || count < -maxPower) return opaque(expr);
  const base = termsOf(expr.base, budget);
  if (count < 0n) {
    const [only] = base.values();
    return base.size === 1 ? raised(only!, count) : opaque(expr.base, whole(count));
  }
  let result = base;
  for (let i = 1n; i < count; i++) result = times(result, { by: base, budget });
  return result;
}

function raised({ coefficient, powers }: Term, count: bigint): Terms {
  const inverse = divide(whole(1n), coefficient)!; // like terms that cancelled are not kept
  const size = -count;
  const scaled = new Map([...powers].map(([name, exponent]) => [name, multiply(exponent, whole(count))]));
  return collected([{ coefficient: { numerator: inverse.numerator ** size, denominator: inverse.denominator ** size }, powers: scaled }]);
}

/** root_k(p/q) as a product of k-th roots of small primes and of what is left of p and q. */
function rootTerms(expr: Extract<Expr, { kind: "root" }>): Terms {
  if (expr.of.kind !== "number" || expr.of.value.numerator <= 0n) return opaque(expr);
  const { numerator, denominator } = reduce(expr.of.value);
  if (bitLength(numerator) > maxRadicandBits || bitLength(denominator) > maxRadicandBits) return opaque(expr);
  const factors = [...primePowers(numerator, 1n), ...primePowers(denominator, -1n)];
  const degree = BigInt(expr.degree);
  const powers = new Map(factors.map(([prime, count]) => [String(prime), { numerator: count, denominator: degree }]));
  return collected([{ coefficient: whole(1n), powers }]);
}

function primePowers(value: bigint, sign: 1n | -1n): [bigint, bigint][] {
  const found: [bigint, bigint][] = [];
  let rest = value;
  for (let prime = 2n; prime <= maxPrime && prime * prime <= rest; prime++) {
    let count = 0n;
    for (; rest % prime === 0n; rest /= prime) count++;
    if (count > 0n) found.push([prime, sign * count]);
  }
  return rest === 1n ? found : [...found, [rest, sign]];
}

function times(a: Terms, { by, budget }: { readonly by: Terms; readonly budget: Budget }): Terms {
  budget.left -= a.size * by.size;
  if (budget.left < 0) throw new TooMany();
  const products: Term[] = [];
  for (const left of a.values()) {
    for (const right of by.values()) {
      const powers = new Map(left.powers);
      for (const [name, exponent] of right.powers) powers.set(name, add(powers.get(name) ?? whole(0n), exponent));
      products.push({ coefficient: multiply(left.coefficient, right.coefficient), powers });
    }
  }
  return collected(products);
}

/** Like terms added, powers in their lowest form, and nothing that is 0. */
function collected(terms: readonly Term[]): Terms {
  const sums = new Map<string, Term>();
  for (const term of terms.map(lowest)) {
    const key = [...term.powers]
      .map(([name, { numerator, denominator }]) => `${name}^${numerator}/${denominator}`)
      .sort()
      .join(" ");
    const before = sums.get(key);
    sums.set(key, before === undefined ? term : { ...term, coefficient: reduce(add(before.coefficient, term.coefficient)) });
  }
  return new Map([...sums].filter(([, { coefficient }]) => coefficient.numerator !== 0n));
}

/** Whole powers of integers and i^2 go into the coefficient; what is left of an exponent lies in [0, 1). */
function lowest({ coefficient, powers }: Term): Term {
  let factor = coefficient;
  const rest = new Map<string, Rational>();
  for (const [name, exponent] of powers) {
    const { numerator, denominator } = reduce(exponent);
    if (name === "i") {
      const turn = ((numerator % 4n) + 4n) % 4n;
      if (turn >= 2n) factor = { ...factor, numerator: -factor.numerator };
      if (turn % 2n === 1n) rest.set(name, whole(1n));
    } else if (name.startsWith("'")) {
      if (numerator !== 0n) rest.set(name, { numerator, denominator });
    } else {
      const left = ((numerator % denominator) + denominator) % denominator;
      factor = scaled(factor, { base: BigInt(name), count: (numerator - left) / denominator });
      if (left !== 0n) rest.set(name, { numerator: left, denominator });
    }
  }
  return { coefficient: reduce(factor), powers: rest };
}

function scaled(value: Rational, { base, count }: { readonly base: bigint; readonly count: bigint }): Rational {
  if (count >= 0n) return { ...value, numerator: value.numerator * base ** count };
  return { ...value, denominator: value.denominator * base ** -count };
}
