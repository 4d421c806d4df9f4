import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { learningRateAt, type Schedule } from "../../src/optim/schedule.ts";

const constant: Schedule = { learningRate: 8, warmupSteps: 4, steps: 13, decay: { kind: "constant" } };
const linear: Schedule = { ...constant, decay: { kind: "linear", floor: 0.25 } };
const cosine: Schedule = { ...constant, decay: { kind: "cosine", floor: 0.25 } };
const rates = (schedule: Schedule, steps: readonly number[]) => steps.map((step) => learningRateAt(step, schedule));

describe("learningRateAt", () => {
  test("warms up in equal steps, the first above zero and the last at the peak", () => {
    for (const schedule of [constant, linear, cosine]) assert.deepEqual(rates(schedule, [0, 1, 2, 3, 4]), [2, 4, 6, 8, 8]);
  });

  test("stays at the peak when constant", () => {
    assert.deepEqual(rates(constant, [4, 8, 12, 100]), [8, 8, 8, 8]);
  });

  test("falls in a straight line to the floor at the last step", () => {
    // steps 4 to 12: from 8 to 2 in eight equal steps
    assert.deepEqual(rates(linear, [4, 8, 12]), [8, 5, 2]);
    assert.equal(learningRateAt(5, linear), 7.25);
  });

  test("falls along half a cosine to the floor at the last step", () => {
    assert.deepEqual(
      rates(cosine, [4, 8, 12]).map((rate) => Math.round(rate * 1e9) / 1e9),
      [8, 5, 2],
    );
    // a quarter of the way: 2 + 6 (1 + cos(pi/4)) / 2
    assert.ok(Math.abs(learningRateAt(6, cosine) - (5 + 3 * Math.SQRT1_2)) < 1e-12);
  });

  test("never goes below the floor after the last step", () => {
    assert.deepEqual(rates(linear, [13, 50]), [2, 2]);
  });

  test("starts at the peak without warm-up", () => {
    assert.equal(learningRateAt(0, { ...linear, warmupSteps: 0 }), 8);
  });

  test("is defined when warm-up takes all steps but one", () => {
    assert.deepEqual(rates({ ...linear, steps: 5 }, [3, 4]), [8, 8]);
    assert.equal(learningRateAt(0, { ...linear, warmupSteps: 0, steps: 1 }), 8);
  });
});
