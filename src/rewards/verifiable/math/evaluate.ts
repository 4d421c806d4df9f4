// The value of an expression without variables as a complex ball, on principal branches. Undefined where the value is not defined
// (division by zero), not supported (a sine of a complex number), or cannot be told at this precision (which side of a branch).

import type { Rational } from "../rational.ts";
import { addBalls, type Ball, ballOf, divideBalls, multiplyBalls, negateBall, type Precision, rootOfBall, signOfBall } from "./ball.ts";
import { arctanBall, expBall, halved, lnBall, piBall, sinCosBall, squaredLength } from "./ballFunctions.ts";
import { Beyond, maxExponent } from "./caps.ts";
import { type Expr, floorOf, integerOf } from "./expr.ts";

/** `im` is absent where the value is real for certain. */
export interface ComplexBall {
  readonly re: Ball;
  readonly im?: Ball;
}

const zero = ballOf(0n);
const one = ballOf(1n);

export function evaluate(expr: Expr, precision: Precision): ComplexBall | undefined {
  switch (expr.kind) {
    case "number":
      return real(divideBalls(ballOf(expr.value.numerator), ballOf(expr.value.denominator), precision));
    case "constant":
      return evaluateConstant(expr.name, precision);
    case "variable":
      return undefined;
    case "sum":
      return fold(expr.terms, { precision, start: { re: zero }, join: plus });
    case "product":
      return fold(expr.factors, { precision, start: { re: one }, join: times });
    case "power":
      return evaluatePower(expr, precision);
    case "root": {
      const inner = evaluate(expr.of, precision);
      return inner && complexRoot(inner, { degree: expr.degree, precision });
    }
    case "call":
      return evaluateCall(expr, precision);
    default:
      return expr satisfies never;
  }
}

function real(re: Ball | undefined): ComplexBall | undefined {
  return re && { re };
}

function evaluateConstant(name: string, precision: Precision): ComplexBall | undefined {
  if (name === "pi") return { re: piBall(precision) };
  if (name === "e") return { re: expBall(one, precision) };
  if (name === "i") return { re: zero, im: one };
  if (name === "degree") return real(divideBalls(piBall(precision), ballOf(180n), precision));
  return undefined;
}

type Join = (a: ComplexBall, b: ComplexBall, precision: Precision) => ComplexBall;

function fold(
  parts: readonly Expr[],
  { precision, start, join }: { readonly precision: Precision; readonly start: ComplexBall; readonly join: Join },
): ComplexBall | undefined {
  let total = start;
  for (const part of parts) {
    const value = evaluate(part, precision);
    if (value === undefined) return undefined;
    total = join(total, value, precision);
  }
  return total;
}

function plus(a: ComplexBall, b: ComplexBall, precision: Precision): ComplexBall {
  const re = addBalls(a.re, b.re, precision);
  if (a.im === undefined && b.im === undefined) return { re };
  return { re, im: addBalls(a.im ?? zero, b.im ?? zero, precision) };
}

function times(a: ComplexBall, b: ComplexBall, precision: Precision): ComplexBall {
  const multiply = (x: Ball, y: Ball): Ball => multiplyBalls(x, y, precision);
  if (a.im === undefined && b.im === undefined) return { re: multiply(a.re, b.re) };
  const [aIm, bIm] = [a.im ?? zero, b.im ?? zero];
  return {
    re: addBalls(multiply(a.re, b.re), negateBall(multiply(aIm, bIm)), precision),
    im: addBalls(multiply(a.re, bIm), multiply(aIm, b.re), precision),
  };
}

function inverse({ re, im }: ComplexBall, precision: Precision): ComplexBall | undefined {
  if (im === undefined) return real(divideBalls(one, re, precision));
  const length = squaredLength(re, { y: im, precision });
  const [x, y] = [divideBalls(re, length, precision), divideBalls(negateBall(im), length, precision)];
  return x && y && { re: x, im: y };
}

