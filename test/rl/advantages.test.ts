import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { type GroupCredit, groupAdvantages, minScored } from "../../src/rl/advantages.ts";
import { AdvantagesConfig } from "../../src/rl/algorithmConfig.ts";
import { byLogits, slopes, softmax } from "./softmax.ts";

/** Advantages of a group that must be trained on. */
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

describe("groupAdvantages", () => {
  test("matches the hand-worked group of four", () => {
    // rewards 1 0 0 1: mean 1/2, squares 4/4 = 1, std = sqrt(1/3)
    const unit = 0.5 / (Math.sqrt(1 / 3) + 1e-4);
    assertClose(trained(groupAdvantages([[1, 0, 0, 1]], "grpo")[0]), [unit, -unit, -unit, unit]);
  });

  test("matches the hand-worked group with an unscorable member", () => {
    // scored 1 0 0.5: mean 1/2, squares 1/2, std = sqrt(1/4); the failed checker is nobody's zero
    const unit = 0.5 / (0.5 + 1e-4);
    assertClose(trained(groupAdvantages([[1, undefined, 0, 0.5]], "grpo")[0]), [unit, undefined, -unit, 0]);
  });

  test("divides by the spread of the whole step when asked to", () => {
    // centred: 0.5 -0.5 and 0.1 -0.1; squares 0.25 * 2 + 0.01 * 2 = 0.52 over 4 - 1
    const divisor = Math.sqrt(0.52 / 3) + 1e-4;
    const [wide, narrow] = groupAdvantages(
      [
        [1, 0],
        [0.6, 0.4],
      ],
      "reinforce-plus-plus",
    );
    assertClose(trained(wide), [0.5 / divisor, -0.5 / divisor]);
    assertClose(trained(narrow), [0.1 / divisor, -0.1 / divisor]);
  });

  test("divides by nothing when asked to", () => {
    assertClose(trained(groupAdvantages([[1, 0, undefined, 0]], "dr-grpo")[0]), [2 / 3, -1 / 3, undefined, -1 / 3]);
  });

  test("takes the others' mean as the baseline when asked to", () => {
    // rewards 1 0 0.5: 1 - 0.25, 0 - 0.75, 0.5 - 0.5
    assertClose(trained(groupAdvantages([[1, 0, undefined, 0.5]], "rloo")[0]), [0.75, -0.75, undefined, 0]);
  });

  test("divides by the group's mean when asked to", () => {
    // mean 1/4: (1 - 1/4) / (1/4) and -1
    assertClose(trained(groupAdvantages([[1, 0, 0, undefined, 0]], "max-rl")[0]), [3, -1, -1, undefined, -1]);
  });

  test("refuses to divide by a mean that is not above 0", () => {
    assert.throws(() => groupAdvantages([[-1, 0.5]], "max-rl"), {
      name: "TrainingError",
      message: /"max-rl" divides by a group's mean reward, which must be above 0, got -0\.25; take another kind/,
    });
  });

  test("leaves out groups whose scored members earned the same", () => {
    const credits = groupAdvantages(
      [
        [1, 1, 1],
        [0, 0, undefined],
        [0.1 + 0.2, 0.3, 0.3],
      ],
      "grpo",
    );
    assert.deepEqual(
      credits.map(({ kind }) => kind),
      ["flat", "flat", "trained"],
    );
    assert.deepEqual(credits[1], { kind: "flat", advantages: [0, 0, undefined] });
  });

  test("drops groups with too few scored members, even flat ones", () => {
    const credits = groupAdvantages(
      [
        [1, 0, undefined, undefined],
        [1, undefined, undefined, undefined],
        [undefined, undefined],
        [1, 0, undefined, undefined, undefined],
      ],
      "grpo",
    );
    assert.deepEqual(
      credits.map(({ kind }) => kind),
      ["trained", "dropped", "dropped", "dropped"],
    );
  });

  test("is grpo where the step has one group and its spread is divided by", () => {
    const group = [[1, 0, undefined, 0.25, 0]];
    assert.deepEqual(groupAdvantages(group, "reinforce-plus-plus"), groupAdvantages(group, "grpo"));
  });

  test("does not let flat and dropped groups into the spread of the step", () => {
    const alone = groupAdvantages([[1, 0, 0.25]], "reinforce-plus-plus")[0];
    const among = groupAdvantages(
      [
        [1, 1, 1],
        [1, 0, 0.25],
        [1, undefined, undefined],
      ],
      "reinforce-plus-plus",
    )[1];
    assert.deepEqual(among, alone);
  });
});

