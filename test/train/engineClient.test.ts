import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { memoryText } from "../../src/train/engineClient.ts";

describe("memoryText", () => {
  test("says what takes less memory where there is too little, whoever says so", () => {
    for (const message of [
      "Array buffer allocation failed",
      "Worker terminated due to reaching memory limit: JS heap out of memory",
      "std::bad_alloc",
    ])
      assert.match(memoryText(message)!, /^the engine: needs more memory than there is, got .*; lower engine\.maxSequences, /);
  });

  test("leaves other failures as they are", () => {
    assert.equal(memoryText("Non-zero status code returned while running MatMul node"), undefined);
  });
});
