import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../src/base/rng.ts";
import { alphabet } from "../../src/data/alphabet.ts";
import { drawDemonstration, families, MixtureEntry } from "../../src/data/families.ts";
import type { Demonstration, Task } from "../../src/data/task.ts";

const question = (task: Task): string => task.messages[0]!.content;

function draw(family: string, { seed = 0, settings = {} }: { seed?: number; settings?: object } = {}): Demonstration {
  return drawDemonstration(rngFor("families-test", seed), MixtureEntry.parse({ family, settings }));
}

/** Settings far from the defaults, so that the laws are not laws of the defaults. */
const hard: Record<string, object> = {
  "arithmetic-chain": { minTerms: 6, maxTerms: 20, maxDigits: 4, maxTotal: 123_456 },
  products: { minDigits: 2, maxDigits: 5 },
  countdown: { minNumbers: 5, maxNumbers: 6, maxNumber: 75, maxTarget: 999, operators: ["+", "-", "*", "/"] },
  sorting: { minItems: 8, maxItems: 20, maxDigits: 4 },
  boolean: { minOperators: 4, maxOperators: 10, notRate: 0.6 },
  assignments: { minSteps: 10, maxSteps: 25 },
};

describe("families", () => {
  test("have distinct ids, and defaults for every knob", () => {
    assert.equal(new Set(families.map(({ id }) => id)).size, families.length);
    for (const { id, settings } of families) assert.doesNotThrow(() => settings.parse({}), id);
  });

  test("describe every knob, for the recipe's documentation", () => {
    for (const { id, settings } of families) {
      for (const [knob, schema] of Object.entries(settings.shape)) assert.ok(schema.description, `${id}.${knob}`);
    }
  });

  for (const { id } of families) {
    describe(id, () => {
      test("gives the same task for the same stream, and others for others", () => {
        assert.deepEqual(draw(id, { seed: 5 }), draw(id, { seed: 5 }));
        const ids = Array.from({ length: 50 }, (_, seed) => draw(id, { seed, settings: hard[id]! }).task.id);
        assert.equal(new Set(ids).size, 50);
      });

      test("names a task by its content: equal questions, and only they, have equal ids", () => {
        const tasks = Array.from({ length: 300 }, (_, seed) => draw(id, { seed }).task);
        const idOf = new Map(tasks.map((task) => [question(task), task.id]));
        for (const task of tasks) assert.equal(idOf.get(question(task)), task.id);
        assert.equal(new Set(idOf.values()).size, idOf.size);
      });

      test("has one reference for one question", () => {
        const tasks = Array.from({ length: 300 }, (_, seed) => draw(id, { seed }).task);
        const referenceOf = new Map(tasks.map((task) => [task.id, task.reference]));
        for (const task of tasks) assert.deepEqual(referenceOf.get(task.id), task.reference);
      });

      test("writes nothing outside the alphabet, with and without slips", () => {
        fc.assert(
          fc.property(fc.nat(), fc.constantFrom(0, 0.5, 1), fc.boolean(), (seed, slipRate, isHard) => {
            const { task, thinking, terser = [], answer } = draw(id, { seed, settings: { ...(isHard ? hard[id] : {}), slipRate } });
            for (const character of question(task) + thinking + terser.join("") + answer)
              assert.ok(alphabet.includes(character), `"${character}"`);
          }),
        );
      });

      test("asks the same, with the same reference, whatever the slip rate", () => {
        fc.assert(
          fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, slipRate) => {
            assert.deepEqual(draw(id, { seed, settings: { slipRate } }).task, draw(id, { seed }).task);
          }),
        );
      });

      test("is as difficult as its right thinking is long, and has a terser style only where that is shorter", () => {
        for (let seed = 0; seed < 50; seed++) {
          const { task, thinking, terser = [] } = draw(id, { seed, settings: hard[id]! });
          assert.equal(task.difficulty, thinking.length);
          const lengths = [thinking, ...terser].map(({ length }) => length);
          assert.deepEqual(
            lengths,
            [...new Set(lengths)].toSorted((a, b) => b - a),
          );
        }
      });

      test("slips more often the higher the rate, and at rate 1 in nearly every demonstration", () => {
        const changed = (slipRate: number): number =>
          Array.from({ length: 200 }, (_, seed) => seed).filter(
            (seed) => draw(id, { seed, settings: { slipRate } }).thinking !== draw(id, { seed }).thinking,
          ).length;
        const [rarely, often, always] = [changed(0.05), changed(0.5), changed(1)];
        assert.ok(0 < rarely && rarely < 60, `${rarely} of 200 at 0.05`);
        assert.ok(rarely < often && often < always, `${rarely}, ${often}, ${always}`);
        assert.ok(always >= 190, `${always} of 200 at 1`);
      });
    });
  }
});
