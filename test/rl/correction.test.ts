import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { CorrectionConfig } from "../../src/rl/algorithmConfig.ts";
import { correctOffPolicy, type OffPolicySequence } from "../../src/rl/correction.ts";
import { byLogits, slopes, softmax } from "./softmax.ts";

type Asked = Exclude<CorrectionConfig, { kind: "none" }>;

/** A sequence by its tokens' weights. */
const sequence = (...ratios: readonly number[]): OffPolicySequence => ({
  oldLogProb: Float32Array.from(ratios, () => 0),
  sampledLogProb: Float32Array.from(ratios, (w) => -Math.log(w)),
});

function factorsOf(config: Asked, ...sequences: readonly OffPolicySequence[]): number[][] {
  return correctOffPolicy(sequences, config).factors.map((factors) => [...factors]);
}

function close(got: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  assert.deepEqual(
    got.map((factors) => factors.map((factor) => Number(factor.toPrecision(5)))),
    expected,
  );
}

const one = sequence(4, 0.5, 0.25);
const two = sequence(1.25, 1, 1.28);

describe("correctOffPolicy", () => {
  test("cuts token weights off", () => {
    close(factorsOf({ kind: "truncated", level: "token", max: 2 }, one, two), [
      [2, 0.5, 0.25],
      [1.25, 1, 1.28],
    ]);
  });

  test("cuts the product over a sequence off", () => {
    // 4 * 0.5 * 0.25 = 0.5; 1.25 * 1.28 = 1.6
    close(factorsOf({ kind: "truncated", level: "sequence", max: 1.5 }, one, two), [
      [0.5, 0.5, 0.5],
      [1.5, 1.5, 1.5],
    ]);
  });

  test("masks tokens outside a band", () => {
    close(factorsOf({ kind: "masked", level: "token", min: 0.4, max: 1.27 }, one, two), [
      [0, 0.5, 0],
      [1.25, 1, 0],
    ]);
  });

  test("masks sequences whose product is outside a band", () => {
    close(factorsOf({ kind: "masked", level: "sequence", min: 0.4, max: 1.5 }, one, two), [
      [0.5, 0.5, 0.5],
      [0, 0, 0],
    ]);
  });

  test("masks sequences whose geometric mean is outside a band, and leaves the others their own weights", () => {
    // 0.5^(1/3) = 0.794, 1.6^(1/3) = 1.17
    close(factorsOf({ kind: "masked", level: "geometric", min: 0.9, max: 1.2 }, one, two), [
      [0, 0, 0],
      [1.25, 1, 1.28],
    ]);
  });

  test("vetoes a sequence with one token that is far out, whatever its others are", () => {
    const veto = { min: 0.3, max: 3.9 };
    for (const far of [sequence(4, 0.5), sequence(1, 0.25)]) {
      close(factorsOf({ kind: "truncated", level: "token", max: 2, veto }, far, two), [
        [0, 0],
        [1.25, 1, 1.28],
      ]);
    }
  });

  test("says what it did", () => {
    const { metrics } = correctOffPolicy([one, two, sequence(200)], {
      kind: "truncated",
      level: "token",
      max: 2,
      veto: { min: 1e-4, max: 100 },
    });
    const rounded = Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number(value.toPrecision(5))]));
    // w: 4 0.5 0.25 | 1.25 1 1.28 | 200, sum 208.28; squares 16 0.25 0.0625 1.5625 1 1.6384 40000, sum 40020.5134
    // max(w, 1 / w): 4 2 4 | 1.25 1 1.28 | 200, sum 213.53; product of all w: 160
    // factors: 2 0.5 0.25 | 1.25 1 1.28 | 0, sum 6.28
    assert.deepEqual(rounded, {
      "correction/ratio": Number((208.28 / 7).toPrecision(5)),
      "correction/factor": Number((213.53 / 7).toPrecision(5)),
      "correction/kl": Number(((208.28 - 7 - Math.log(160)) / 7).toPrecision(5)),
      "correction/weight": Number((6.28 / 7).toPrecision(5)),
      "correction/ess": Number((208.28 ** 2 / (7 * 40_020.5134)).toPrecision(5)),
      "correction/masked": Number((1 / 7).toPrecision(5)),
      "correction/truncated": Number((1 / 7).toPrecision(5)),
      "correction/vetoed": Number((1 / 3).toPrecision(5)),
    });
  });

  test("does not overflow where the policies have nothing in common", () => {
    const far = { oldLogProb: new Float32Array(50).fill(0), sampledLogProb: new Float32Array(50).fill(-800) };
    for (const level of ["token", "sequence"] as const) {
      assert.ok(factorsOf({ kind: "masked", level, min: 0, max: Number.MAX_VALUE }, far).flat().every(Number.isFinite));
    }
  });
});

