import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { rngFor } from "../../src/base/rng.ts";
import { type DrawSettings, drawToken } from "../../src/policy/draw.ts";

const row = (...probabilities: readonly number[]): Float32Array => Float32Array.from(probabilities, (p) => Math.log(p));
const whole: DrawSettings = { temperature: 1 };

/** Rows of 2 to 9 probabilities, some of them 0 and some equal. */
const rows = fc
  .array(fc.constantFrom(...[0, 1, 2, 3, 5, 50]), { minLength: 2, maxLength: 9 })
  .filter((weights) => weights.some((weight) => weight > 0))
  .map((weights) => row(...weights.map((weight) => weight / weights.reduce((a, b) => a + b, 0))));
const seeds = fc.nat();

/** What truncation keeps, by trying every number of most likely tokens. */
function keptTokens(logProbs: Float32Array, { topK = logProbs.length, topP = 1 }: Partial<DrawSettings>): readonly number[] {
  const byLikelihood = [...logProbs.keys()].sort((a, b) => logProbs[b]! - logProbs[a]! || a - b);
  const mass = (count: number): number => byLikelihood.slice(0, count).reduce((total, token) => total + Math.exp(logProbs[token]!), 0);
  const counts = [...logProbs.keys()].map((i) => i + 1);
  const enough = topP === 1 ? logProbs.length : (counts.find((count) => mass(count) >= topP) ?? logProbs.length);
  return byLikelihood.slice(0, Math.min(topK, enough));
}

/** Pearson's statistic of `count` draws against the probabilities of the tokens. */
function chiSquare(logProbs: Float32Array, { settings, count }: { settings: DrawSettings; count: number }): number {
  const rng = rngFor("chi-square");
  const seen = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const { token } = drawToken(logProbs, settings, rng);
    seen.set(token, (seen.get(token) ?? 0) + 1);
  }
  const kept = keptTokens(logProbs, settings);
  assert.deepEqual([...seen.keys()].sort(), [...kept].sort());
  const total = kept.reduce((sum, token) => sum + Math.exp(logProbs[token]!), 0);
  return kept.reduce((sum, token) => {
    const expected = (count * Math.exp(logProbs[token]!)) / total;
    return sum + ((seen.get(token) ?? 0) - expected) ** 2 / expected;
  }, 0);
}

describe("drawToken", () => {
  test("takes the most likely token at temperature 0, of equal ones that with the smaller id", () => {
    assert.equal(drawToken(row(0.1, 0.2, 0.6, 0.1), { temperature: 0 }, rngFor(0)).token, 2);
    assert.equal(drawToken(row(0.1, 0.4, 0.1, 0.4), { temperature: 0 }, rngFor(0)).token, 1);
    const logProbs = row(0.1, 0.4, 0.1, 0.4);
    assert.equal(drawToken(logProbs, { temperature: 0, topK: 2, topP: 0.1 }, rngFor(0)).logProb, logProbs[1]);
  });

  test("follows the probabilities", () => {
    // Pearson's statistic exceeds 27.9 for 9 degrees of freedom, and 18.5 for 4, once in a thousand seeds.
    const logProbs = row(0.3, 0.02, 0.08, 0.2, 0.05, 0.1, 0.01, 0.14, 0.06, 0.04);
    const count = 20_000;
    assert.ok(chiSquare(logProbs, { settings: whole, count }) < 27.9);
    for (const truncation of [{ topK: 5 }, { topP: 0.8 }, { topK: 5, topP: 0.95 }]) {
      assert.ok(chiSquare(logProbs, { settings: { ...whole, ...truncation }, count }) < 18.5, JSON.stringify(truncation));
    }
  });

  test("is the inverse of the running sum at one uniform number", () => {
    fc.assert(
      fc.property(rows, seeds, (logProbs, seed) => {
        const rng = rngFor(seed);
        const { token, logProb } = drawToken(logProbs, whole, rng);
        const twin = rngFor(seed);
        const u = twin.uniform();
        assert.equal(rng.uint32(), twin.uint32(), "one uniform number was used");
        const below = logProbs.slice(0, token).reduce((sum, value) => sum + Math.exp(value), 0);
        const own = Math.exp(logProbs[token]!);
        assert.ok(own > 0 && below <= u + 1e-6 && u <= below + own + 1e-6, `token ${token}, u ${u}`);
        assert.ok(Object.is(logProb, logProbs[token]), "the reported number is the row's own");
      }),
    );
  });

  test("keeps no more tokens than topK and than it takes to reach topP, and reports probabilities among them", () => {
    const truncations = fc.record({
      topK: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
      topP: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    });
    fc.assert(
      fc.property(rows, seeds, truncations, (logProbs, seed, truncation) => {
        const rng = rngFor(seed);
        const { token, logProb } = drawToken(logProbs, { ...whole, ...truncation }, rng);
        const kept = keptTokens(logProbs, { topP: truncation.topP, ...(truncation.topK === undefined ? {} : { topK: truncation.topK }) });
        assert.ok(kept.includes(token), `token ${token} of ${kept}`);
        const mass = kept.reduce((sum, candidate) => sum + Math.exp(logProbs[candidate]!), 0);
        assert.ok(Math.abs(Math.exp(logProb) - Math.exp(logProbs[token]!) / mass) < 1e-6);
        const twin = rngFor(seed);
        twin.uniform();
        assert.equal(rng.uint32(), twin.uint32(), "one uniform number was used");
      }),
    );
  });

  test("keeps every token that can be drawn when topP is 1", () => {
    // Seven sevenths are 1.00000005 in float32 logarithms; what comes after them must not be lost for it.
    const logProbs = row(...new Array<number>(7).fill(1 / 7), 1e-9);
    assert.ok(logProbs.slice(0, 7).reduce((sum, value) => sum + Math.exp(value), 0) >= 1);
    for (const settings of [{ topP: 1 }, { topK: 8 }]) {
      const { token, logProb } = drawToken(logProbs, { ...whole, ...settings }, { ...rngFor(0), uniform: () => 1 - 2 ** -53 });
      assert.deepEqual([token, Math.round(logProb)], [7, Math.round(Math.log(1e-9))]);
    }
  });

  test("never takes a token of probability 0, however large the uniform number", () => {
    for (const settings of [whole, { ...whole, topK: 3 }, { ...whole, topP: 1 }]) {
      assert.equal(drawToken(row(0.5, 0.5, 0), settings, { ...rngFor(0), uniform: () => 1 - 2 ** -53 }).token, 1);
    }
  });
});
