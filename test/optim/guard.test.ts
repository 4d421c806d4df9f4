import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { StabilityConfig } from "../../src/optim/config.ts";
import { type GuardState, guardUpdate, initialGuard, sendBack, slowedDown } from "../../src/optim/guard.ts";

const settings: StabilityConfig = { maxGradNormRatio: 5, historySteps: 6, maxSkippedInARow: 3, rollbackRateFactor: 0.5, maxRollbacks: 2 };
const observe = (state: GuardState, gradNorm: number, loss = 0) => guardUpdate(state, { loss, gradNorm, settings });
const after = (gradNorms: readonly number[], from = initialGuard): GuardState =>
  gradNorms.reduce((state, gradNorm) => observe(state, gradNorm).state, from);

describe("guardUpdate", () => {
  test("applies ordinary updates and remembers the last few norms", () => {
    assert.deepEqual(after([1, 2, 3, 1, 2, 3, 4]).gradNorms, [2, 3, 1, 2, 3, 4]);
  });

  test("skips a norm above the ratio to the median, and takes one at it", () => {
    const state = after([1, 2, 3]); // median 2, bound 10
    assert.equal(observe(state, 10).action, "apply");
    assert.equal(observe(state, 10.001).action, "skip");
  });

  test("takes the middle of two as the median of an even number", () => {
    const state = after([1, 2, 4, 9]); // median 3, bound 15
    assert.equal(observe(state, 15).action, "apply");
    assert.equal(observe(state, 15.1).action, "skip");
  });

  test("looks for spikes only once half the history is there", () => {
    assert.equal(observe(after([1, 1]), 1000).action, "apply");
    assert.equal(observe(after([1, 1, 1]), 1000).action, "skip");
  });

  test("skips NaN and infinity from the first update on, in the loss or in the gradient", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.equal(observe(initialGuard, bad).action, "skip");
      assert.equal(observe(initialGuard, 1, bad).action, "skip");
    }
  });

  test("does not let a skipped update into the history", () => {
    const state = after([1, 2, 3]);
    assert.deepEqual(observe(state, 1000).state, { ...state, skippedInARow: 1 });
  });

  test("forgives a skip once an update is applied", () => {
    const state = after([1, 1, 1, 1000, 1000, 1, 1000, 1000]);
    assert.equal(state.skippedInARow, 2);
    assert.equal(state.rollbacks, 0);
  });

  test("goes back at the third in a row, at half the learning rate and with no history", () => {
    const decision = observe(after([1, 1, 1, 1000, 1000]), 1000);
    assert.equal(decision.action, "rollback");
    assert.deepEqual(decision.state, { gradNorms: [], skippedInARow: 0, rollbacks: 1, learningRateScale: 0.5 });
  });

  test("gives up when it would have to go back once too often", () => {
    const nan = Number.NaN;
    const state = after([nan, nan, nan, nan, nan, nan, nan, nan]);
    assert.equal(state.rollbacks, 2);
    assert.equal(state.learningRateScale, 0.25);
    assert.equal(observe(state, nan).action, "abort");
  });

  test("says what was wrong", () => {
    const decision = observe(after([1, 2, 3]), 50);
    assert.ok(decision.action === "skip");
    assert.equal(decision.reason, "gradient norm 50.00 is more than 5 times 2.000, the median of the last 3 updates");
  });

  test("decides the same from a state that went through JSON", () => {
    const state = after([1, 2, 3, 1000]);
    const revived = JSON.parse(JSON.stringify(state)) as GuardState;
    assert.deepEqual(observe(revived, 7), observe(state, 7));
  });
});

describe("sendBack", () => {
  test("goes back at once, however few updates were skipped, but not once too often", () => {
    const back = sendBack(after([1, 2, 3]), { reason: "mismatch", settings });
    assert.deepEqual(back, {
      action: "rollback",
      state: { gradNorms: [], skippedInARow: 0, rollbacks: 1, learningRateScale: 0.5 },
      reason: "mismatch",
    });
    assert.equal(sendBack({ ...initialGuard, rollbacks: 2 }, { reason: "mismatch", settings }).action, "abort");
  });
});

describe("slowedDown", () => {
  test("lowers the learning rate and forgets nothing", () => {
    const state = after([1, 2, 3]);
    assert.deepEqual(slowedDown(slowedDown(state, 0.5), 0.5), { ...state, learningRateScale: 0.25 });
  });
});
