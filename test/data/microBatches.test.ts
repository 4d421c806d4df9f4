import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { DataError } from "../../src/base/errors.ts";
import { microBatches } from "../../src/data/microBatches.ts";

describe("microBatches", () => {
  test("groups the hand-worked example by length, longest first, equal lengths in their order", () => {
    // lengths in order: 9 (1), 5 (0), 5 (3), 4 (2), 1 (4); 9+5 > 12, 5+5+4 > 12
    assert.deepEqual(microBatches([5, 9, 4, 5, 1], { maxTokens: 12 }), [[1], [0, 3], [2, 4]]);
  });

  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 });

  test("places every sequence once, within the limit, and never mixes longer with shorter out of order", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 50, max: 200 }), (all, maxTokens) => {
        const groups = microBatches(all, { maxTokens });
        assert.deepEqual(
          groups.flat().sort((a, b) => a - b),
          all.map((_, index) => index),
        );
        for (const group of groups) {
          assert.ok(group.length > 0);
          assert.ok(group.reduce((sum, index) => sum + all[index]!, 0) <= maxTokens);
        }
        const order = groups.flat().map((index) => all[index]!);
        assert.deepEqual(
          order,
          all.toSorted((a, b) => b - a),
        );
      }),
    );
  });

  test("closes a group only when the next sequence does not fit", () => {
    fc.assert(
      fc.property(lengths, (all) => {
        const groups = microBatches(all, { maxTokens: 100 });
        for (let i = 1; i < groups.length; i++) {
          const tokens = groups[i - 1]!.reduce((sum, index) => sum + all[index]!, 0);
          assert.ok(tokens + all[groups[i]![0]!]! > 100);
        }
      }),
    );
  });

  test("gives groups of the same lengths in whatever order the sequences arrive", () => {
    fc.assert(
      fc.property(
        lengths.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          const shape = (some: readonly number[]): number[][] =>
            microBatches(some, { maxTokens: 120 }).map((group) => group.map((index) => some[index]!));
          assert.deepEqual(shape(shuffled), shape(all));
        },
      ),
    );
  });

  test("refuses a sequence that does not fit at all", () => {
    assert.throws(
      () => microBatches([3, 13], { maxTokens: 12 }),
      (error: unknown) => error instanceof DataError && /13 tokens at sequence 1 and maxTokens 12/.test(error.message),
    );
  });

  test("groups nothing into nothing", () => {
    assert.deepEqual(microBatches([], { maxTokens: 12 }), []);
  });
});
