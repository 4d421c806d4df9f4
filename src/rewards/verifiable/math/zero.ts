// Whether a number given by an expression is 0: decided, and not guessed, where it is algebraic (built from rationals, roots and i). A value
// that is not 0 lies above a bound that follows from the expression, so that computing beyond the bound settles it.
// What multiplying out settles needs no such precision (radicals.ts).
// For pi, e, logarithms and trigonometric functions no such bound is known. The same measure, of the values and arguments that occur, plus
// `transcendentalBits` decides there: a convention, on the side of calling numbers different.

import { logBound, type Precision, signOfBall } from "./ball.ts";
import { bitLength } from "./bits.ts";
import { Beyond, maxPrecisionBits } from "./caps.ts";
import { type ComplexBall, evaluate } from "./evaluate.ts";
import { type Expr, integerOf } from "./expr.ts";
import { keyOf } from "./key.ts";
import { cancels } from "./radicals.ts";

/** Most comparisons end here: two different numbers differ in the first few digits. */
const firstBits = 128;
/** Equality that rests on no proof asks for this many bits more. */
const transcendentalBits = 256;
const marginBits = 64;

/**
 * Whether the number is 0; undefined when it is not defined or its value cannot be told.
 *
 *     E            u(E)                                             l(E)
 *     integer N    |N|                                              1
 *     A + B        u(A) l(B) + l(A) u(B)                            l(A) l(B)
 *     A B          u(A) u(B)                                        l(A) l(B)
 *     A / B        u(A) l(B)                                        l(A) u(B)
 *     root_k A     u(A)^(1/k) l(A)^(1-1/k) if u(A) >= l(A), else u(A)   l(A) if u(A) >= l(A), else u(A)^(1-1/k) l(A)^(1/k)
 *
 *     E = 0 or |E| >= 1 / (l(E) u(E)^(D-1)), D the product of the degrees of all different roots
 *
 * Burnikel, Funke, Mehlhorn, Schirra and Schmitt 2001, "A separation bound for real algebraic expressions", theorem 1. The conjugates
 * that its proof bounds are complex, so that it holds with i as a root of degree 2.
 */
export function isZero(expr: Expr, work: Precision["work"]): boolean | undefined {
  if (expr.kind === "number") return expr.value.numerator === 0n;
  const first = evaluate(expr, { bits: firstBits, work });
  if (first !== undefined && awayFrom0(first)) return false;
  if (first !== undefined && cancels(expr)) return true;
  const measure = measureOf(expr, work);
  const degree = [...measure.roots.values()].reduce((total, each) => total * each, 1);
  const separation = measure.lower + measure.upper * (degree - 1) + (measure.transcendental ? transcendentalBits + 4 * measure.upper : 0);
  for (let bits = separation + measure.upper + measure.lower + marginBits; ; bits *= 2) {
    if (!(bits <= maxPrecisionBits)) throw new Beyond(`${maxPrecisionBits} bits to tell two numbers apart`);
    const value = evaluate(expr, { bits: Math.ceil(bits / 64) * 64, work });
    if (value === undefined) return undefined;
    if (awayFrom0(value)) return false;
    if (below(value, -separation - 1)) return true;
  }
}

/** -1, 0 or 1; undefined when the number is not real, not defined or cannot be told. */
export function signOf(expr: Expr, work: Precision["work"]): -1 | 0 | 1 | undefined {
  if (isZero(expr, work) === true) return 0;
  for (let bits = firstBits; bits <= maxPrecisionBits; bits *= 4) {
    const value = evaluate(expr, { bits, work });
    if (value === undefined || value.im !== undefined) return undefined;
    const sign = signOfBall(value.re);
    if (sign !== undefined) return sign;
  }
  return undefined;
}

function awayFrom0({ re, im }: ComplexBall): boolean {
  const apart = (sign: number | undefined): boolean => sign === 1 || sign === -1;
  return apart(signOfBall(re)) || (im !== undefined && apart(signOfBall(im)));
}

/** Whether all of the ball is smaller than 2^exponent. */
function below({ re, im }: ComplexBall, exponent: number): boolean {
  return logBound(re) < exponent && (im === undefined || logBound(im) < exponent);
}

/** Binary logarithms of u and l, at least 0, and the degree of each root by its key. */
interface Measure {
  readonly upper: number;
  readonly lower: number;
  readonly transcendental: boolean;
  readonly roots: ReadonlyMap<string, number>;
}

function measureOf(expr: Expr, work: Precision["work"]): Measure {
  const roots = new Map<string, number>();
  let transcendental = false;

  /** Upper and lower of one part; the degrees of its roots are noted on the way. */
  const visit = (part: Expr): readonly [number, number] => {
    switch (part.kind) {
      case "number":
        return [bitLength(part.value.numerator), bitLength(part.value.denominator)];
      case "constant":
        if (part.name === "i") roots.set("i", 2);
        else transcendental = true;
        return part.name === "i" ? [0, 0] : [8, 8];
      case "sum":
        return part.terms.map(visit).reduce(([u, l], [v, m]) => [Math.max(u + m, l + v) + 1, l + m]);
      case "product":
        return part.factors.map(visit).reduce(([u, l], [v, m]) => [u + v, l + m]);
      case "root": {
        const [u, l] = visit(part.of);
        roots.set(keyOf(part), part.degree);
        const k = part.degree;
        return u >= l ? [(u + (k - 1) * l) / k, l] : [u, ((k - 1) * u + l) / k];
      }
      case "power": {
        const count = integerOf(part.exponent);
        if (count === undefined) return function_(part, [part.base, part.exponent]);
        const [u, l] = visit(part.base);
        return count < 0n ? [-Number(count) * l, -Number(count) * u] : [Number(count) * u, Number(count) * l];
      }
      case "call":
        if (part.name === "abs") roots.set(keyOf(part), 2);
        return part.name === "abs" ? visit(part.args[0]!) : function_(part, part.args);
      case "variable":
        return [0, 0];
      default:
        return part satisfies never;
    }
  };
  const function_ = (part: Expr, args: readonly Expr[]): readonly [number, number] => {
    transcendental = true;
    const inner = args.map(visit).reduce((total, [u, l]) => total + 2 * (u + l), 0);
    const value = evaluate(part, { bits: firstBits, work });
    const size = value === undefined ? 0 : Math.max(Math.abs(finite(logBound(value.re))), Math.abs(finite(value.im && logBound(value.im))));
    const hidden = part.kind === "call" && /^(?:tanh|sinh|cosh)$/.test(part.name) ? hiddenBits(part.args[0]!) : 0;
    return [inner + size + hidden, inner + size + hidden];
  };

  /** tanh(300) differs from 1 by exp(-600): exponentials of the argument count, though the value is small. */
  const hiddenBits = (arg: Expr): number => {
    const value = evaluate(arg, { bits: firstBits, work });
    return value === undefined ? 0 : 4 * 2 ** Math.max(0, finite(logBound(value.re)));
  };

  const [upper, lower] = visit(expr);
  return { upper, lower, transcendental, roots };
}

function finite(value: number | undefined): number {
  return value === undefined || !Number.isFinite(value) ? 0 : value;
}
