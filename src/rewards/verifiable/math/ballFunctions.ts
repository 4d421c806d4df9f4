// Exponential, logarithm, sine, cosine and arctangent of balls, by Taylor series in fixed point after the argument was made small
// (Brent and Zimmermann 2010, "Modern Computer Arithmetic", chapter 4). Each adds to the radius what the series and its roundings
// may be off, generously: `slack` units of the last of `guardBits` extra places.

import {
  addBalls,
  type Ball,
  ballOf,
  divideBalls,
  logBound,
  multiplyBalls,
  negateBall,
  type Precision,
  rounded,
  signOfBall,
} from "./ball.ts";
import { bitLength } from "./bits.ts";
import { Beyond } from "./caps.ts";

const guardBits = 40;
const slack = 1n << 24n;
/** Arguments of exponentials are below it, so that results have at most some 30,000 bits before the point. */
const maxArgument = 20_000;

/** Numbers with `places` binary places. */
interface Fixed {
  readonly mid: bigint;
  readonly rad: bigint;
}

function fixed(ball: Ball, places: number): Fixed {
  const shift = ball.exp + places;
  if (shift >= 0) return { mid: ball.mid << BigInt(shift), rad: ball.rad << BigInt(shift) };
  return { mid: ball.mid >> BigInt(-shift), rad: (ball.rad >> BigInt(-shift)) + 2n };
}

function ball({ mid, rad }: Fixed, { places, precision }: { readonly places: number; readonly precision: Precision }): Ball {
  return rounded({ mid, rad: rad + slack, exp: -places }, precision);
}

/** A series of as many terms as bits has this much work in it. */
function pay({ work, bits }: Precision): void {
  work.left -= Math.ceil((bits * bits) / 8);
  if (work.left < 0) rounded(ballOf(0n), { bits, work });
}

/** One value for each number of places, computed once: they are constants. */
function cached(compute: (places: number) => bigint): (places: number) => bigint {
  const values = new Map<number, bigint>();
  return (places) => {
    // Precisions are multiples of 64, up to the cap: a few hundred values at most.
    const up = Math.ceil(places / 64) * 64;
    const known = values.get(up) ?? compute(up);
    values.set(up, known);
    return known >> BigInt(up - places);
  };
}

/** arctan(1/n) or artanh(1/n), with `places` places. */
function inverseSeries(n: bigint, { places, alternate }: { readonly places: number; readonly alternate: boolean }): bigint {
  let term = (1n << BigInt(places)) / n;
  let total = term;
  for (let k = 3n; term !== 0n; k += 2n) {
    term /= alternate ? -(n * n) : n * n;
    total += term / k;
  }
  return total;
}

/** pi = 16 arctan(1/5) - 4 arctan(1/239) (Machin). */
const piFixed = cached((places) => {
  const wide = places + guardBits;
  const series = (n: bigint): bigint => inverseSeries(n, { places: wide, alternate: true });
  return (16n * series(5n) - 4n * series(239n)) >> BigInt(guardBits);
});

/** ln 2 = 2 artanh(1/3). */
const ln2Fixed = cached((places) => (2n * inverseSeries(3n, { places: places + guardBits, alternate: false })) >> BigInt(guardBits));

export function piBall(precision: Precision): Ball {
  pay(precision);
  const places = precision.bits + guardBits;
  return ball({ mid: piFixed(places), rad: 0n }, { places, precision });
}

export function expBall(argument: Ball, precision: Precision): Ball {
  pay(precision);
  const places = precision.bits + guardBits;
  const { mid, rad } = fixed(argument, places + 32);
  const one = 1n << BigInt(places + 32);
  const size = (mid < 0n ? -mid : mid) + rad;
  if (size > BigInt(maxArgument) * one) throw new Beyond(`${maxArgument} for the argument of an exponential`);
  if (rad > one) throw new Beyond("precision for the argument of an exponential");
  const ln2 = ln2Fixed(places + 32);
  const twos = mid / ln2;
  // exp(x) = 2^twos exp(small / 256)^256
  const small = (mid - twos * ln2) >> 8n;
  let term = one;
  let total = one;
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    term = (term * small) / (one * k);
    total += term;
  }
  for (let i = 0; i < 8; i++) total = (total * total) >> BigInt(places + 32);
  // |exp(x + d) - exp(x)| <= 2 |d| exp(x) for |d| <= 1
  const error = (2n * total * rad) / one;
  return rounded({ mid: total, rad: error + (slack << 16n), exp: Number(twos) - places - 32 }, precision);
}

