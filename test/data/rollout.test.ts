import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { closedInTime, type Rollout } from "../../src/data/rollout.ts";

const closes = (tokens: number, closedBy: Rollout["thinking"]["closedBy"], finish: Rollout["finish"] = "stop"): boolean =>
  closedInTime({ thinking: { tokens, closedBy, budget: 16 }, finish });

describe("closedInTime", () => {
  test("holds for a close of the policy's own, whatever became of the answer, and not for a forced one", () => {
    assert.deepEqual([closes(9, "policy"), closes(0, "policy"), closes(9, "policy", "length")], [true, true, true]);
    assert.deepEqual([closes(16, "budget"), closes(0, "budget")], [false, false]);
  });

  test("holds for an answer without thinking that came to its end", () => {
    assert.deepEqual([closes(0, "none"), closes(0, "none", "length")], [true, false]);
  });

  test("does not hold for thinking without an end", () => {
    assert.deepEqual([closes(9, "none"), closes(9, "none", "length")], [false, false]);
  });
});
