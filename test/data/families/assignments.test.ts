import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import { assignments } from "../../../src/data/families/assignments.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";

const make = (seed: number, settings: object = {}): WorkedQuestion =>
  assignments.make(rngFor("assignments", seed), assignments.settings.parse(settings));

/** Evaluates the definitions of a question as a program; "q=p+4" reads p. */
function evaluate(question: string): { values: Map<string, number>; asked: string } {
  const values = new Map<string, number>();
  const definitions = question.split(";");
  for (const definition of definitions.slice(0, -1)) {
    const [, name, left, operator, right] = /^([a-z])=([a-z]|\d)(?:([+-])(\d))?$/.exec(definition)!;
    const start = values.get(left!) ?? Number(left);
    values.set(name!, operator === undefined ? start : operator === "+" ? start + Number(right) : start - Number(right));
  }
  return { values, asked: /^([a-z])=\?$/.exec(definitions.at(-1)!)![1]! };
}

describe("assignments", () => {
  test("knows the value of the variable that is asked for, and keeps every value to one digit", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 24 }), (seed, maxSteps, maxUnused) => {
        const { question, answer, reference } = make(seed, { maxSteps, maxUnused });
        const { values, asked } = evaluate(question);
        assert.equal(answer, String(values.get(asked)));
        assert.deepEqual(reference, { answer });
        for (const value of values.values()) assert.ok(value >= 0 && value <= 9, question);
      }),
    );
  });

  test("works one variable a step, in many words with the sum, in few with its value alone", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { question, thinking, terser } = make(seed, { minSteps: 3, maxSteps: 25 });
        const { values } = evaluate(question);
        const names = [...values.keys()];
        const few = names.slice(1).map((name) => `${name}=${values.get(name)}`);
        assert.deepEqual(terser, [few.join(";")]);
        const many = names.slice(1).map((name, i) => {
          const [, operator, term] = new RegExp(`;${name}=${names[i]}([+-])(\\d)`).exec(question)!;
          return `${name}=${values.get(names[i]!)}${operator}${term}=${values.get(name)}`;
        });
        assert.equal(thinking, many.join(";"));
      }),
    );
  });

  test("says the same in at most half the words", () => {
    for (let numSteps = 1; numSteps <= 25; numSteps++) {
      const { thinking, terser } = make(numSteps, { minSteps: numSteps, maxSteps: numSteps });
      // Eight characters a step and four, the semicolon after the last left out.
      assert.deepEqual([thinking.length, terser![0]!.length], [8 * numSteps - 1, 4 * numSteps - 1]);
    }
  });

  test("defines more than it asks for where it may, from numbers alone, and thinks no further than asked", () => {
    const numUnused = Array.from({ length: 200 }, (_, seed) => {
      const { question, thinking, terser } = make(seed, { minSteps: 20, maxSteps: 20, maxUnused: 9 });
      const { values, asked } = evaluate(question);
      assert.deepEqual([thinking.length, terser![0]!.length], [8 * 20 - 1, 4 * 20 - 1]);
      assert.equal(thinking.at(-8 + 1), asked);
      const definitions = question.split(";").slice(1, -1);
      assert.deepEqual(
        definitions.map((definition) => /^[a-z]=[a-z][+-]\d$/.test(definition)),
        definitions.map((_, i) => i < 20),
      );
      return values.size - 1 - 20;
    });
    assert.deepEqual([...new Set(numUnused)].sort(), [0, 1, 2, 3, 4, 5], "there are 26 letters");
  });

  test("uses every letter in short tasks too", () => {
    const used = new Set(Array.from({ length: 300 }, (_, seed) => [...make(seed, { maxSteps: 2 }).question.replace(/[^a-z]/g, "")]).flat());
    assert.equal(used.size, 26);
  });

  test("carries a slip on to the answer in every style, and never leaves one digit", () => {
    let numWrong = 0;
    for (let seed = 0; seed < 300; seed++) {
      const { thinking, terser, answer, reference } = make(seed, { minSteps: 2, maxSteps: 6, slipRate: 0.3 });
      const steps = thinking.split(";").map((step) => /^[a-z]=(\d)([+-])(\d)=(\d)$/.exec(step)!);
      steps.slice(1).forEach((step, i) => {
        assert.equal(step[1], steps[i]![4]); // the believed value goes on
      });
      assert.ok(terser![0]!.endsWith(`=${answer}`) && thinking.endsWith(`=${answer}`));
      if ((reference as { answer: string }).answer !== answer) numWrong++;
    }
    assert.ok(numWrong > 90 && numWrong < 270, `${numWrong} of 300`);
  });

  test("refuses a range of steps without any", () => {
    assert.match(assignments.settings.safeParse({ minSteps: 6 }).error!.issues[0]!.message, /at least minSteps/);
  });
});
