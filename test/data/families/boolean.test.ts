import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import { boolean } from "../../../src/data/families/boolean.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";

const make = (seed: number, settings: object = {}): WorkedQuestion =>
  boolean.make(rngFor("boolean", seed), boolean.settings.parse(settings));

/** Value of an expression, by JavaScript itself: its precedence of "not", "and" and "or" is the usual one. */
function value(expression: string): string {
  assert.match(expression, /^(true|false|and|or|not|[ ()])+$/);
  const script = expression.replaceAll("not", "!").replaceAll("and", "&&").replaceAll("or", "||");
  return String(new Function(`return ${script}`)());
}
const expressionOf = (question: string): string => question.slice(0, -"=?".length);
const count = (text: string, pattern: RegExp): number => (text.match(pattern) ?? []).length;
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe("boolean", () => {
  test("knows the value and reaches it by steps that keep it, each with one operator less", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), fc.constantFrom(0, 0.3, 1), (seed, maxOperators, notRate) => {
        const { question, thinking, answer, reference } = make(seed, { maxOperators, notRate });
        const expression = expressionOf(question);
        assert.equal(answer, value(expression));
        assert.deepEqual(reference, { answer });
        const sizes = [expression, ...thinking.split(";")].map((step) => {
          assert.equal(value(step), answer);
          return count(step, /and|or|not/g);
        });
        assert.deepEqual(
          sizes,
          sizes.map((_, step) => sizes.length - 1 - step),
        );
        assert.equal(thinking.split(";").at(-1), answer);
      }),
    );
  });

  test("uses every allowed number of operators and no other", () => {
    const sizes = seeds.map((seed) => count(make(seed, { minOperators: 2, maxOperators: 5 }).question, /and|or/g));
    assert.deepEqual([...new Set(sizes)].sort(), [2, 3, 4, 5]);
  });

  test("negates never, always, or as often as asked", () => {
    const nots = (notRate: number): number =>
      seeds.reduce((sum, seed) => sum + count(make(seed, { minOperators: 1, maxOperators: 1, notRate }).question, /not/g), 0);
    assert.equal(nots(0), 0);
    assert.equal(nots(1), 2 * seeds.length); // both operands of the one operator
    assert.ok(Math.abs(nots(0.25) - 100) < 44, `${nots(0.25)} of 400`); // 5 sigma
  });

  test("asks for true and for false about equally often", () => {
    const share = seeds.filter((seed) => make(seed).answer === "true").length / seeds.length;
    assert.ok(share > 0.3 && share < 0.7, `${share}`);
  });

  test("carries a slip on: the steps after it keep the wrong value", () => {
    let numWrong = 0;
    for (const seed of seeds) {
      const { question, thinking, answer, reference } = make(seed, { slipRate: 0.15 });
      const values = [expressionOf(question), ...thinking.split(";")].map(value);
      assert.deepEqual(reference, { answer: values[0] });
      assert.equal(values.at(-1), answer);
      numWrong += answer === values[0] ? 0 : 1;
    }
    assert.ok(numWrong > 20 && numWrong < 100, `${numWrong} of 200`);
  });
});