describe("the expected gradient under mu with the factors of correctOffPolicy", () => {
  // Responses of tokens 0 and 1. Logits come in rows: the first is of a response's first token, the others of one after 0 and after 1.
  const logits = [0.3, -0.8, 1.1, 0.2, -0.4, 0.9];
  const mu = [-0.5, 0.4, -0.2, 0.7, 0.8, -0.1];
  const rowOf = (response: readonly number[], t: number): number => (t === 0 ? 0 : 2 * (1 + response[t - 1]!));
  const probabilities = (z: readonly number[], response: readonly number[]): number[] =>
    response.map((y, t) => softmax(z.slice(rowOf(response, t), rowOf(response, t) + 2))[y]!);
  const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);
  const rewards = [1, -0.5, 0.2, 0.6];

  /** Of sum_t w_t R log pi(y_t), over every response, weighed by how often mu samples it. */
  function correctedGradient(config: Asked, responses: readonly (readonly number[])[]): number[] {
    const logProb = (z: readonly number[], response: readonly number[]) => Float32Array.from(probabilities(z, response), Math.log);
    const sequences = responses.map((each) => ({ oldLogProb: logProb(logits, each), sampledLogProb: logProb(mu, each) }));
    const dLogProb = logits.map(() => 0);
    for (const [i, factors] of factorsOf(config, ...sequences).entries()) {
      const chance = product(probabilities(mu, responses[i]!));
      for (const [t, y] of responses[i]!.entries()) dLogProb[rowOf(responses[i]!, t) + y]! += chance * factors[t]! * rewards[i]!;
    }
    return [0, 2, 4].flatMap((row) => byLogits(dLogProb.slice(row, row + 2), logits.slice(row, row + 2)));
  }

  /** Up to the rounding of float32. */
  function assertGradient(got: readonly number[], of: (z: readonly number[]) => number): void {
    const expected = slopes(of, logits);
    for (const [j, slope] of got.entries()) assert.ok(Math.abs(slope - expected[j]!) < 1e-6, `got ${got}, expected ${expected}`);
  }

  const unbounded = { min: 0, max: 1e9, veto: { min: 0, max: 1e9 } };
  const byToken: Asked[] = [
    { kind: "truncated", level: "token", max: 1e9 },
    { kind: "masked", level: "token", ...unbounded },
    { kind: "masked", level: "geometric", ...unbounded },
  ];
  const bySequence: Asked[] = [
    { kind: "truncated", level: "sequence", max: 1e9 },
    { kind: "masked", level: "sequence", ...unbounded },
  ];
  const pairs = [0, 1, 2, 3].map((i) => [i >> 1, i & 1]);

  test("is that of the mean reward under the policy, with the weight of the sequence", () => {
    const mean = (z: readonly number[]): number => pairs.reduce((sum, pair, i) => sum + product(probabilities(z, pair)) * rewards[i]!, 0);
    for (const config of bySequence) assertGradient(correctedGradient(config, pairs), mean);
  });

  test("is that of the policy choosing one token and mu the others, with a weight for each token", () => {
    const mean = (z: readonly number[]): number =>
      pairs.reduce((sum, pair, i) => {
        const [own, others] = [probabilities(z, pair), probabilities(mu, pair)];
        return sum + (own[0]! * others[1]! + others[0]! * own[1]!) * rewards[i]!;
      }, 0);
    for (const config of byToken) assertGradient(correctedGradient(config, pairs), mean);
  });

  test("is the same for responses of one token", () => {
    const mean = (z: readonly number[]): number => [0, 1].reduce((sum, y) => sum + probabilities(z, [y])[0]! * rewards[y]!, 0);
    for (const config of [...byToken, ...bySequence]) assertGradient(correctedGradient(config, [[0], [1]]), mean);
  });
});

