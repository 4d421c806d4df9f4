// Laws of routing, for random experts, on the engine's own results; and how topK orders equal elements.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import fc from "fast-check";

import { gradients } from "../../../src/graph/backward.ts";
import { evaluate64 } from "../../../src/graph/evaluate64.ts";
import { constant, input, mul, route, sum, topK } from "../../../src/graph/ops.ts";
import { array, value } from "../../support/arrays.ts";
import { type Engine, engineFor } from "../../support/engine.ts";

describe("topK", () => {
  test("orders equal elements by index, in the engine as in the reference", async () => {
    const x = array([3, 4], [1, 1, 1, 1, 0, 2, 0, 2, 3, 1, 3, 3]);
    const { values, indices } = topK(x, 3);
    const expected = [value([3, 3], [1, 1, 1, 2, 2, 0, 3, 3, 3]), value([3, 3], [0, 1, 2, 1, 3, 0, 0, 2, 3])];
    assert.deepEqual(evaluate64([values, indices]), expected);
    await using engine = await engineFor([values, indices]);
    assert.deepEqual(await engine.run({}), expected);
  });

  test("sends the gradient of equal elements to those it chose", () => {
    const x = array([1, 4], [5, 7, 5, 5]);
    const [gradient] = gradients(sum(mul(topK(x, 2).values, constant([10, 1]))), [x]);
    assert.deepEqual([...evaluate64(gradient!).data], [1, 10, 0, 0]);
  });
});

/** One routing as plain numbers. */
interface Routing {
  readonly experts: readonly (readonly number[])[];
  readonly source: readonly number[];
  readonly origin: readonly number[];
  readonly real: readonly number[];
  readonly rows: readonly number[];
  readonly counts: readonly number[];
}

const tokens = fc.integer({ min: 1, max: 12 });

describe("route", () => {
  for (const { numExperts, slots } of [
    { numExperts: 1, slots: 1 },
    { numExperts: 4, slots: 2 },
    { numExperts: 9, slots: 3 },
  ]) {
    describe(`of ${slots} slots to ${numExperts} experts`, () => {
      const experts = input("experts", ["N", slots], "int64");
      const { source, origin, real, rows, counts } = route(experts, { numExperts, symbol: "R" });
      const compiled = engineFor([source, origin, real, rows, counts]);
      after(async () => (await compiled)[Symbol.asyncDispose]());
      const choices = tokens.chain((N) =>
        fc.array(fc.array(fc.nat(numExperts - 1), { minLength: slots, maxLength: slots }), { minLength: N, maxLength: N }),
      );
      const holds = (law: (routing: Routing) => void): Promise<void> =>
        fc.assert(
          fc.asyncProperty(choices, async (chosen) => law(await routed(await compiled, chosen))),
          { seed: 7, numRuns: 40 },
        );

      test("gives every expert the rows sent to it and two more", () =>
        holds(({ experts: chosen, counts: numRows }) => {
          const sent = Array.from({ length: numExperts }, (_, expert) => chosen.flat().filter((other) => other === expert).length);
          assert.deepEqual(
            numRows,
            sent.map((number) => number + 2),
          );
        }));

      test("lays rows in the order of experts, sent before extra, sent ones in the order of tokens", () =>
        holds((routing) => {
          const flat = routing.experts.flat();
          let row = 0;
          for (let expert = 0; expert < numExperts; expert++) {
            const pairs = [...flat.keys()].filter((pair) => flat[pair] === expert);
            const last = flat.length - 1;
            const section = [row, row + routing.counts[expert]!] as const;
            assert.deepEqual(routing.origin.slice(...section), [...pairs, last, last]);
            assert.deepEqual(routing.real.slice(...section), [...pairs.map(() => 1), 0, 0]);
            row = section[1];
          }
          assert.equal(row, routing.origin.length);
        }));

      test("names the token of every row", () =>
        holds((routing) => {
          assert.deepEqual(
            routing.source,
            routing.origin.map((pair) => Math.floor(pair / slots)),
          );
        }));

      test("finds every pair's row again", () =>
        holds((routing) => {
          assert.deepEqual(
            routing.rows.map((row) => [routing.origin[row], routing.real[row]]),
            routing.rows.map((_, pair) => [pair, 1]),
          );
        }));
    });
  }
});

async function routed(engine: Engine, chosen: Routing["experts"]): Promise<Routing> {
  const results = await engine.run({ experts: value([chosen.length, chosen[0]!.length], chosen.flat()) });
  const [source, origin, real, rows, counts] = results.map(({ data }) => [...data]) as [number[], number[], number[], number[], number[]];
  return { experts: chosen, source, origin, real, rows, counts };
}
