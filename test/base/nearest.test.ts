import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { editDistance, nearest } from "../../src/base/nearest.ts";

describe("editDistance", () => {
  test("counts insertions, deletions, substitutions and swaps", () => {
    assert.equal(editDistance("steps", "steps"), 0);
    assert.equal(editDistance("stpes", "steps"), 1); // a swap of neighbours
    assert.equal(editDistance("step", "steps"), 1);
    assert.equal(editDistance("stepss", "steps"), 1);
    assert.equal(editDistance("stops", "steps"), 1);
    assert.equal(editDistance("kitten", "sitting"), 3); // Wagner and Fischer's example
    assert.equal(editDistance("", "abc"), 3);
  });
});

describe("nearest", () => {
  test("takes the closest word, whatever the case, and none that is far", () => {
    assert.equal(nearest("Stpes", ["seed", "steps", "stops"]), "steps");
    assert.equal(nearest("smoothing", ["seed", "steps"]), undefined);
    assert.equal(nearest("x", []), undefined);
  });
});
