import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { differenceOf, maxTrials } from "../../../../src/rewards/verifiable/sql/compare.ts";
import { maxRows, type Row } from "../../../../src/rewards/verifiable/sql/run.ts";
import { cpuMsOf } from "../../../support/cpuTime.ts";

describe("differenceOf", () => {
  const exact = { absolute: 0, relative: 0 };
  const differ = (expected: readonly Row[], actual: readonly Row[], tolerance = exact) =>
    differenceOf({ expected, actual, blocks: expected.length === 0 ? [] : [expected.length] }, tolerance);

  test("pairs rows within the tolerance as many as can be", () => {
    // 1.0 is near 1.5 and 0.5, 2.0 only near 1.5: pairing 1.0 with 1.5 would leave 2.0 alone.
    const half = { absolute: 0.5, relative: 0 };
    assert.equal(differ([["r1.0"], ["r2.0"]], [["r1.5"], ["r0.5"]], half), undefined);
    assert.match(differ([["r1.0"], ["r2.0"]], [["r0.5"], ["r0.6"]], half)!, /expected \(2\.0\), actual \(0\.6\)/);
    // Two near columns of which neither alone tells the rows apart.
    const [one, other] = [
      ["r0.3", "r5.0", "ta"],
      ["r0.30000000000000004", "r7.0", "tb"],
    ];
    const changed = [
      ["r0.30000000000000004", "r5.0", "ta"],
      ["r0.3", "r7.0", "tb"],
    ];
    assert.equal(differ([one!, other!], changed, { absolute: 0, relative: 1e-12 }), undefined);
  });
  test("finds the pairing of any shuffle of rows that were moved within the tolerance", () => {
    const real = fc.double({ min: -1000, max: 1000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), real), { maxLength: 12 }),
        fc.infiniteStream(real),
        (list, moves) => {
          const expected = list.map(([a, b]): Row => [`r${a}.5`, `r${b}.5`]);
          const moved = list.map(([a, b]): Row => {
            const by = () => (moves.next().value as number) / 1000;
            return [`r${a + 0.5 + by()}`, `r${b + 0.5 + by()}`];
          });
          const order = list.map(([, , key], i) => ({ key, i })).sort((x, y) => x.key - y.key);
          assert.equal(
            differ(
              expected,
              order.map(({ i }) => moved[i]!),
              { absolute: 1, relative: 0 },
            ),
            undefined,
          );
          if (list.length > 0)
            assert.notEqual(differ(expected, [...moved.slice(1), ["r99.5", "r0.5"]], { absolute: 1, relative: 0 }), undefined);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
  test("gives up in time on rows that are all nearly the same", async () => {
    const many = (value: number) => Array.from({ length: maxRows }, (_, i): Row => [`r${value + i * 1e-9}`, `r${(i * 7919) % maxRows}.5`]);
    let found: string | undefined;
    const cpuMs = await cpuMsOf(() => {
      found = differ(many(1), many(1.5), { absolute: 0.4, relative: 0 });
    });
    assert.match(found!, /beyond the cap of 500000 trials$/);
    assert.ok(cpuMs < 1500, `${cpuMs} ms for ${maxTrials} trials`);
  });
});
