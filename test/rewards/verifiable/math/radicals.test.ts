// The oracle for what cancels is arithmetic on paper; that nothing else does, is tried on near misses of it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../../../src/base/rng.ts";
import { difference, type Expr } from "../../../../src/rewards/verifiable/math/expr.ts";
import { normalForm } from "../../../../src/rewards/verifiable/math/normal.ts";
import { cancels } from "../../../../src/rewards/verifiable/math/radicals.ts";

function read(text: string): Expr {
  const check = { rng: rngFor("radicals"), work: { left: 1 << 25 }, variables: "real" as const };
  const form = normalForm(text, { reading: { commas: "group" }, check });
  assert.ok(form.kind === "scalar", text);
  return form.value;
}

describe("cancels", () => {
  const equal: readonly (readonly [string, string])[] = [
    ["\\sqrt{6} \\sqrt{10}", "2\\sqrt{15}"],
    ["(1+\\sqrt{2})^3", "7 + 5\\sqrt{2}"],
    ["\\sqrt{\\frac{3}{8}}", "\\frac{\\sqrt{6}}{4}"],
    ["\\sqrt[3]{4} \\sqrt[6]{2}", "2^{5/6}"],
    ["(2+i\\sqrt{3})(2-i\\sqrt{3})", "7"],
    ["(1+i)^4", "-4"],
    ["(\\sqrt{2}\\pi)^{-2}", "\\frac{1}{2}\\pi^{-2}"],
    ["\\sqrt{1009 \\cdot 2} \\sqrt{2}", "2\\sqrt{1009}"],
    ["\\sqrt{2}\\sqrt{3}\\sqrt{5}\\sqrt{7}\\sqrt{11}\\sqrt{13}", "\\sqrt{30030}"],
  ];
  for (const [left, right] of equal) {
    test(`proves ${left} = ${right}`, () => assert.equal(cancels(difference(read(left), read(right))), true));
  }

  const different: readonly (readonly [string, string])[] = [
    ["\\sqrt{6} \\sqrt{10}", "2\\sqrt{14}"],
    ["(1+\\sqrt{2})^3", "7 - 5\\sqrt{2}"],
    ["\\sqrt{\\frac{3}{8}}", "\\frac{\\sqrt{6}}{2}"],
    ["\\sqrt[3]{4} \\sqrt[6]{2}", "2^{1/6}"],
    ["(1+i)^4", "4"],
    ["(1+i)^3", "-2-2i"],
    ["(\\sqrt{2}\\pi)^{-2}", "2\\pi^{-2}"],
  ];
  for (const [left, right] of different) {
    test(`does not prove ${left} = ${right}`, () => assert.equal(cancels(difference(read(left), read(right))), false));
  }

  test("gives up where there are too many products", () => {
    const large = read("(1+\\sqrt{2}+\\sqrt{3}+\\sqrt{5}+\\sqrt{7}+\\sqrt{11}+\\sqrt{13}+\\pi+e)^{30}");
    assert.equal(cancels(difference(large, large)), false);
  });
});
