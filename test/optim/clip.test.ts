import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { clipScale, gradientNorm } from "../../src/optim/clip.ts";

describe("gradientNorm", () => {
  test("is the Euclidean length, for every remainder of the unrolled loop", () => {
    // 1 + 4 + 9 + ... of the first n integers
    const expected = [0, 1, Math.sqrt(5), Math.sqrt(14), Math.sqrt(30), Math.sqrt(55), Math.sqrt(91), Math.sqrt(140), Math.sqrt(204)];
    expected.forEach((norm, length) => {
      assert.equal(gradientNorm(Float32Array.from({ length }, (_, i) => i + 1)), norm);
    });
  });

  test("is finite for the largest float32 numbers", () => {
    const largest = 3.4028234663852886e38;
    assert.equal(gradientNorm(new Float32Array(4).fill(largest)), 2 * largest);
  });

  test("is not finite when any element is not", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const position of [0, 3, 6]) {
        const gradient = new Float32Array(7);
        gradient[position] = bad;
        assert.equal(Number.isFinite(gradientNorm(gradient)), false);
      }
    }
  });
});

describe("clipScale", () => {
  test("leaves a gradient within the bound alone", () => {
    assert.equal(clipScale(0, 1), 1);
    assert.equal(clipScale(1, 1), 1);
  });

  test("scales a longer one down to the bound", () => {
    assert.equal(clipScale(4, 1), 0.25);
    assert.equal(clipScale(10, 5), 0.5);
  });
});