function evaluatePower({ base, exponent }: Extract<Expr, { kind: "power" }>, precision: Precision): ComplexBall | undefined {
  const count = integerOf(exponent);
  if (count !== undefined) {
    const value = evaluate(base, precision);
    const raised = value && integerPower(value, { count: Number(count < 0n ? -count : count), precision });
    return count < 0n ? raised && inverse(raised, precision) : raised;
  }
  const by = evaluate(exponent, precision);
  if (by === undefined) return undefined;
  if (base.kind === "constant" && base.name === "e") return complexExp(by, precision);
  const value = evaluate(base, precision);
  const log = value && complexLn(value, precision);
  return log && complexExp(times(log, by, precision), precision);
}

function integerPower(
  base: ComplexBall,
  { count, precision }: { readonly count: number; readonly precision: Precision },
): ComplexBall | undefined {
  if (count > maxExponent) throw new Beyond(`${maxExponent} for exponents`);
  let result: ComplexBall = { re: one };
  for (let bit = 2 ** Math.floor(Math.log2(count)); bit >= 1; bit /= 2) {
    result = times(result, result, precision);
    if (Math.floor(count / bit) % 2 === 1) result = times(result, base, precision);
  }
  return result;
}

function complexRoot(
  { re, im }: ComplexBall,
  { degree, precision }: { readonly degree: number; readonly precision: Precision },
): ComplexBall | undefined {
  if (im === undefined) {
    const sign = signOfBall(re);
    if (sign === 0) return { re: zero };
    if (sign === 1) return { re: rootOfBall(re, { degree, precision }) };
    if (sign === -1 && degree % 2 === 1) return { re: negateBall(rootOfBall(negateBall(re), { degree, precision })) };
    if (sign === -1 && degree === 2) return { re: zero, im: rootOfBall(negateBall(re), { degree, precision }) };
    if (sign === undefined) return around0(re, { degree, precision });
  }
  if (degree !== 2) {
    const log = complexLn({ re, im: im ?? zero }, precision);
    const part = log && { re: divideBalls(log.re, ballOf(BigInt(degree)), precision)!, im: divide(log.im ?? zero, degree, precision) };
    return part && complexExp(part, precision);
  }
  // sqrt(z) = sqrt((|z| + x) / 2) + i sign(y) sqrt((|z| - x) / 2); the cut is the negative real axis
  const y = im ?? zero;
  const length = rootOfBall(squaredLength(re, { y, precision }), { degree: 2, precision });
  const ySign = signOfBall(y);
  if (ySign === undefined && signOfBall(re) !== 1) return undefined;
  const half = (value: Ball): Ball => rootOfBall(halved(value), { degree: 2, precision });
  const up = half(addBalls(length, re, precision));
  const side = half(addBalls(length, negateBall(re), precision));
  if (ySign === undefined) return { re: up, im: { mid: 0n, rad: side.mid + side.rad, exp: side.exp } };
  return { re: up, im: ySign < 0 ? negateBall(side) : side };
}

function divide(value: Ball, by: number, precision: Precision): Ball {
  return divideBalls(value, ballOf(BigInt(by)), precision)!;
}

/** A root of what may be 0: small, and of any direction. */
function around0(re: Ball, { degree, precision }: { readonly degree: number; readonly precision: Precision }): ComplexBall {
  const most = rootOfBall({ mid: (re.mid < 0n ? -re.mid : re.mid) + re.rad, rad: 0n, exp: re.exp }, { degree, precision });
  const disc = { mid: 0n, rad: most.mid + most.rad, exp: most.exp };
  return degree % 2 === 1 ? { re: disc } : { re: disc, im: disc };
}

function complexExp({ re, im }: ComplexBall, precision: Precision): ComplexBall {
  const size = expBall(re, precision);
  if (im === undefined) return { re: size };
  const { sin, cos } = sinCosBall(im, precision);
  return { re: multiplyBalls(size, cos, precision), im: multiplyBalls(size, sin, precision) };
}

function complexLn({ re, im }: ComplexBall, precision: Precision): ComplexBall | undefined {
  const sign = signOfBall(re);
  if (im === undefined || signOfBall(im) === 0) {
    if (sign === 1) return { re: lnBall(re, precision) };
    return sign === -1 ? { re: lnBall(negateBall(re), precision), im: piBall(precision) } : undefined;
  }
  const length = squaredLength(re, { y: im, precision });
  if (signOfBall(length) !== 1) return undefined;
  const angle = argument({ re, im }, precision);
  return angle && { re: halved(lnBall(length, precision)), im: angle };
}

