import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { DataError } from "../../src/base/errors.ts";
import { MixtureEntry } from "../../src/data/families.ts";
import { assertDisjoint, questionText, sideOf } from "../../src/data/split.ts";
import { demonstrationStream, evaluationSet, taskStream } from "../../src/data/stream.ts";

const mixture = (...entries: object[]): MixtureEntry[] => entries.map((entry) => MixtureEntry.parse(entry));
const chains = mixture({ family: "arithmetic-chain" });
const all = mixture(
  { family: "arithmetic-chain", weight: 4 },
  { family: "products" },
  { family: "countdown" },
  { family: "sorting" },
  { family: "boolean", settings: { minOperators: 4, maxOperators: 6 } },
);
/** 1-digit sums of two terms: 81 questions at most, of which about a tenth are on the evaluation side. */
const tiny = mixture({ family: "arithmetic-chain", settings: { maxTerms: 2, maxDigits: 1 } });

describe("taskStream", () => {
  test("is a pure function of seed and step: earlier calls, other streams and their order do not matter", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 12 }), (seed, step, count) => {
        const used = taskStream({ families: all, seed, side: "train" });
        used.batch(step + 1, 3);
        used.batch(0, 5);
        const fresh = taskStream({ families: all, seed, side: "train" });
        assert.deepEqual(used.batch(step, count), fresh.batch(step, count));
      }),
      { numRuns: 30 },
    );
  });

  test("gives other tasks for another seed, step or side", () => {
    const batch = (seed: number, step: number, side: "train" | "evaluation"): string =>
      taskStream({ families: chains, seed, side })
        .batch(step, 8)
        .map(({ id }) => id)
        .join();
    assert.equal(new Set([batch(1, 1, "train"), batch(2, 1, "train"), batch(1, 2, "train"), batch(1, 1, "evaluation")]).size, 4);
  });

  test("gives a smaller batch as the start of a larger one", () => {
    const stream = taskStream({ families: all, seed: 3, side: "train" });
    assert.deepEqual(stream.batch(4, 16).slice(0, 5), stream.batch(4, 5));
  });

  test("never holds one task twice in a batch, even in a small space", () => {
    const ids = taskStream({ families: tiny, seed: 0, side: "train" })
      .batch(0, 60)
      .map(({ id }) => id);
    assert.equal(new Set(ids).size, 60);
  });

  test("has further tasks for a step, other ones in each round, none that the step has", () => {
    const stream = taskStream({ families: tiny, seed: 0, side: "train" });
    const taken = new Set(stream.batch(2, 30).map(({ id }) => id));
    const further = (round: number, count: number): string[] => stream.further(2, { round, count, taken }).map(({ id }) => id);
    assert.equal(new Set([...taken, ...further(1, 20)]).size, 50);
    assert.notDeepEqual(further(1, 20), further(2, 20));
    assert.deepEqual(further(1, 20).slice(0, 5), further(1, 5));
  });

  test("has fewer further tasks where no family has more", () => {
    const stream = taskStream({ families: tiny, seed: 0, side: "train" });
    const all = new Set(Array.from({ length: 60 }, (_, step) => stream.batch(step, 30).map(({ id }) => id)).flat());
    assert.deepEqual(stream.further(0, { round: 1, count: 3, taken: all }), []);
  });

  describe("once a family of several has no further tasks", () => {
    const large = mixture({ family: "products", weight: 3 }, { family: "sorting" });
    const stream = taskStream({ families: [...tiny, ...large], seed: 0, side: "train" });
    const small = taskStream({ families: tiny, seed: 0, side: "train" });
    const taken = new Set(Array.from({ length: 60 }, (_, step) => small.batch(step, 30).map(({ id }) => id)).flat());
    const further = (round: number, count: number) => stream.further(5, { round, count, taken });

    test("draws the others in its place, by their weights", () => {
      const drawn = further(1, 400);
      assert.equal(new Set(drawn.map(({ id }) => id)).size, 400);
      // 5 sigma of 400 draws are 0.11.
      const share = drawn.filter(({ family }) => family === "products").length / 400;
      assert.ok(Math.abs(share - 3 / 4) < 0.11, `${share}`);
    });

    test("is still a function of seed, step and round, of which a smaller draw is the start", () => {
      const drawn = further(1, 12);
      assert.deepEqual(further(1, 4), drawn.slice(0, 4));
      assert.notDeepEqual(further(2, 12), drawn);
    });
  });

  test("draws families by weight", () => {
    const stream = taskStream({ families: all, seed: 1, side: "train" });
    const drawn = Array.from({ length: 20 }, (_, step) => stream.batch(step, 40)).flat();
    const share = (family: string): number => drawn.filter((task) => task.family === family).length / drawn.length;
    // 800 draws: 5 sigma are 0.09 at 1/2 and 0.06 at 1/8.
    assert.ok(Math.abs(share("arithmetic-chain") - 4 / 8) < 0.09, `${share("arithmetic-chain")}`);
    for (const family of ["products", "countdown", "sorting", "boolean"]) {
      assert.ok(Math.abs(share(family) - 1 / 8) < 0.06, `${family} ${share(family)}`);
    }
  });

  test("never draws a held-out question, whatever its side", () => {
    const [first] = taskStream({ families: tiny, seed: 0, side: "train" }).batch(0, 1);
    const heldOut = new Set([questionText(first!)]);
    const without = taskStream({ families: tiny, seed: 0, side: "train", heldOut });
    for (let step = 0; step < 20; step++) {
      for (const task of without.batch(step, 30)) assert.notEqual(task.id, first!.id);
    }
  });

  test("says which family is too small instead of searching for ever", () => {
    assert.throws(
      () => taskStream({ families: tiny, seed: 0, side: "train" }).batch(0, 82),
      (error: unknown) =>
        error instanceof DataError &&
        /family "arithmetic-chain": needs more distinct tasks on the train side.*"maxTerms":2.*widen/.test(error.message),
    );
  });
});

