import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { rngFor } from "../../../src/base/rng.ts";
import { arithmeticChain } from "../../../src/data/families/arithmeticChain.ts";
import type { WorkedQuestion } from "../../../src/data/families/family.ts";

const make = (seed: number, settings: object = {}): WorkedQuestion =>
  arithmeticChain.make(rngFor("chain", seed), arithmeticChain.settings.parse(settings));

/** Sums the signed numbers of a chain; shares nothing with how the family computes. */
const sum = (chain: string): number => chain.match(/[+-]?\d+/g)!.reduce((total, number) => total + Number(number), 0);
const terms = (question: string): string[] => question.match(/\d+/g)!;
const many = Array.from({ length: 300 }, (_, seed) => seed);

const settings = fc
  .record({ terms: fc.tuple(fc.integer({ min: 2, max: 12 }), fc.nat(6)), digits: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3)) })
  .map(({ terms: [minTerms, moreTerms], digits: [minDigits, moreDigits] }) => ({
    minTerms,
    maxTerms: minTerms + moreTerms,
    minDigits,
    maxDigits: minDigits + moreDigits,
  }));

describe("arithmeticChain", () => {
  test("asks a chain and knows its value", () => {
    fc.assert(
      fc.property(fc.nat(), settings, (seed, knobs) => {
        const { question, answer, reference } = make(seed, knobs);
        assert.match(question, /^\d+([+-]\d+)+=\?$/);
        assert.equal(answer, String(sum(question)));
        assert.deepEqual(reference, { answer });
      }),
    );
  });

  test("thinks in true equations that use each term once, in order, each going on from the last", () => {
    fc.assert(
      fc.property(fc.nat(), settings, (seed, knobs) => {
        const { question, thinking, answer } = make(seed, knobs);
        const steps = thinking.split(";").map((step) => step.match(/^(\d+)([+-]\d+)=(\d+)$/)!.slice(1) as [string, string, string]);
        for (const [before, move, after] of steps) assert.equal(sum(before + move), Number(after));
        assert.equal(`${steps[0]![0]}${steps.map(([, move]) => move).join("")}=?`, question);
        for (let i = 1; i < steps.length; i++) assert.equal(steps[i]![0], steps[i - 1]![2]);
        assert.equal(steps.at(-1)![2], answer);
      }),
    );
  });

  test("says in few words the partial results alone, slips included", () => {
    fc.assert(
      fc.property(fc.nat(), settings, fc.constantFrom(0, 0.5), (seed, knobs, slipRate) => {
        const { thinking, terser } = make(seed, { ...knobs, slipRate });
        assert.deepEqual(terser, [thinking.replaceAll(/[^;=]+=/g, "")]);
      }),
    );
  });

  test("rewrites what is left of the chain when asked to, down to the answer, with equal values", () => {
    fc.assert(
      fc.property(fc.nat(), settings, (seed, knobs) => {
        const { question, thinking, answer } = make(seed, { ...knobs, thinking: "rewrite" });
        const chains = thinking.split(";");
        assert.deepEqual(
          chains.map((chain) => terms(chain).length),
          chains.map((_, step) => terms(question).length - 1 - step),
        );
        for (const chain of chains) assert.equal(sum(chain), sum(question));
        assert.equal(chains.at(-1), answer);
      }),
    );
  });

  test("uses every allowed number of terms and no other", () => {
    const lengths = new Set(many.map((seed) => terms(make(seed, { minTerms: 3, maxTerms: 6 }).question).length));
    assert.deepEqual([...lengths].sort(), [3, 4, 5, 6]);
  });

  test("uses every allowed number of digits and no other, also after the first term", () => {
    const later = many.flatMap((seed) => terms(make(seed, { minDigits: 2, maxDigits: 4 }).question).slice(1));
    assert.deepEqual([...new Set(later.map((term) => term.length))].sort(), [2, 3, 4]);
  });

  test("adds and subtracts", () => {
    const signs = many.flatMap((seed) => make(seed).question.match(/[+-]/g)!);
    const share = signs.filter((sign) => sign === "+").length / signs.length;
    assert.ok(share > 0.4 && share < 0.6, `${share} additions`);
  });

  test("keeps partial results, right or wrong, between 0 and the largest number of the allowed digits", () => {
    for (const slipRate of [0, 0.5]) {
      for (const seed of many) {
        const { thinking } = make(seed, { minTerms: 10, maxTerms: 10, maxDigits: 2, slipRate });
        for (const [, total] of thinking.matchAll(/=(\d+)/g)) assert.ok(Number(total) <= 99, thinking);
        assert.doesNotMatch(thinking, /=-/);
      }
    }
  });

  test("lets partial results grow to maxTotal when it is set", () => {
    const totals = many.flatMap((seed) =>
      [...make(seed, { minTerms: 10, maxTerms: 10, maxTotal: 300 }).thinking.matchAll(/=(\d+)/g)].map(([, total]) => Number(total)),
    );
    assert.ok(Math.max(...totals) > 99 && Math.max(...totals) <= 300, `largest ${Math.max(...totals)}`);
  });

  test("carries a slip on: every other step is true of the wrong number, and the answer follows", () => {
    let slipped = 0;
    for (const seed of many) {
      const { question, thinking, answer, reference } = make(seed, { minTerms: 5, maxTerms: 5, slipRate: 0.2 });
      const steps = thinking.split(";").map((step) => step.split("=") as [string, string]);
      const wrong = steps.filter(([left, right]) => sum(left) !== Number(right));
      assert.deepEqual(reference, { answer: String(sum(question)) });
      assert.equal(steps.at(-1)![1], answer);
      for (let i = 1; i < steps.length; i++) assert.ok(steps[i]![0].startsWith(`${steps[i - 1]![1]}`));
      if (wrong.length === 0) assert.equal(answer, String(sum(question)));
      if (wrong.length === 1) assert.notEqual(answer, String(sum(question)));
      slipped += wrong.length;
    }
    // 300 chains of 4 steps; 5 sigma of a binomial with p = 0.2 are 69.
    assert.ok(Math.abs(slipped - 240) < 69, `${slipped} of 1200 steps`);
  });

  test("refuses knobs that contradict each other, naming the one to change", () => {
    const refused = (knobs: object): string => arithmeticChain.settings.safeParse(knobs).error!.issues[0]!.path.join(".");
    assert.equal(refused({ minTerms: 5 }), "maxTerms");
    assert.equal(refused({ minDigits: 3 }), "maxDigits");
    assert.equal(refused({ maxTotal: 98 }), "maxTotal");
    assert.equal(refused({ minTerms: 1 }), "minTerms");
    assert.equal(refused({ slipRate: 1.1 }), "slipRate");
  });
});
