import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { type CachedPrompt, KvCache } from "../../src/policy/kvCache.ts";

const shape = { numLayers: 2, numKvHeads: 3, headWidth: 2, numSlots: 4 };

/** What a slot shows: the number that stands for the token written at each visible position. */
type Slot = ReadonlyMap<number, number>;

/** The number in every place of a key or value is a function of the token it belongs to, so that a misplaced one is seen. */
function numberAt({ token, layer, head, i, isValue }: { token: number; layer: number; head: number; i: number; isValue: boolean }): number {
  return token * 1000 + layer * 100 + head * 10 + i * 2 + Number(isValue);
}

function promptOf(tokens: readonly number[]): CachedPrompt {
  const part = (layer: number, isValue: boolean): Float32Array =>
    Float32Array.from({ length: shape.numKvHeads * tokens.length * shape.headWidth }, (_, at) => {
      const [head, position, i] = unravel(at, [shape.numKvHeads, tokens.length, shape.headWidth]) as [number, number, number];
      return numberAt({ token: tokens[position]!, layer, head, i, isValue });
    });
  const layers = Array.from({ length: shape.numLayers }, (_, layer) => ({ keys: part(layer, false), values: part(layer, true) }));
  return { numPositions: tokens.length, layers };
}

/** New keys and values of one layer, a token for each slot. */
function newOnes(tokens: readonly number[], layer: number): { keys: Float32Array; values: Float32Array } {
  const part = (isValue: boolean): Float32Array =>
    Float32Array.from({ length: tokens.length * shape.numKvHeads * shape.headWidth }, (_, at) => {
      const [slot, head, i] = unravel(at, [tokens.length, shape.numKvHeads, shape.headWidth]) as [number, number, number];
      return numberAt({ token: tokens[slot]!, layer, head, i, isValue });
    });
  return { keys: part(false), values: part(true) };
}

function unravel(at: number, sizes: readonly number[]): number[] {
  return sizes.map((size, axis) => Math.floor(at / sizes.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
}

/** One decoding step of the first slots, as the decoder does it. */
function step(cache: KvCache, { tokens, positions }: { tokens: readonly number[]; positions: readonly number[] }): void {
  cache.reserve(Math.max(...positions) + 1);
  for (const [slot, position] of positions.entries()) cache.show(slot, position);
  for (let layer = 0; layer < shape.numLayers; layer++) cache.write(layer, { ...newOnes(tokens, layer), positions });
}

function assertShows(cache: KvCache, slots: readonly Slot[]): void {
  for (let layer = 0; layer < shape.numLayers; layer++) {
    const { cachedKeys, cachedValues, visible } = cache.feeds(layer, slots.length);
    const [, , numPositions] = cachedKeys.shape as [number, number, number, number];
    assert.deepEqual(cachedKeys.shape, [slots.length, shape.numKvHeads, numPositions, shape.headWidth]);
    assert.deepEqual(visible.shape, [slots.length, 1, 1, numPositions]);
    assert.equal(numPositions % 64, 0);
    for (const [isValue, { data }] of [cachedKeys, cachedValues].map((array, i) => [i === 1, array] as const)) {
      assert.equal(data.length, slots.length * shape.numKvHeads * numPositions * shape.headWidth);
      slots.forEach((shown, slot) => {
        for (const [position, token] of shown) {
          for (let head = 0; head < shape.numKvHeads; head++) {
            for (let i = 0; i < shape.headWidth; i++) {
              const at = ((slot * shape.numKvHeads + head) * numPositions + position) * shape.headWidth + i;
              assert.equal(data[at], numberAt({ token, layer, head, i, isValue }));
            }
          }
        }
      });
    }
    const expected = slots.flatMap((shown) => Array.from({ length: numPositions }, (_, position) => (shown.has(position) ? 0 : -1e9)));
    assert.deepEqual([...visible.data], expected);
  }
}

const slotNumber = fc.nat(shape.numSlots - 1);
const commands = fc.oneof(
  fc.record({ kind: fc.constant("fill" as const), slot: slotNumber, length: fc.nat(140) }),
  fc.record({ kind: fc.constant("step" as const), numSlots: fc.integer({ min: 1, max: shape.numSlots }) }),
  fc.record({ kind: fc.constant("move" as const), from: slotNumber, to: slotNumber }),
  fc.record({ kind: fc.constant("reserve" as const), positions: fc.nat(200) }),
);

describe("KvCache", () => {
  test("shows what was written and nothing else, in any order of fills, steps, moves and growth", () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 12 }), (list) => {
        const cache = new KvCache(shape);
        const slots: Slot[] = Array.from({ length: shape.numSlots }, () => new Map());
        let token = 1;
        for (const command of list) {
          if (command.kind === "fill") {
            const tokens = Array.from({ length: command.length }, () => token++);
            cache.fill(command.slot, promptOf(tokens));
            slots[command.slot] = new Map(tokens.entries());
          } else if (command.kind === "move") {
            cache.move(command.from, command.to);
            slots[command.to] = new Map(slots[command.from]);
          } else if (command.kind === "reserve") {
            cache.reserve(command.positions);
          } else {
            const positions = slots.slice(0, command.numSlots).map((slot) => slot.size);
            const tokens = positions.map(() => token++);
            step(cache, { tokens, positions });
            for (const [slot, position] of positions.entries()) slots[slot] = new Map([...slots[slot]!, [position, tokens[slot]!]]);
          }
        }
        assertShows(cache, slots);
      }),
      { numRuns: 60 },
    );
  });

  test("has room for a prompt that is longer than anything before, and for one of no positions", () => {
    const cache = new KvCache(shape);
    const tokens = Array.from({ length: 129 }, (_, i) => i);
    cache.fill(1, promptOf(tokens));
    cache.fill(0, promptOf([]));
    assertShows(cache, [new Map(), new Map(tokens.entries())]);
    assert.equal(cache.feeds(0, 1).cachedKeys.shape[2], 192);
  });

  test("gives the engine views, not copies", () => {
    const cache = new KvCache(shape);
    const { cachedKeys } = cache.feeds(0, 2);
    step(cache, { tokens: [7, 8], positions: [0, 0] });
    assert.equal(cachedKeys.data[0], numberAt({ token: 7, layer: 0, head: 0, i: 0, isValue: false }));
  });
});
