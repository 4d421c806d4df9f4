import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { failureText } from "../../src/data/verdict.ts";

describe("failureText", () => {
  test("says the kind of failure and the reason, and the kind once where the reason begins with it", () => {
    assert.equal(failureText({ failure: "timeout", reason: "no verdict after 2000 ms" }), "timeout, no verdict after 2000 ms");
    assert.equal(failureText({ failure: "sandbox", reason: "sandbox: no bubblewrap" }), "sandbox: no bubblewrap");
    assert.equal(failureText({ failure: "sandbox", reason: "sandboxes are gone" }), "sandbox, sandboxes are gone");
    assert.equal(failureText({ failure: "crash", reason: "sandbox: closed" }), "crash, sandbox: closed");
  });
});
