import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { inOrder } from "../../src/base/inOrder.ts";

async function* from<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe("inOrder", () => {
  test("gives results in the order of the items, several worked on at once", async () => {
    let now = 0;
    let most = 0;
    const work = async (ms: number) => {
      most = Math.max(most, ++now);
      await setTimeout(ms);
      now--;
      return ms;
    };
    const found: number[] = [];
    for await (const ms of inOrder(from([30, 1, 20, 2, 10, 3]), { work, numAhead: 3 })) found.push(ms);
    assert.deepEqual(found, [30, 1, 20, 2, 10, 3]);
    assert.equal(most, 3);
  });

  test("passes a result on while the source still waits for its next item", { timeout: 5000 }, async () => {
    const more = Promise.withResolvers<void>();
    async function* source(): AsyncGenerator<number> {
      yield 1;
      await more.promise;
      yield 2;
    }
    const results = inOrder(source(), { work: async (item) => item, numAhead: 8 });
    assert.deepEqual(await results.next(), { value: 1, done: false });
    more.resolve();
    assert.deepEqual(await results.next(), { value: 2, done: false });
    assert.equal((await results.next()).done, true);
  });

  test("gives what came before an error of the source, then the error", async () => {
    async function* source(): AsyncGenerator<number> {
      yield 1;
      throw new RangeError("line 2");
    }
    const results = inOrder(source(), { work: (item) => setTimeout(20, item), numAhead: 8 });
    assert.deepEqual(await results.next(), { value: 1, done: false });
    await assert.rejects(results.next(), /line 2/);
  });

  test("ends with the first failure of the work, in order", async () => {
    const work = async (item: number) => {
      if (item === 2) throw new RangeError("two");
      return item;
    };
    const results = inOrder(from([1, 2, 3]), { work, numAhead: 8 });
    assert.deepEqual(await results.next(), { value: 1, done: false });
    await assert.rejects(results.next(), /two/);
  });
});