describe("laws of correctOffPolicy", () => {
  const veto = fc.option(fc.constant({ min: 1e-4, max: 100 }), { nil: undefined });
  const configs: fc.Arbitrary<Asked> = fc
    .tuple(
      fc.oneof(
        fc.record({
          kind: fc.constant("truncated" as const),
          level: fc.constantFrom("token" as const, "sequence" as const),
          max: fc.double({ min: 1, max: 9, noNaN: true }),
        }),
        fc.record({
          kind: fc.constant("masked" as const),
          level: fc.constantFrom("token" as const, "sequence" as const, "geometric" as const),
          min: fc.double({ min: 0, max: 1, noNaN: true }),
          max: fc.double({ min: 1, max: 9, noNaN: true }),
        }),
      ),
      veto,
    )
    .map(([config, bounds]) => (bounds === undefined ? config : { ...config, veto: bounds }));
  const logProbs = fc.array(fc.float({ min: -9, max: 0, noNaN: true }), { minLength: 1, maxLength: 9 });

  test("all weights are 1 where the policy itself sampled, and nothing was cut off", () => {
    fc.assert(
      fc.property(fc.array(logProbs, { minLength: 1, maxLength: 4 }), configs, (batch, config) => {
        const own = batch.map((each) => ({ oldLogProb: Float32Array.from(each), sampledLogProb: Float32Array.from(each) }));
        const { factors, metrics } = correctOffPolicy(own, config);
        assert.ok(factors.every((each) => each.every((factor) => factor === 1)));
        const { "correction/masked": masked, "correction/truncated": truncated, "correction/vetoed": vetoed } = metrics;
        assert.deepEqual([masked, truncated, vetoed, metrics["correction/ess"]], [0, 0, 0, 1]);
      }),
    );
  });

  test("bounds that nothing reaches leave the plain weights, which average to 1 over what the old policy sampled", () => {
    // mu = (0.5, 0.25, 0.25), pi = (0.2, 0.5, 0.3): sum mu w = sum pi = 1
    const [mu, pi] = [
      [0.5, 0.25, 0.25],
      [0.2, 0.5, 0.3],
    ] as const;
    const each = mu.map((own, y) => ({ oldLogProb: Float32Array.of(Math.log(pi[y]!)), sampledLogProb: Float32Array.of(Math.log(own)) }));
    for (const config of [
      { kind: "truncated", level: "token", max: 1e9 },
      { kind: "masked", level: "geometric", min: 0, max: 1e9 },
    ] as const) {
      const weights = factorsOf(config, ...each).flat();
      const total = weights.reduce((sum, w, y) => sum + mu[y]! * w, 0);
      assert.ok(Math.abs(total - 1) < 1e-6);
    }
  });

  test("a sequence of one token is treated the same at every level", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 20, noNaN: true }), (w) => {
        const [token, product, geometric] = (["token", "sequence", "geometric"] as const).map((level) =>
          factorsOf({ kind: "masked", level, min: 0.5, max: 5 }, sequence(w))
            .flat()
            .map((factor) => Number(factor.toPrecision(6))),
        );
        assert.deepEqual(product, token);
        assert.deepEqual(geometric, token);
      }),
    );
  });
});

describe("CorrectionConfig", () => {
  test("refuses a band without 1, and keys of another kind", () => {
    const issues = (value: object): string =>
      CorrectionConfig.safeParse(value)
        .error!.issues.map(({ message }) => message)
        .join();
    assert.match(issues({ kind: "masked", level: "token", min: 1.1, max: 5 }), /must leave 1 inside the band/);
    assert.match(issues({ kind: "truncated", level: "token", max: 0.5 }), /must be at least 1/);
    assert.match(issues({ kind: "truncated", min: 0.5 }), /min/);
    assert.match(issues({ kind: "truncated", level: "geometric" }), /token/);
  });
});
