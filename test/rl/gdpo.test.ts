import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { standardDeviation } from "../../src/base/statistics.ts";
import { type GroupCredit, groupAdvantages } from "../../src/rl/advantages.ts";
import { gdpoAdvantages, type MemberTerms } from "../../src/rl/gdpo.ts";

const member = (...scores: readonly number[]): MemberTerms => scores.map((score, k) => ({ weight: k === 0 ? 1 : 0.5, score }));

function trained(credit: GroupCredit | undefined): readonly (number | undefined)[] {
  assert.ok(credit?.kind === "trained", `got ${credit?.kind}`);
  return credit.advantages;
}

function assertClose(got: readonly (number | undefined)[], expected: readonly (number | undefined)[], tolerance = 1e-12): void {
  assert.equal(got.length, expected.length);
  got.forEach((value, i) => {
    const wanted = expected[i];
    if (value === undefined || wanted === undefined) assert.equal(value, wanted);
    else assert.ok(Math.abs(value - wanted) < tolerance, `got ${got}, expected ${expected}`);
  });
}

describe("gdpoAdvantages", () => {
  test("matches the hand-worked group of three with two terms", () => {
    // term 1, weight 1:    scores 1 0 0.5   mean 1/2, std 1/2      z = 0.5/s 0 -..  with s = 0.5001:  +u -u 0,  u = 0.5 / 0.5001
    // term 2, weight 1/2:  scores 0 0.2 0.1 mean 0.1, std 0.1      z = -v +v 0,  v = 0.1 / 0.1001
    // a = (u - v/2, -u + v/2, 0), mean 0, squares 2 (u - v/2)^2 over 3 - 1: std = u - v/2
    const u = 0.5 / 0.5001;
    const v = 0.1 / 0.1001;
    const unit = (u - v / 2) / (u - v / 2 + 1e-4);
    assertClose(trained(gdpoAdvantages([[member(1, 0), member(0, 0.2), undefined, member(0.5, 0.1)]])[0]), [unit, -unit, undefined, 0]);
  });

  test("lets a term with small differences count by its weight, not by its spread", () => {
    // The second term differs by a tenth of the first's, and as much as its weight says: half of it. Summed rewards would give it 1/20.
    const [credit] = gdpoAdvantages([[member(1, 0), member(0, 0), member(1, 0.1), member(0, 0.1)]]);
    const [a, b, c] = trained(credit) as [number, number, number];
    assert.ok(Math.abs((c - a) / (a - b) - 0.5) < 1e-3, `got ${(c - a) / (a - b)}`);
  });

  test("is flat only where no term prefers anything", () => {
    const credits = gdpoAdvantages([
      [member(1, 0.5), member(1, 0.5), undefined],
      [member(1, 0.5), member(1, 0.25)],
      [member(1, 0), undefined, undefined],
    ]);
    assert.deepEqual(
      credits.map(({ kind }) => kind),
      ["flat", "trained", "dropped"],
    );
    assert.deepEqual(credits[0], { kind: "flat", advantages: [0, 0, undefined] });
  });

  test("gives nothing where two terms cancel in every group", () => {
    const opposed = (a: number, b: number): MemberTerms => [
      { weight: 1, score: a },
      { weight: 1, score: b },
    ];
    assertClose(trained(gdpoAdvantages([[opposed(1, 0), opposed(0, 1)]])[0]), [0, 0]);
  });
});

describe("laws of gdpoAdvantages", () => {
  const score = fc.double({ min: 0, max: 1, noNaN: true });
  const terms = fc.tuple(score, score).map(([a, b]) => member(a, b));
  const group = fc.array(fc.option(terms, { nil: undefined, freq: 4 }), { minLength: 2, maxLength: 9 });

  test("survivors get exactly the advantages of a group made of survivors alone", () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 4 }), (groups) => {
        const credits = gdpoAdvantages(groups);
        const isKept = (i: number): boolean => credits[i]!.kind !== "dropped";
        const survivors = gdpoAdvantages(groups.filter((_, i) => isKept(i)).map((members) => members.filter((own) => own !== undefined)));
        const shrunk = credits
          .filter((_, i) => isKept(i))
          .map((credit) =>
            credit.kind === "trained" ? { ...credit, advantages: credit.advantages.filter((a) => a !== undefined) } : credit,
          );
        assert.deepEqual(shrunk, survivors);
      }),
    );
  });

  test("with one term it is grpo divided by its spread over the step, whatever the weight", () => {
    // Where the step's spread is far above epsilon, which weights scale and which does not scale with them.
    const rewards = fc.array(score, { minLength: 3, maxLength: 9 }).filter((r) => standardDeviation(r) > 0.05);
    fc.assert(
      fc.property(fc.array(rewards, { minLength: 1, maxLength: 4 }), fc.double({ min: 0.5, max: 4, noNaN: true }), (groups, weight) => {
        const plain = groupAdvantages(groups, "grpo").map(trained);
        const spread = standardDeviation(plain.flat().map((a) => a!));
        const alone = gdpoAdvantages(groups.map((each) => each.map((own) => [{ weight, score: own }])));
        alone.forEach((credit, i) => {
          assertClose(
            trained(credit),
            plain[i]!.map((a) => a! / spread),
            1e-3,
          );
        });
      }),
    );
  });

  test("advantages of a group add up to nothing", () => {
    fc.assert(
      fc.property(group, (members) => {
        const [credit] = gdpoAdvantages([members]);
        fc.pre(credit!.kind === "trained");
        const total = trained(credit).reduce<number>((sum, a) => sum + (a ?? 0), 0);
        assert.ok(Math.abs(total) < 1e-6, `sum ${total}`);
      }),
    );
  });
});