/** The angle of a number that is not real, in (-pi, pi). */
function argument({ re, im }: Required<ComplexBall>, precision: Precision): Ball | undefined {
  if (signOfBall(re) === 1) return arctanBall(divideBalls(im, re, precision)!, precision);
  const side = signOfBall(im);
  if (side === undefined) return undefined;
  // off the real axis: sign(y) pi/2 - arctan(x / y)
  const quarter = halved(piBall(precision));
  const lean = arctanBall(divideBalls(re, im, precision)!, precision);
  return addBalls(side < 0 ? negateBall(quarter) : quarter, negateBall(lean), precision);
}

function evaluateCall({ name, args }: Extract<Expr, { kind: "call" }>, precision: Precision): ComplexBall | undefined {
  const value = evaluate(args[0]!, precision);
  if (value === undefined) return undefined;
  if (name === "ln") return complexLn(value, precision);
  if (name === "abs") return real(lengthOf(value, precision));
  if (value.im !== undefined) return undefined;
  const x = value.re;
  const exp = (of: Ball): Ball => expBall(of, precision);
  switch (name) {
    case "sin":
    case "cos":
      return { re: sinCosBall(x, precision)[name] };
    case "tan":
    case "cot": {
      const { sin, cos } = sinCosBall(x, precision);
      return real(name === "tan" ? divideBalls(sin, cos, precision) : divideBalls(cos, sin, precision));
    }
    case "sec":
      return real(divideBalls(one, sinCosBall(x, precision).cos, precision));
    case "csc":
      return real(divideBalls(one, sinCosBall(x, precision).sin, precision));
    case "arctan":
      return { re: arctanBall(x, precision) };
    case "arcsin":
      return real(arcsin(x, precision));
    case "arccos": {
      const angle = arcsin(x, precision);
      return real(angle && addBalls(halved(piBall(precision)), negateBall(angle), precision));
    }
    case "sinh":
      return { re: halved(addBalls(exp(x), negateBall(exp(negateBall(x))), precision)) };
    case "cosh":
      return { re: halved(addBalls(exp(x), exp(negateBall(x)), precision)) };
    case "tanh": {
      // tanh x = (exp(2x) - 1) / (exp(2x) + 1)
      const squared = exp({ ...x, exp: x.exp + 1 });
      return real(divideBalls(addBalls(squared, ballOf(-1n), precision), addBalls(squared, one, precision), precision));
    }
    case "floor":
    case "ceil":
      return real(wholePart(x, name));
    case "factorial":
    case "binomial":
      return undefined;
    default:
      return name satisfies never;
  }
}

function lengthOf({ re, im }: ComplexBall, precision: Precision): Ball {
  if (im !== undefined) return rootOfBall(squaredLength(re, { y: im, precision }), { degree: 2, precision });
  const sign = signOfBall(re);
  if (sign === undefined) return { mid: 0n, rad: (re.mid < 0n ? -re.mid : re.mid) + re.rad, exp: re.exp };
  return sign < 0 ? negateBall(re) : re;
}

/** arcsin x = arctan(x / sqrt(1 - x^2)); +-pi/2 at the ends. */
function arcsin(x: Ball, precision: Precision): Ball | undefined {
  const rest = addBalls(one, negateBall(multiplyBalls(x, x, precision)), precision);
  const sign = signOfBall(rest);
  if (sign === 0) return signOfBall(x) === 1 ? halved(piBall(precision)) : negateBall(halved(piBall(precision)));
  if (sign !== 1) return undefined;
  const ratio = divideBalls(x, rootOfBall(rest, { degree: 2, precision }), precision);
  return ratio && arctanBall(ratio, precision);
}

/** Undefined when the ball holds a whole number, so that the part below or above it is not certain. */
function wholePart({ mid, rad, exp }: Ball, name: "floor" | "ceil"): Ball | undefined {
  const at = (value: bigint): Rational =>
    exp >= 0 ? { numerator: value << BigInt(exp), denominator: 1n } : { numerator: value, denominator: 1n << BigInt(-exp) };
  const part = (value: bigint): bigint => (name === "floor" ? floorOf(at(value)) : -floorOf(at(-value)));
  const [low, high] = [part(mid - rad), part(mid + rad)];
  return low === high ? ballOf(low) : undefined;
}
