// The promise of ball arithmetic, that a ball holds the value it stands for, on functions whose values are known otherwise.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import {
  addBalls,
  type Ball,
  ballOf,
  divideBalls,
  freshWork,
  logBound,
  multiplyBalls,
  negateBall,
  type Precision,
  rootOfBall,
  signOfBall,
} from "../../../../src/rewards/verifiable/math/ball.ts";
import { arctanBall, expBall, halved, lnBall, piBall, sinCosBall } from "../../../../src/rewards/verifiable/math/ballFunctions.ts";

const at = (bits: number): Precision => ({ bits, work: freshWork() });
const over = (a: bigint, b: bigint, precision: Precision): Ball => divideBalls(ballOf(a), ballOf(b), precision)!;

/** Two balls may stand for one number: their difference may be 0, and is small. */
function assertSame(a: Ball, b: Ball, precision: Precision): void {
  const gap = addBalls(a, negateBall(b), precision);
  assert.ok(signOfBall(gap) === undefined || signOfBall(gap) === 0, `${gap.mid} +- ${gap.rad} at 2^${gap.exp}`);
  assert.ok(logBound(gap) < Math.max(logBound(a), 0) - precision.bits + 64, `wide by 2^${logBound(gap)}`);
}

// pi to 50 decimals, OEIS A000796; ln 2, A002162; e, A001113
const known = {
  pi: 314159265358979323846264338327950288419716939937510n,
  ln2: 69314718055994530941723212145817656807550013436025n,
  e: 271828182845904523536028747135266249775724709369995n,
};

describe("balls of known constants", () => {
  for (const bits of [128, 160, 500, 2000]) {
    test(`hold them at ${bits} bits`, () => {
      const precision = at(bits);
      const near = (ball: Ball, digits: bigint, places: bigint): void => {
        const low = over(digits - 1n, 10n ** places, precision);
        const high = over(digits + 1n, 10n ** places, precision);
        assert.notEqual(signOfBall(addBalls(ball, negateBall(low), precision)), -1);
        assert.notEqual(signOfBall(addBalls(high, negateBall(ball), precision)), -1);
      };
      near(piBall(precision), known.pi, 50n);
      near(lnBall(ballOf(2n), precision), known.ln2, 50n);
      near(expBall(ballOf(1n), precision), known.e, 50n);
    });
  }
});

describe("balls of functions", () => {
  const numbers = fc.record({
    a: fc.bigInt({ min: 1n, max: 10n ** 12n }),
    b: fc.bigInt({ min: 1n, max: 10n ** 12n }),
    bits: fc.constantFrom(128, 192, 640),
  });
  const forAll = (check: (x: Ball, precision: Precision) => void): void =>
    fc.assert(
      fc.property(numbers, ({ a, b, bits }) => {
        const precision = at(bits);
        check(over(a, b, precision), precision);
      }),
      { numRuns: 300 },
    );

  test("undo one another: exp(ln x) = x, ln(x^2) = 2 ln x", () => {
    forAll((x, precision) => {
      const ln = lnBall(x, precision);
      assertSame(expBall(ln, precision), x, precision);
      assertSame(lnBall(multiplyBalls(x, x, precision), precision), { ...ln, exp: ln.exp + 1 }, at(precision.bits - 48));
    });
  });

  test("keep sin^2 + cos^2 = 1 and sin 2x = 2 sin x cos x", () => {
    forAll((x, precision) => {
      const { sin, cos } = sinCosBall(x, precision);
      assertSame(addBalls(multiplyBalls(sin, sin, precision), multiplyBalls(cos, cos, precision), precision), ballOf(1n), precision);
      const product = multiplyBalls(sin, cos, precision);
      assertSame(sinCosBall({ ...x, exp: x.exp + 1 }, precision).sin, { ...product, exp: product.exp + 1 }, precision);
    });
  });

  test("keep arctan x + arctan(1/x) = pi/2", () => {
    forAll((x, precision) => {
      const both = addBalls(arctanBall(x, precision), arctanBall(divideBalls(ballOf(1n), x, precision)!, precision), precision);
      assertSame(both, halved(piBall(precision)), precision);
    });
  });

  test("give roots whose powers are what they were taken of", () => {
    forAll((x, precision) => {
      for (const degree of [2, 3, 5]) {
        const root = rootOfBall(x, { degree, precision });
        const power = Array.from({ length: degree }, () => root).reduce((a, b) => multiplyBalls(a, b, precision));
        assertSame(power, x, precision);
      }
    });
  });
});

describe("divideBalls", () => {
  test("has no result where the divisor may be 0", () => {
    assert.equal(divideBalls(ballOf(1n), { mid: 3n, rad: 3n, exp: 0 }, at(128)), undefined);
    assert.equal(divideBalls(ballOf(1n), ballOf(0n), at(128)), undefined);
  });

  test("holds every quotient of what its operands hold", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -999n, max: 999n }),
        fc.bigInt({ min: 20n, max: 999n }),
        fc.bigInt({ min: 0n, max: 19n }),
        (a, b, rad) => {
          const precision = at(128);
          const quotient = divideBalls({ mid: a, rad, exp: 0 }, { mid: b, rad, exp: 0 }, precision)!;
          for (const [x, y] of [
            [a - rad, b + rad],
            [a + rad, b - rad],
            [a - rad, b - rad],
            [a + rad, b + rad],
          ] as const) {
            const gap = addBalls(quotient, negateBall(over(x, y, precision)), precision);
            assert.ok(signOfBall(gap) === undefined || signOfBall(gap) === 0, `${x}/${y}`);
          }
        },
      ),
    );
  });
});