describe("the expected gradient of groupAdvantages", () => {
  const logits = [0.3, -0.8, 1.1];
  const mean = (rewards: readonly number[]) => (z: readonly number[]) => softmax(z).reduce((sum, p, y) => sum + p * rewards[y]!, 0);

  /** Of (1 / n) sum_i A_i log pi(y_i), over every group of n tokens, weighed by how often the policy samples it. */
  function expectedGradient(
    kind: Parameters<typeof groupAdvantages>[1],
    { rewards, n }: { rewards: readonly number[]; n: number },
  ): number[] {
    const policy = softmax(logits);
    const dLogProb = logits.map(() => 0);
    for (let code = 0; code < 3 ** n; code++) {
      const group = Array.from({ length: n }, (_, i) => Math.floor(code / 3 ** i) % 3);
      const [credit] = groupAdvantages([group.map((y) => rewards[y]!)], kind);
      const chance = group.reduce((product, y) => product * policy[y]!, 1);
      if (credit!.kind === "trained") for (const [i, y] of group.entries()) dLogProb[y]! += (chance * credit!.advantages[i]!) / n;
    }
    return byLogits(dLogProb, logits);
  }

  test("is that of the mean reward for rloo, and (n - 1) / n of it for dr-grpo", () => {
    const rewards = [1, 0, 0.4];
    const exact = slopes(mean(rewards), logits);
    for (const n of [2, 3, 5]) {
      assertClose(expectedGradient("rloo", { rewards, n }), exact, 1e-9);
      assertClose(
        expectedGradient("dr-grpo", { rewards, n }),
        exact.map((slope) => ((n - 1) / n) * slope),
        1e-9,
      );
    }
  });

  test("is that of log p for max-rl, but for a rest that vanishes as groups grow: of p itself in groups of two", () => {
    // (R_i / mean - 1) / n summed over a group with K > 0 successes is 1 / K over those, less 1 / n over all. With q = 1 - p,
    // E[grad log pi | 1] = grad p / p, E[grad log pi | 0] = -grad p / q, and where K = 0, chance q^n, there is nothing:
    // (1 - q^n) grad p / p - q^n grad p / q = (1 - q^(n - 1)) grad p / p
    for (const rewards of [
      [1, 0, 0],
      [0, 1, 1],
    ]) {
      const p = mean(rewards);
      const ofLog = slopes((z) => Math.log(p(z)), logits);
      for (const n of [2, 3, 5]) {
        const share = 1 - (1 - p(logits)) ** (n - 1);
        assertClose(
          expectedGradient("max-rl", { rewards, n }),
          ofLog.map((slope) => share * slope),
          1e-9,
        );
      }
      assertClose(expectedGradient("max-rl", { rewards, n: 2 }), slopes(p, logits), 1e-9);
    }
  });
});

describe("minScored", () => {
  test("is half the group, rounded up, and never less than two", () => {
    assert.deepEqual([1, 2, 3, 4, 5, 8, 9].map(minScored), [2, 2, 2, 2, 3, 4, 5]);
  });
});

