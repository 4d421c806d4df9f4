import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { clipRanges, cutRanges, dealShards, shardBatches } from "../../src/train/shards.ts";

const lengthLists = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
const shardCounts = fc.integer({ min: 1, max: 6 });
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe("dealShards", () => {
  test("gives the longest sequence left to the shard with the fewest tokens", () => {
    // 9 | 7; then 5 to the second (12), 4 to the first (13), 3 to the second (15), 1 to the first (14)
    assert.deepEqual(dealShards([3, 9, 5, 7, 1, 4], 2), [
      [1, 5, 4],
      [3, 2, 0],
    ]);
  });

  test("deals each sequence once, into no empty shard, and none has much more than the others", () => {
    fc.assert(
      fc.property(lengthLists, shardCounts, (lengths, numShards) => {
        const shards = dealShards(lengths, numShards);
        assert.deepEqual(
          shards.flat().sort((a, b) => a - b),
          [...lengths.keys()],
        );
        assert.equal(shards.length, Math.min(numShards, lengths.length));
        const tokens = shards.map((members) => sum(members.map((index) => lengths[index]!)));
        assert.ok(Math.max(...tokens) - Math.min(...tokens) <= Math.max(...lengths));
      }),
    );
  });
});

describe("shardBatches", () => {
  test("keeps every member, in parts of at most maxTokens", () => {
    fc.assert(
      fc.property(lengthLists, fc.integer({ min: 50, max: 120 }), (lengths, maxTokens) => {
        const members = lengths.map((length, id) => ({ length, id }));
        const batches = shardBatches(members, { length: ({ length }) => length, maxTokens });
        assert.deepEqual(new Set(batches.flat()), new Set(members));
        assert.ok(batches.every((batch) => sum(batch.map(({ length }) => length)) <= maxTokens));
      }),
    );
  });
});

describe("cutRanges and clipRanges", () => {
  test("cut a vector into parts without gap or overlap, and other ranges with it", () => {
    const decay = [
      { from: 0, to: 7, decays: true },
      { from: 7, to: 7, decays: false },
      { from: 7, to: 32, decays: false },
      { from: 32, to: 100, decays: true },
    ];
    fc.assert(
      fc.property(shardCounts, (numRanges) => {
        const parts = cutRanges(100, numRanges);
        assert.deepEqual([parts[0]!.from, parts.at(-1)!.to, parts.length], [0, 100, numRanges]);
        assert.ok(parts.every(({ from }, i) => i === 0 || from === parts[i - 1]!.to));
        const flags = parts.flatMap((part) => {
          const clipped = clipRanges(decay, part);
          assert.deepEqual([clipped[0]!.from, clipped.at(-1)!.to], [0, part.to - part.from]);
          return clipped.flatMap(({ from, to, decays }) => new Array<boolean>(to - from).fill(decays));
        });
        assert.deepEqual(
          flags,
          Array.from({ length: 100 }, (_, i) => i < 7 || i >= 32),
        );
      }),
    );
  });
});
