import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { divide, type Rational, whole, within } from "../../../src/rewards/verifiable/rational.ts";

const over = (numerator: bigint, denominator: bigint): Rational => ({ numerator, denominator });

describe("divide", () => {
  test("keeps the sign in the numerator", () => {
    assert.deepEqual(divide(whole(6n), whole(-3n)), over(-6n, 3n));
    assert.deepEqual(divide(over(-1n, 2n), over(-3n, 4n)), over(4n, 6n));
  });

  test("has no result for a divisor of 0", () => assert.equal(divide(whole(1n), over(0n, 5n)), undefined));
});

describe("within", () => {
  test("asks for equality when the tolerance is 0, whatever the form of the fractions", () => {
    assert.ok(within(over(2n, 4n), over(3n, 6n), whole(0n)));
    assert.ok(!within(over(10n ** 30n, 3n), over(10n ** 30n + 1n, 3n), whole(0n)));
  });

  test("allows a distance up to the tolerance, on both sides", () => {
    const tolerance = over(1n, 10n);
    for (const sign of [1n, -1n]) {
      assert.ok(within(whole(5n), over(50n + sign, 10n), tolerance));
      assert.ok(!within(whole(5n), over(500n + 11n * sign, 100n), tolerance));
    }
  });
});