describe("laws of groupAdvantages", () => {
  const kinds = AdvantagesConfig.options.map(({ shape }) => shape.kind.value).filter((kind) => kind !== "gdpo" && kind !== "gae");
  const normalisation = fc.constantFrom(...kinds);
  // Whole billionths: a mean of subnormal numbers has no digits left to divide by.
  const reward = fc.double({ min: 0, max: 1, noNaN: true }).map((r) => Math.round(r * 1e9) / 1e9);
  const group = fc.array(fc.option(reward, { nil: undefined, freq: 4 }), { minLength: 2, maxLength: 12 });

  test("survivors get exactly the advantages of a group made of survivors alone", () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 4 }), normalisation, (groups, by) => {
        const credits = groupAdvantages(groups, by);
        const kept = groups.filter((_, i) => credits[i]!.kind !== "dropped");
        const survivors = groupAdvantages(
          kept.map((members) => members.filter((r) => r !== undefined)),
          by,
        );
        const shrunk = credits
          .filter(({ kind }) => kind !== "dropped")
          .map((credit) =>
            credit.kind === "dropped" ? credit : { ...credit, advantages: credit.advantages.filter((a) => a !== undefined) },
          );
        assert.deepEqual(shrunk, survivors);
      }),
    );
  });

  test("advantages of a group add up to nothing and keep the order of the rewards", () => {
    fc.assert(
      fc.property(group, normalisation, (rewards, by) => {
        const [credit] = groupAdvantages([rewards], by);
        fc.pre(credit!.kind === "trained");
        const pairs = trained(credit).flatMap((a, i) => (a === undefined ? [] : [{ a, r: rewards[i]! }]));
        const total = pairs.reduce((sum, { a }) => sum + a, 0);
        assert.ok(Math.abs(total) < 1e-9 * pairs.length, `sum ${total}`);
        const sorted = pairs.toSorted((x, y) => x.r - y.r);
        sorted.slice(1).forEach(({ a }, i) => {
          assert.ok(a >= sorted[i]!.a);
        });
      }),
    );
  });

  test("every kind is the group's deviations times a positive number of the group", () => {
    const tenths = fc.array(fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined, freq: 4 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(tenths, normalisation, (tenthsOf, by) => {
        const rewards = tenthsOf.map((r) => r && r / 10);
        const [plain, scaled] = [groupAdvantages([rewards], "dr-grpo")[0]!, groupAdvantages([rewards], by)[0]!];
        assert.equal(scaled.kind, plain.kind);
        fc.pre(plain.kind === "trained");
        const pairs = trained(plain).flatMap((a, i) => (a === undefined ? [] : [{ a, b: trained(scaled)[i]! }]));
        const most = pairs.reduce((top, pair) => (Math.abs(pair.a) > Math.abs(top.a) ? pair : top));
        assert.ok(most.b / most.a > 0);
        for (const { a, b } of pairs) assert.ok(Math.abs(b - (a * most.b) / most.a) <= 1e-9 * Math.abs(most.b));
      }),
    );
  });

  test("rloo is dr-grpo times n / (n - 1), so the same for large groups", () => {
    const rewards = Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const [rloo, plain] = (["rloo", "dr-grpo"] as const).map((kind) => trained(groupAdvantages([rewards], kind)[0]));
    assertClose(
      rloo!.map((a) => (a! * 99) / 100),
      plain!,
    );
  });

  test("max-rl on successes and failures is grpo with the variance p (1 - p) in place of its root, times 1 - p", () => {
    // (R - p) / p = (1 - p) (R - p) / (p (1 - p))
    const rewards = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    const p = 0.2;
    const maxRl = trained(groupAdvantages([rewards], "max-rl")[0]);
    assertClose(
      maxRl,
      rewards.map((r) => ((1 - p) * (r - p)) / (p * (1 - p))),
    );
  });

  test("an unscorable member never has an advantage", () => {
    fc.assert(
      fc.property(group, normalisation, (rewards, by) => {
        const [credit] = groupAdvantages([rewards], by);
        fc.pre(credit!.kind === "trained");
        assert.deepEqual(
          trained(credit).map((a) => a === undefined),
          rewards.map((r) => r === undefined),
        );
      }),
    );
  });
});