describe("demonstrationStream", () => {
  test("demonstrates only training tasks, each worked to its reference", () => {
    const stream = demonstrationStream({ families: all, seed: 5 });
    for (let step = 0; step < 20; step++) {
      for (const { task, thinking } of stream.batch(step, 20)) {
        assert.equal(sideOf(task), "train");
        assert.notEqual(thinking, "");
      }
    }
  });

  test("is a pure function of seed and step", () => {
    const used = demonstrationStream({ families: all, seed: 5 });
    used.batch(0, 7);
    assert.deepEqual(used.batch(9, 4), demonstrationStream({ families: all, seed: 5 }).batch(9, 4));
    assert.notDeepEqual(used.batch(9, 4), used.batch(10, 4));
    assert.notDeepEqual(used.batch(9, 4), demonstrationStream({ families: all, seed: 6 }).batch(9, 4));
  });

  test("may fill a batch from a space smaller than the batch", () => {
    assert.equal(demonstrationStream({ families: tiny, seed: 0 }).batch(0, 200).length, 200);
  });

  test("never demonstrates a held-out question", () => {
    const heldOut = new Set(
      demonstrationStream({ families: tiny, seed: 0 })
        .batch(0, 20)
        .map(({ task }) => questionText(task)),
    );
    const drawn = demonstrationStream({ families: tiny, seed: 0, heldOut }).batch(0, 200);
    for (const { task } of drawn) assert.ok(!heldOut.has(questionText(task)));
  });
});

describe("demonstrationStream with budgets", () => {
  const budgets = { grid: [0, 16, 64], autonomousShare: 0.5 };

  test("asks some demonstrations for a budget and changes nothing else", () => {
    const plain = demonstrationStream({ families: all, seed: 4 }).batch(7, 60);
    const budgeted = demonstrationStream({ families: all, seed: 4, budgets }).batch(7, 60);
    const without = budgeted.map(({ task: { thinkingBudget: _, ...task }, ...rest }) => ({ task, ...rest }));
    assert.deepEqual(without, plain);
    assert.deepEqual(new Set(budgeted.map(({ task }) => task.thinkingBudget)), new Set([undefined, 0, 16, 64]));
  });

  test("draws budgets anew in every step, and the same for the same seed and step", () => {
    const drawn = (seed: number, step: number): string =>
      demonstrationStream({ families: chains, seed, budgets })
        .batch(step, 20)
        .map(({ task }) => String(task.thinkingBudget))
        .join();
    assert.equal(drawn(1, 1), drawn(1, 1));
    assert.equal(new Set([drawn(1, 1), drawn(1, 2), drawn(2, 1)]).size, 3);
  });
});

describe("evaluationSet", () => {
  test("holds the asked number of distinct tasks, and the same ones for the same seed", () => {
    const tasks = evaluationSet({ families: all, seed: 1, count: 200 });
    assert.equal(new Set(tasks.map(questionText)).size, 200);
    assert.deepEqual(tasks, evaluationSet({ families: all, seed: 1, count: 200 }));
  });

  test("shares no question with what training draws, over many draws from a small space and other settings", () => {
    const evaluated = evaluationSet({ families: tiny, seed: 1, count: 5 });
    const wider = mixture({ family: "arithmetic-chain", settings: { maxTerms: 3, maxDigits: 1, slipRate: 0.5 } });
    for (const families of [tiny, wider]) {
      const tasks = taskStream({ families, seed: 2, side: "train" });
      const demonstrations = demonstrationStream({ families, seed: 3 });
      for (let step = 0; step < 40; step++) {
        assertDisjoint(tasks.batch(step, 30), evaluated);
        assertDisjoint(
          demonstrations.batch(step, 30).map(({ task }) => task),
          evaluated,
        );
      }
    }
  });

  test("together with training makes up the whole of a small space", () => {
    // a+b <= 9 gives 36 questions and a-b >= 0 gives 45, for digits 1 to 9.
    const count = (side: "train" | "evaluation"): number => {
      const ids = new Set<string>();
      const stream = taskStream({ families: tiny, seed: 0, side });
      for (let step = 0; step < 400; step++) for (const { id } of stream.batch(step, 2)) ids.add(id);
      return ids.size;
    };
    assert.equal(count("train") + count("evaluation"), 81);
    assert.doesNotThrow(() => evaluationSet({ families: tiny, seed: 9, count: count("evaluation") }));
    assert.throws(() => evaluationSet({ families: tiny, seed: 9, count: count("evaluation") + 1 }), DataError);
  });
});
