// Real numbers known up to an error: every value lies in [mid - rad, mid + rad] * 2^exp. Operations keep that promise whatever the
// precision, so that a ball without 0 proves that a number is not 0 (van der Hoeven 2009, "Ball arithmetic").

import { bitLength } from "./bits.ts";
import { Beyond, maxBits, maxWorkBits } from "./caps.ts";

export interface Ball {
  readonly mid: bigint;
  /** At least 0. */
  readonly rad: bigint;
  readonly exp: number;
}

/** How exactly to compute, and how much work is left; `work` is shared by all steps of one check and counts down. */
export interface Precision {
  readonly bits: number;
  readonly work: { left: number };
}

/** The work of one check, before any was done. */
export function freshWork(): { left: number } {
  return { left: maxWorkBits };
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

export function ballOf(mid: bigint): Ball {
  return { mid, rad: 0n, exp: 0 };
}

/** Cuts what is beyond the precision, with the loss in the radius, and pays for the work. */
export function rounded(ball: Ball, { bits, work }: Precision): Ball {
  const length = bitLength(ball.mid);
  work.left -= 64 + Math.max(length, bits);
  if (work.left < 0) throw new Beyond(`${maxWorkBits} bits of work`);
  const shift = Math.max(length - bits, bitLength(ball.rad) - 32);
  if (shift <= 0) return ball;
  return { mid: ball.mid >> BigInt(shift), rad: (ball.rad >> BigInt(shift)) + 2n, exp: ball.exp + shift };
}

export function addBalls(a: Ball, b: Ball, precision: Precision): Ball {
  const [high, low] = a.exp >= b.exp ? [a, b] : [b, a];
  const shift = high.exp - low.exp;
  if (shift > 4 * maxBits) throw new Beyond(`${4 * maxBits} bits between two terms`);
  const up = BigInt(shift);
  return rounded({ mid: (high.mid << up) + low.mid, rad: (high.rad << up) + low.rad, exp: low.exp }, precision);
}

export function negateBall({ mid, rad, exp }: Ball): Ball {
  return { mid: -mid, rad, exp };
}

export function multiplyBalls(a: Ball, b: Ball, precision: Precision): Ball {
  const rad = absolute(a.mid) * b.rad + absolute(b.mid) * a.rad + a.rad * b.rad;
  return rounded({ mid: a.mid * b.mid, rad, exp: a.exp + b.exp }, precision);
}

/** Undefined when the divisor may be 0. */
export function divideBalls(a: Ball, b: Ball, precision: Precision): Ball | undefined {
  const divisor = absolute(b.mid);
  if (divisor <= b.rad) return undefined;
  const shift = Math.max(0, precision.bits + 2 + bitLength(divisor) - bitLength(a.mid));
  const up = BigInt(shift);
  // |x/y - a/b| <= (|a| rad(b) + |b| rad(a)) / (|b| (|b| - rad(b)))
  const error = absolute(a.mid) * b.rad + divisor * a.rad;
  const rad = error === 0n ? 0n : (error << up) / (divisor * (divisor - b.rad)) + 1n;
  return rounded({ mid: (a.mid << up) / b.mid, rad: rad + 1n, exp: a.exp - b.exp - shift }, precision);
}

/** The root of a ball without negative numbers. */
export function rootOfBall(ball: Ball, { degree, precision }: { readonly degree: number; readonly precision: Precision }): Ball {
  const low = ball.mid - ball.rad;
  const high = ball.mid + ball.rad;
  let shift = Math.max(0, degree * precision.bits - bitLength(high));
  while ((ball.exp - shift) % degree !== 0) shift++;
  const up = BigInt(shift);
  const from = integerRoot(low > 0n ? low << up : 0n, degree);
  const to = integerRoot(high << up, degree) + 1n;
  return rounded({ mid: from + to, rad: to - from, exp: (ball.exp - shift) / degree - 1 }, precision);
}

/** -1 or 1 when the sign is certain, 0 when the ball is exactly 0, undefined when it cannot be told. */
export function signOfBall({ mid, rad }: Ball): -1 | 0 | 1 | undefined {
  if (rad === 0n && mid === 0n) return 0;
  if (mid > rad) return 1;
  return -mid > rad ? -1 : undefined;
}

/** The binary logarithm of the largest absolute value, rounded up. */
export function logBound({ mid, rad, exp }: Ball): number {
  const most = absolute(mid) + rad;
  return most === 0n ? Number.NEGATIVE_INFINITY : bitLength(most) + exp;
}

/** The largest integer whose `degree`-th power is not above `value`, by Newton's method from above. */
export function integerRoot(value: bigint, degree: number): bigint {
  if (value < 2n || degree === 1) return value;
  const k = BigInt(degree);
  let root = 1n << BigInt(Math.ceil(bitLength(value) / degree));
  for (;;) {
    const next = ((k - 1n) * root + value / root ** (k - 1n)) / k;
    if (next >= root) return root;
    root = next;
  }
}
