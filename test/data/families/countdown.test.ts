import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { DataError } from "../../../src/base/errors.ts";
import { rngFor } from "../../../src/base/rng.ts";
import { countdown } from "../../../src/data/families/countdown.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";

interface Reference {
  readonly numbers: readonly number[];
  readonly target: number;
}

const make = (seed: number, settings: object = {}): Omit<WorkedQuestion, "reference"> & { readonly reference: Reference } => {
  const made = countdown.make(rngFor("countdown", seed), countdown.settings.parse(settings));
  return { ...made, reference: made.reference as unknown as Reference };
};

/** Value of an expression, by JavaScript itself. The pattern keeps anything but arithmetic out. */
function value(expression: string): number {
  assert.match(expression, /^[\d+\-*/()]+$/);
  return new Function(`return ${expression}`)() as number;
}
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
const used = (expression: string): number[] => ascending(expression.match(/\d+/g)!.map(Number));
const everything = { minNumbers: 2, maxNumbers: 6, maxNumber: 50, maxTarget: 500, operators: ["+", "-", "*", "/"] };
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe("countdown", () => {
  test("is solved by the demonstrated answer, with each number exactly once", () => {
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), (seed, all) => {
        const { question, answer, reference } = make(seed, all ? everything : {});
        assert.equal(question, `reach ${reference.target} with ${reference.numbers.join(",")}?`);
        assert.equal(value(answer), reference.target);
        assert.deepEqual(used(answer), reference.numbers);
      }),
    );
  });

  test("thinks in true steps over positive whole numbers, the last of which is the target", () => {
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), (seed, all) => {
        const { thinking, reference } = make(seed, all ? everything : {});
        for (const step of thinking.split(";")) {
          const [left, right] = step.split("=") as [string, string];
          assert.equal(value(left), Number(right));
          assert.match(right, /^[1-9]\d*$/);
        }
        assert.equal(Number(thinking.split("=").at(-1)), reference.target);
      }),
    );
  });

  test("lists the numbers in ascending order, so that one task has one text", () => {
    for (const seed of seeds) {
      const { numbers } = make(seed).reference;
      assert.deepEqual(numbers, ascending(numbers));
    }
  });

  test("obeys its knobs and uses their whole range", () => {
    const made = seeds.map((seed) => make(seed, { minNumbers: 2, maxNumbers: 4, maxNumber: 9, maxTarget: 30, operators: ["-", "*"] }));
    assert.deepEqual([...new Set(made.map(({ reference }) => reference.numbers.length))].sort(), [2, 3, 4]);
    assert.deepEqual(ascending([...new Set(made.flatMap(({ reference }) => reference.numbers))]), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const results = made.flatMap(({ thinking }) => [...thinking.matchAll(/=(\d+)/g)].map(([, result]) => Number(result)));
    assert.ok(Math.max(...results) <= 30 && Math.max(...results) > 20, `largest ${Math.max(...results)}`);
    assert.deepEqual([...new Set(made.flatMap(({ answer }) => answer.match(/[-+*/]/g)!))].sort(), ["*", "-"]);
    assert.ok(seeds.some((seed) => make(seed, everything).answer.includes("/")));
  });

  test("slips by writing a wrong operator, which makes the answer miss the target that the thinking claims", () => {
    let numWrong = 0;
    for (const seed of seeds) {
      const { thinking, answer, reference } = make(seed, { slipRate: 0.2 });
      const falseSteps = thinking.split(";").filter((step) => value(step.split("=")[0]!) !== Number(step.split("=")[1]));
      assert.equal(Number(thinking.split("=").at(-1)), reference.target);
      assert.deepEqual(used(answer), reference.numbers);
      if (falseSteps.length < 2) assert.equal(value(answer) === reference.target, falseSteps.length === 0);
      numWrong += Math.min(1, falseSteps.length);
    }
    assert.ok(numWrong > 40 && numWrong < 130, `${numWrong} of 200`);
  });

  test("says which knobs to change when no task can be solved", () => {
    assert.throws(
      () => make(0, { minNumbers: 6, maxNumbers: 6, maxNumber: 9000, maxTarget: 2, operators: ["*"] }),
      (error: unknown) => error instanceof DataError && /got no solvable task .*raise maxTarget/.test(error.message),
    );
  });
});
