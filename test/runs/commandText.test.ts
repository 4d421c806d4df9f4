import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { withRuns } from "../../src/runs/commandText.ts";

describe("withRuns", () => {
  test("names the folder where it is not the usual one, as a shell reads it", () => {
    const named = ["runs", "disk/runs", "my runs", "it's"].map((folder) => withRuns("whetstone runs ls", folder));
    assert.deepEqual(named, [
      "whetstone runs ls",
      "whetstone runs ls --runs disk/runs",
      "whetstone runs ls --runs 'my runs'",
      "whetstone runs ls --runs 'it'\\''s'",
    ]);
  });
});