/** The logarithm of a ball of positive numbers. */
export function lnBall(argument: Ball, precision: Precision): Ball {
  pay(precision);
  const places = precision.bits + guardBits;
  const length = bitLength(argument.mid);
  // y = x / 2^twos lies in [1/16, 1]
  const twos = length + argument.exp;
  const y = fixed({ ...argument, exp: argument.exp - twos }, places);
  const one = 1n << BigInt(places);
  // ln y = 2 artanh((y - 1) / (y + 1)), after square roots that bring y near 1
  let near = y.mid;
  let doublings = 0;
  while (one - near > one >> 3n || near - one > one >> 3n) {
    near = sqrtFixed(near, places);
    doublings++;
  }
  const z = ((near - one) << BigInt(places)) / (near + one);
  const square = (z * z) >> BigInt(places);
  let term = z;
  let total = z;
  for (let k = 3n; term !== 0n && term !== -1n; k += 2n) {
    term = (term * square) >> BigInt(places);
    total += term / k;
  }
  const value = (total << BigInt(1 + doublings)) + BigInt(twos) * ln2Fixed(places);
  // |ln(y + d) - ln y| <= |d| / (y - |d|)
  const least = y.mid - y.rad;
  if (least <= 0n) throw new Beyond("precision for a logarithm");
  return ball({ mid: value, rad: (y.rad << BigInt(places)) / least + BigInt(Math.abs(twos)) + 1n }, { places, precision });
}

function sqrtFixed(value: bigint, places: number): bigint {
  const wide = value << BigInt(places);
  let root = 1n << BigInt(Math.ceil(bitLength(wide) / 2));
  for (;;) {
    const next = (root + wide / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

export function sinCosBall(argument: Ball, precision: Precision): { readonly sin: Ball; readonly cos: Ball } {
  pay(precision);
  const extra = Math.max(0, logBound(argument)) + guardBits;
  if (extra > maxArgument) throw new Beyond(`${maxArgument} bits for an angle`);
  const places = precision.bits + extra;
  const { mid, rad } = fixed(argument, places);
  const one = 1n << BigInt(places);
  const quarter = piFixed(places) >> 1n;
  const turns = mid / quarter;
  const angle = mid - turns * quarter;
  const square = (angle * angle) >> BigInt(places);
  const series = (first: bigint, start: bigint): bigint => {
    let term = first;
    let total = first;
    for (let k = start; term !== 0n && term !== -1n; k += 2n) {
      term = -((term * square) >> BigInt(places)) / (k * (k + 1n));
      total += term;
    }
    return total;
  };
  const [s, c] = [series(angle, 2n), series(one, 1n)];
  // Both are Lipschitz with 1; pi was off by one unit for each quarter turn.
  const off = rad + (turns < 0n ? -turns : turns);
  const [sine, cosine] = [
    [s, c],
    [c, -s],
    [-s, -c],
    [-c, s],
  ][Number(((turns % 4n) + 4n) % 4n)]!;
  const of = (value: bigint): Ball => ball({ mid: value, rad: off }, { places, precision });
  return { sin: of(sine!), cos: of(cosine!) };
}

export function arctanBall(argument: Ball, precision: Precision): Ball {
  pay(precision);
  if (logBound(argument) > 1) {
    // arctan x = sign(x) pi/2 - arctan(1/x)
    const flipped = divideBalls(ballOf(1n), argument, precision);
    const sign = signOfBall(argument);
    if (flipped !== undefined && sign !== undefined && logBound(flipped) <= 1) {
      const half = { ...piBall(precision), exp: piBall(precision).exp - 1 };
      return addBalls(sign < 0 ? negateBall(half) : half, negateBall(arctanBall(flipped, precision)), precision);
    }
    if (flipped === undefined) throw new Beyond("precision for an arctangent");
  }
  const places = precision.bits + guardBits;
  const { mid, rad } = fixed(argument, places);
  const one = 1n << BigInt(places);
  let x = mid;
  // arctan x = 2 arctan(x / (1 + sqrt(1 + x^2)))
  for (let i = 0; i < 3; i++) x = (x << BigInt(places)) / (one + sqrtFixed(one + ((x * x) >> BigInt(places)), places));
  const square = (x * x) >> BigInt(places);
  let term = x;
  let total = x;
  for (let k = 3n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> BigInt(places));
    total += term / k;
  }
  return ball({ mid: total << 3n, rad }, { places, precision });
}

/** Half of a ball. */
export function halved(value: Ball): Ball {
  return { ...value, exp: value.exp - 1 };
}

/** x^2 + y^2. */
export function squaredLength(x: Ball, { y, precision }: { readonly y: Ball; readonly precision: Precision }): Ball {
  return addBalls(multiplyBalls(x, x, precision), multiplyBalls(y, y, precision), precision);
}
