import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { maxExponent, maxNumberChars, parseNumber } from "../../../src/rewards/verifiable/number.ts";
import { type Rational, whole, within } from "../../../src/rewards/verifiable/rational.ts";

const over = (numerator: bigint, denominator: bigint): Rational => ({ numerator, denominator });

function assertReads(text: string, expected: Rational): void {
  const parsed = parseNumber(text);
  assert.ok(parsed.kind === "number", `${JSON.stringify(text)} is ${parsed.kind}`);
  assert.ok(
    within(parsed.value, expected, whole(0n)),
    `${JSON.stringify(text)} reads as ${parsed.value.numerator}/${parsed.value.denominator}`,
  );
}

const readings: readonly (readonly [Rational, readonly string[]])[] = [
  [whole(1250n), ["1250", "1,250", "$1,250.00", "\\$1,250", "1.25e3", "1.25E+3", "1.25 \\times 10^{3}", "1.25*10^3", "1{,}250", "1\\,250"]],
  [whole(1250n), ["  1250 ", "+1250", "$1250$", "\\(1250\\)", "**1250**", "1250.", "1250 €", "12500e-1", "x = 1250", "01250"]],
  [whole(18n), ["18", "18.0", "18.000", "18%", "18\\%", "18 \\text{ dollars}", "18\\,\\mathrm{cm}", "36/2", "\\frac{36}{2}"]],
  [whole(-7n), ["-7", "−7", "-$7", "-7.0", "-14/2", "-\\frac{14}{2}", "\\frac{-14}{2}"]],
  [over(3n, 4n), ["3/4", "0.75", ".75", "\\frac{3}{4}", "\\dfrac{3}{4}", "75e-2", "6 / 8", "$\\frac{3}{4}$"]],
  [over(3n, 2n), ["1 1/2", "1\\frac{1}{2}", "1.5", "3/2"]],
  [whole(123456789012345678901234567890n), ["123456789012345678901234567890", "123,456,789,012,345,678,901,234,567,890.0"]],
];

const notNumbers = [
  "",
  " ",
  "abc",
  "1,25",
  "12,50",
  "1,250,00",
  "1.2.3",
  "3/0",
  "1/2/3",
  "41 or 42",
  "41, 42",
  "41 42",
  "7=7",
  "7 = 7",
  "NaN",
  "Infinity",
];
const notRead = [
  "1e",
  "0x10",
  "1_000",
  "2^10",
  "5!",
  "1.250,00",
  "\\sqrt{4}",
  "18 \\text{ million}",
  "5 million",
  "--5",
  "٣",
  "１",
  "\u0000",
  "\ud800",
];

describe("parseNumber", () => {
  for (const [value, texts] of readings) {
    test(`reads every spelling of ${value.numerator}/${value.denominator}`, () => {
      for (const text of texts) assertReads(text, value);
    });
  }

  test("reads nothing else as a number", () => {
    for (const text of [...notNumbers, ...notRead]) assert.equal(parseNumber(text).kind, "notNumber", JSON.stringify(text));
  });

  test("keeps numbers apart that floats would merge", () => {
    const [a, b] = ["9007199254740993", "9007199254740992"].map(parseNumber);
    assert.ok(a?.kind === "number" && b?.kind === "number");
    assert.ok(!within(a.value, b.value, whole(0n)));
  });

  test("drops a percent sign and does not divide by it", () => {
    assertReads("50%", whole(50n));
    assertReads("0.5%", over(1n, 2n));
  });

  test("refuses what is beyond its caps, and reads what is just within", () => {
    assert.equal(parseNumber("9".repeat(maxNumberChars + 1)).kind, "beyondCaps");
    assertReads("9".repeat(maxNumberChars), whole(BigInt("9".repeat(maxNumberChars))));
    assert.equal(parseNumber(`1e${maxExponent + 1}`).kind, "beyondCaps");
    assert.equal(parseNumber(`1e-${maxExponent + 1}`).kind, "beyondCaps");
    assert.equal(parseNumber("1e999999999999999999999").kind, "beyondCaps");
    assertReads(`1e${maxExponent}`, whole(10n ** BigInt(maxExponent)));
  });

  test("reads back any integer, grouped or not, and any decimal that a float prints", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => {
        assertReads(value.toString(), whole(value));
        assertReads(value.toLocaleString("en-US"), whole(value));
      }),
    );
    // The shortest text of a float, read exactly and rounded once, is that float again.
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 12 }), (integer, shift) => {
        assertReads(`${integer}e-${shift}`, over(BigInt(integer), 10n ** BigInt(shift)));
      }),
    );
  });
});
