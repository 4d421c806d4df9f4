import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";
import { products } from "../../../src/data/families/products.ts";

const make = (seed: number, settings: object = {}): WorkedQuestion =>
  products.make(rngFor("products", seed), products.settings.parse(settings));

const factors = (question: string): [string, string] => question.match(/^(\d+)\*(\d+)=\?$/)!.slice(1) as [string, string];

/** In big integers, unlike the family. */
function isTrue(step: string): boolean {
  const [, a, operator, b, result] = step.match(/^(\d+)([*+])(\d+)=(\d+)$/)!;
  return (operator === "*" ? BigInt(a!) * BigInt(b!) : BigInt(a!) + BigInt(b!)) === BigInt(result!);
}

describe("products", () => {
  test("knows the product and reaches it in true steps", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 6 }), (seed, maxDigits) => {
        const { question, thinking, answer, reference } = make(seed, { maxDigits });
        const [left, right] = factors(question);
        assert.equal(answer, String(BigInt(left) * BigInt(right)));
        assert.deepEqual(reference, { answer });
        const steps = thinking.split(";");
        for (const step of steps) assert.ok(isTrue(step), step);
        assert.equal(steps.at(-1)!.split("=")[1], answer);
      }),
    );
  });

  test("multiplies only single digits and zeros, and sums every partial product once", () => {
    for (let seed = 0; seed < 200; seed++) {
      const { question, thinking } = make(seed, { maxDigits: 3 });
      const steps = thinking.split(";");
      const partial = steps.filter((step) => step.includes("*"));
      for (const step of partial) assert.match(step, /^[1-9]0*\*[1-9]0*=/);
      const nonZero = (factor: string): number => factor.replaceAll("0", "").length;
      const [left, right] = factors(question);
      assert.equal(partial.length, nonZero(left) * nonZero(right));
      assert.equal(steps.length, 2 * partial.length - 1);
    }
  });

  test("uses every allowed number of digits and no other, in both factors", () => {
    const pairs = Array.from({ length: 200 }, (_, seed) => factors(make(seed, { minDigits: 2, maxDigits: 4 }).question));
    for (const side of [0, 1] as const) {
      assert.deepEqual([...new Set(pairs.map((pair) => pair[side].length))].sort(), [2, 3, 4]);
    }
  });

  test("carries a slip on to the answer", () => {
    const seeds = Array.from({ length: 200 }, (_, seed) => seed);
    const wrong = seeds.filter((seed) => {
      const { question, thinking, answer, reference } = make(seed, { slipRate: 0.2 });
      const [left, right] = factors(question);
      const falseSteps = thinking.split(";").filter((step) => !isTrue(step));
      assert.deepEqual(reference, { answer: String(Number(left) * Number(right)) });
      assert.equal(thinking.split("=").at(-1), answer);
      if (falseSteps.length < 2) assert.equal(Number(answer) === Number(left) * Number(right), falseSteps.length === 0);
      return falseSteps.length > 0;
    });
    assert.ok(wrong.length > 40 && wrong.length < 160, `${wrong.length} of 200`);
  });

  test("refuses fewer digits at most than at least", () => {
    assert.match(products.settings.safeParse({ minDigits: 3 }).error!.issues[0]!.message, /at least minDigits/);
  });
});
