import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { type AdamWSettings, adamW } from "../../src/optim/adamw.ts";

const settings: AdamWSettings = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };
const whole = (length: number, decays: boolean) => [{ from: 0, to: length, decays }];
const close = (got: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(got - expected) <= tolerance, `got ${got}, expected ${expected}`);

/** Algorithm 2 of arXiv:1711.05101, word for word and in float64. */
function referenceSteps(theta: number[], gradients: number[][], s: AdamWSettings): number[] {
  const m = theta.map(() => 0);
  const v = theta.map(() => 0);
  const result = [...theta];
  gradients.forEach((gradient, index) => {
    const t = index + 1;
    gradient.forEach((g, i) => {
      m[i] = s.beta1 * m[i]! + (1 - s.beta1) * g;
      v[i] = s.beta2 * v[i]! + (1 - s.beta2) * g * g;
      const mHat = m[i]! / (1 - s.beta1 ** t);
      const vHat = v[i]! / (1 - s.beta2 ** t);
      result[i]! -= s.learningRate * (mHat / (Math.sqrt(vHat) + s.epsilon) + s.weightDecay * result[i]!);
    });
  });
  return result;
}

describe("adamW", () => {
  test("moves two hand-worked steps", () => {
    // g = 2:  m = 0.2, v = 0.04; corrected 2 and 4; step 0.1 * 2/2 = 0.1, so 1 becomes 0.9.
    // g = -1: m = 0.18 - 0.1 = 0.08, v = 0.0396 + 0.01 = 0.0496; corrected 0.08/0.19 and 0.0496/0.0199;
    //         step 0.1 * 0.4210526 / 1.5787508 = 0.0266700, so 0.9 becomes 0.8733300.
    const parameters = Float32Array.of(1);
    let state = adamW.init(1);
    state = adamW.update(state, { parameters, gradient: Float32Array.of(2), gradientScale: 1, ranges: whole(1, false), settings });
    close(parameters[0]!, 0.9, 1e-7);
    state = adamW.update(state, { parameters, gradient: Float32Array.of(-1), gradientScale: 1, ranges: whole(1, false), settings });
    close(parameters[0]!, 0.87333, 1e-6);
    assert.equal(state.numUpdates, 2);
  });

  test("only shrinks the parameters where the gradient is zero, and only where decay applies", () => {
    const parameters = Float32Array.of(2, 2, 2);
    const ranges = [
      { from: 0, to: 1, decays: true },
      { from: 1, to: 3, decays: false },
    ];
    const decaying = { ...settings, weightDecay: 0.5 };
    adamW.update(adamW.init(3), { parameters, gradient: new Float32Array(3), gradientScale: 1, ranges, settings: decaying });
    close(parameters[0]!, 2 * (1 - 0.1 * 0.5), 1e-6);
    assert.deepEqual([...parameters.subarray(1)], [2, 2]);
  });

  test("takes a first step as long as the learning rate, whatever the size of the gradient", () => {
    for (const size of [1e-3, 1, 1e3]) {
      const parameters = Float32Array.of(0, 0);
      const gradient = Float32Array.of(size, -size);
      adamW.update(adamW.init(2), { parameters, gradient, gradientScale: 1, ranges: whole(2, true), settings });
      close(parameters[0]!, -0.1, 1e-5);
      close(parameters[1]!, 0.1, 1e-5);
    }
  });

  test("agrees with a float64 implementation over many steps", () => {
    const rng = rngFor("adamw test");
    const numSteps = 50;
    const start = Array.from({ length: 17 }, () => Math.fround(rng.normal()));
    const gradients = Array.from({ length: numSteps }, () => start.map(() => Math.fround(rng.normal())));
    const every = { ...settings, learningRate: 0.01, weightDecay: 0.1, epsilon: 1e-3 };
    const parameters = Float32Array.from(start);
    let state = adamW.init(start.length);
    for (const gradient of gradients) {
      state = adamW.update(state, {
        parameters,
        gradient: Float32Array.from(gradient),
        gradientScale: 1,
        ranges: whole(17, true),
        settings: every,
      });
    }
    const expected = referenceSteps(start, gradients, every);
    expected.forEach((value, i) => {
      close(parameters[i]!, value, 2e-6 * Math.max(1, Math.abs(value)));
    });
  });

  test("reads a scaled gradient as one that was multiplied before", () => {
    const gradient = Float32Array.of(0.5, -4, 8);
    const scaled = Float32Array.of(1, 1, 1);
    const multiplied = Float32Array.of(1, 1, 1);
    const loose = { ...settings, epsilon: 0.1 }; // with a tiny epsilon the first step hides the scale
    adamW.update(adamW.init(3), { parameters: scaled, gradient, gradientScale: 0.25, ranges: whole(3, false), settings: loose });
    const quarter = gradient.map((g) => g * 0.25);
    adamW.update(adamW.init(3), { parameters: multiplied, gradient: quarter, gradientScale: 1, ranges: whole(3, false), settings: loose });
    assert.deepEqual(scaled, multiplied);
  });

  test("gives the same bits however the vector is cut into ranges", () => {
    const rng = rngFor("adamw ranges");
    const start = Float32Array.from({ length: 32 }, () => rng.normal());
    const gradient = Float32Array.from({ length: 32 }, () => rng.normal());
    const cuts = [whole(32, true), [0, 5, 19].map((from, i) => ({ from, to: [5, 19, 32][i]!, decays: true }))];
    const [one, three] = cuts.map((ranges) => {
      const parameters = start.slice();
      adamW.update(adamW.init(32), { parameters, gradient, gradientScale: 1, ranges, settings: { ...settings, weightDecay: 0.1 } });
      return parameters;
    });
    assert.deepEqual(one, three);
  });

  test("refuses ranges with a gap, an overlap or an end that is missing", () => {
    const update = (ranges: { from: number; to: number; decays: boolean }[]) => () =>
      adamW.update(adamW.init(4), { parameters: new Float32Array(4), gradient: new Float32Array(4), gradientScale: 1, ranges, settings });
    const range = (from: number, to: number) => ({ from, to, decays: true });
    assert.throws(update([range(0, 2), range(3, 4)]), /got 3\.\.4 after 2/);
    assert.throws(update([range(0, 3), range(2, 4)]), /got 2\.\.4 after 3/);
    assert.throws(update([range(0, 3)]), /got 3 of 4/);
  });
});
