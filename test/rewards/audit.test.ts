import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { sameScore } from "../../src/rewards/audit.ts";
import { scored, unscorable } from "../support/rollouts.ts";

describe("sameScore", () => {
  test("compares scores, not words", () => {
    assert.equal(sameScore(scored(0.5), { kind: "scored", score: 0.5, evidence: "in other words" }), true);
    assert.equal(sameScore(scored(0.5), scored(0.25)), false);
    assert.equal(sameScore(scored(1), scored(0)), false);
  });

  test("takes what could not be told for nothing else", () => {
    assert.equal(sameScore(unscorable("timeout"), unscorable("crash")), true);
    assert.equal(sameScore(unscorable("timeout"), scored(0)), false);
    assert.equal(sameScore(scored(0), unscorable("timeout")), false);
  });
});
