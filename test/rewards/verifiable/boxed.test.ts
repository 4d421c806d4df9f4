import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { lastBox } from "../../../src/rewards/verifiable/boxed.ts";

describe("lastBox", () => {
  test("gives the content of the last box, nested braces included", () => {
    assert.deepEqual(lastBox("\\boxed{1} then \\boxed {\\frac{3}{4}} done"), { kind: "closed", content: "\\frac{3}{4}" });
    assert.deepEqual(lastBox("\\fbox{2}"), { kind: "closed", content: "2" });
    assert.deepEqual(lastBox("\\boxed{\\boxed{7}}"), { kind: "closed", content: "7" });
    assert.deepEqual(lastBox("\\boxed{}"), { kind: "closed", content: "" });
  });

  test("does not count escaped braces", () => {
    assert.deepEqual(lastBox("\\boxed{\\{1, 2\\}} x"), { kind: "closed", content: "\\{1, 2\\}" });
    assert.deepEqual(lastBox("\\boxed{\\}} x"), { kind: "closed", content: "\\}" });
  });

  test("tells a box that never closes from no box", () => {
    assert.deepEqual(lastBox("\\boxed{1} \\boxed{2"), { kind: "unclosed" });
    assert.deepEqual(lastBox("\\boxed{2\\}"), { kind: "unclosed" });
    assert.deepEqual(lastBox("boxed{1} \\boxed 2"), { kind: "none" });
  });
});
