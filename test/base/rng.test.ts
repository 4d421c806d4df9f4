import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { philox4x32, type Rng, rngFor, rngFromSeed } from "../../src/base/rng.ts";

const draws = (rng: Rng, count: number): number[] => Array.from({ length: count }, () => rng.uint32());

describe("philox4x32", () => {
  // The three philox4x32-10 lines of tests/kat_vectors in Random123 1.09 (Salmon et al. 2011).
  const published = [
    { counter: [0, 0, 0, 0], key: [0, 0], out: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      out: "408f276d 41c83b0e a20bc7c6 6d5451fd",
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      out: "d16cfe09 94fdcceb 5001e420 24126ea1",
    },
  ] as const;
  for (const { counter, key, out } of published) {
    test(`gives the published block ${out}`, () => {
      const block = new Uint32Array(4);
      philox4x32(block, { counter, key });
      assert.equal([...block].map((word) => word.toString(16).padStart(8, "0")).join(" "), out);
    });
  }

  test("agrees with its definition in big integers for any counter and key", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        const block = new Uint32Array(4);
        philox4x32(block, { counter, key });
        assert.deepEqual([...block], philoxByDefinition(counter, key));
      }),
    );
  });
});

/** Salmon et al. 2011, section 3.3, with 64-bit products written as products. */
function philoxByDefinition(counter: readonly number[], key: readonly number[]): number[] {
  const low = (x: bigint): bigint => x & 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const left = 0xd2511f53n * c0;
    const right = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(right >> 32n) ^ c1 ^ k0, low(right), (left >> 32n) ^ c3 ^ k1, low(left)];
    k0 = low(k0 + 0x9e3779b9n);
    k1 = low(k1 + 0xbb67ae85n);
  }
  return [c0, c1, c2, c3].map(Number);
}

describe("rngFor", () => {
  test("starts the same stream again from the same words, and from the stream's seed", () => {
    const first = draws(rngFor(7, "task", 3), 50);
    assert.deepEqual(draws(rngFor(7, "task", 3), 50), first);
    assert.deepEqual(draws(rngFromSeed(rngFor(7, "task", 3).seed), 50), first);
  });

  test("tells a number from its text and one boundary of words from another", () => {
    const seeds = [rngFor(1), rngFor("1"), rngFor(1, 1), rngFor("1,1"), rngFor(11), rngFor("a", "b"), rngFor("ab")].map(({ seed }) => seed);
    assert.equal(new Set(seeds).size, seeds.length);
  });

  test("gives streams that share no block and do not correlate", () => {
    const streams = Array.from({ length: 20 }, (_, i) => draws(rngFor("stream", i), 500));
    assert.equal(new Set(streams.flat()).size > 20 * 500 - 5, true, "almost all of 10000 draws of 32 bits must differ");
    // Products of centred uniforms have mean 0 and variance 1/144: the mean of 500 is beyond 5 sigma once in 1.7 million.
    const centred = streams.map((stream) => stream.map((draw) => draw / 2 ** 32 - 0.5));
    for (let i = 1; i < centred.length; i++) {
      const mean = centred[i]!.reduce((sum, value, j) => sum + value * centred[i - 1]![j]!, 0) / 500;
      assert.ok(Math.abs(mean) < 5 / 12 / Math.sqrt(500), `streams ${i - 1} and ${i}: mean product ${mean}`);
    }
  });

  test("refuses a seed that is not 48 hexadecimal digits", () => {
    assert.throws(() => rngFromSeed("abc"), /48 hexadecimal digits, got "abc"/);
    assert.throws(() => rngFromSeed("G".repeat(48)), /48 hexadecimal digits/);
  });
});

describe("Rng", () => {
  /** Pearson's statistic of `counts` against equal shares. */
  const chiSquare = (counts: readonly number[]): number => {
    const expected = counts.reduce((a, b) => a + b) / counts.length;
    return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  };

  test("draws integers uniformly, also where the range does not divide 2^32", () => {
    const counts = new Array<number>(7).fill(0);
    const rng = rngFor("int");
    for (let i = 0; i < 70_000; i++) counts[rng.int(7)]!++;
    assert.ok(chiSquare(counts) < 33, `chi-square ${chiSquare(counts)} with 6 degrees of freedom`); // 33: once in 100 000
  });

  test("rejects draws that would favour small integers", () => {
    // Below 3 * 2^30 a plain remainder would give [0, 2^30) twice the weight: a share of 1/2 instead of 1/3.
    const rng = rngFor("bias");
    const small = Array.from({ length: 10_000 }, () => rng.int(3 * 2 ** 30)).filter((draw) => draw < 2 ** 30).length;
    assert.ok(Math.abs(small / 10_000 - 1 / 3) < 0.025, `share ${small / 10_000}`); // 5 sigma
  });

  test("draws every integer of the whole 32-bit range and of a range of one", () => {
    assert.equal(rngFor("one").int(1), 0);
    assert.ok(rngFor("whole").int(2 ** 32) <= 0xffffffff);
    for (const below of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) assert.throws(() => rngFor("bad").int(below), /1\.\.2\^32, got/);
  });

  test("draws uniform numbers inside the open interval with the moments of a uniform", () => {
    const rng = rngFor("uniform");
    const values = Array.from({ length: 20_000 }, () => rng.uniform());
    assert.ok(values.every((value) => value > 0 && value < 1));
    const mean = values.reduce((a, b) => a + b) / values.length;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    assert.ok(Math.abs(mean - 1 / 2) < 5 * Math.sqrt(1 / 12 / 20_000), `mean ${mean}`);
    assert.ok(Math.abs(square - 1 / 3) < 5 * Math.sqrt(4 / 45 / 20_000), `mean square ${square}`);
  });

  test("draws normal numbers with the moments of a normal", () => {
    const rng = rngFor("normal");
    const values = Array.from({ length: 50_000 }, () => rng.normal());
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    // E x = 0, E x^2 = 1, E x^4 = 3; variances 1, 2, 96; 5 sigma each.
    assert.ok(Math.abs(moment(1)) < 5 / Math.sqrt(50_000), `mean ${moment(1)}`);
    assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / 50_000), `variance ${moment(2)}`);
    assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / 50_000), `fourth moment ${moment(4)}`);
  });

  test("shuffles into every order equally often and leaves its argument alone", () => {
    const items = ["a", "b", "c"] as const;
    const counts = new Map<string, number>();
    const rng = rngFor("shuffle");
    for (let i = 0; i < 12_000; i++) {
      const order = rng.shuffle(items).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
    assert.ok(chiSquare([...counts.values()]) < 31, `chi-square ${chiSquare([...counts.values()])} with 5 degrees of freedom`);
    assert.deepEqual(items, ["a", "b", "c"]);
  });

  test("picks every element equally often", () => {
    const rng = rngFor("pick");
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 8000; i++) counts[rng.pick([0, 1, 2, 3])]!++;
    assert.ok(chiSquare(counts) < 28, `chi-square ${chiSquare(counts)} with 3 degrees of freedom`);
  });

  test("does not repeat itself from one block to the next", () => {
    const values = draws(rngFor("long"), 40_000);
    // 40 000 draws of 32 bits collide 0.19 times on average.
    assert.ok(new Set(values).size > 40_000 - 6);
  });
});
