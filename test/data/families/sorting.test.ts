import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";
import { sorting } from "../../../src/data/families/sorting.ts";

const make = (seed: number, settings: object = {}): WorkedQuestion =>
  sorting.make(rngFor("sorting", seed), sorting.settings.parse(settings));

const numbers = (list: string): number[] => list.match(/\d+/g)!.map(Number);
const without = (list: readonly number[], item: number): number[] => list.toSpliced(list.indexOf(item), 1);

describe("sorting", () => {
  test("knows the sorted list, repeated numbers included", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 2, max: 20 }), (seed, minItems) => {
        const { question, answer, reference } = make(seed, { minItems, maxItems: 20, maxDigits: 3 });
        assert.match(question, /^sort \d+(,\d+)+\?$/);
        // A typed array sorts by value without being told to.
        assert.equal(answer, Array.from(Float64Array.from(numbers(question)).sort()).join(","));
        assert.deepEqual(reference, { answer });
      }),
    );
  });

  test("thinks by taking the smallest of what is left until nothing is", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { question, thinking, answer } = make(seed, { maxItems: 9 });
        let left = numbers(question);
        const taken = thinking.split(";").map((step) => {
          const [list, smallest] = step.split("=") as [string, string];
          assert.deepEqual(numbers(list), left);
          assert.ok(left.includes(Number(smallest)) && left.every((item) => item >= Number(smallest)));
          left = without(left, Number(smallest));
          return smallest;
        });
        assert.deepEqual(left, []);
        assert.equal(taken.join(","), answer);
      }),
    );
  });

  test("uses every allowed number of items and digits and no other", () => {
    const lists = Array.from({ length: 200 }, (_, seed) =>
      numbers(make(seed, { minItems: 4, maxItems: 7, minDigits: 2, maxDigits: 3 }).question),
    );
    assert.deepEqual([...new Set(lists.map((list) => list.length))].sort(), [4, 5, 6, 7]);
    assert.deepEqual([...new Set(lists.flat().map((item) => String(item).length))].sort(), [2, 3]);
  });

  test("slips by taking a number that is not the smallest, and answers in the order in which it took them", () => {
    let numWrong = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { question, thinking, answer, reference } = make(seed, { slipRate: 0.3 });
      const falseSteps = thinking.split(";").filter((step) => {
        const [list, taken] = step.split("=") as [string, string];
        return Number(taken) !== Math.min(...numbers(list));
      });
      assert.equal(
        thinking
          .split(";")
          .map((step) => step.split("=")[1])
          .join(","),
        answer,
      );
      assert.deepEqual(
        numbers(answer).sort((a, b) => a - b),
        numbers(question).sort((a, b) => a - b),
      );
      assert.equal((reference as { answer: string }).answer === answer, falseSteps.length === 0);
      numWrong += Math.min(1, falseSteps.length);
    }
    assert.ok(numWrong > 60 && numWrong < 190, `${numWrong} of 200`);
  });
});
