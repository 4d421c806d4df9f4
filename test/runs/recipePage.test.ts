import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { Recipe } from "../../src/runs/recipe.ts";
import { recipePage } from "../../src/runs/recipePage.ts";
import { listKeys, schemaTree } from "../../src/runs/schemaKeys.ts";

describe("docs/recipe.md", () => {
  test("is what the schemas say; if not, run npx node scripts/recipe-docs.ts", () => {
    assert.equal(readFileSync(new URL("../../docs/recipe.md", import.meta.url), "utf8"), recipePage());
  });

  test("lists keys with type, default, unit and meaning", () => {
    const page = recipePage();
    assert.ok(page.includes("| `rl.steps` | integer, > 0 | required | steps | Batches of rollouts learned from. |"));
    assert.ok(page.includes("| `rl.advantages.groupSize` | integer, >= 2 | `8` | rollouts |"));
    assert.ok(
      page.includes('| `sft.decay.floor` | number, >= 0, <= 1 | `0.1` | share of the peak | With kind "cosine": Rate at the last step. |'),
    );
  });

  test("has a meaning for every key", () => {
    const without = listKeys(schemaTree(Recipe)).filter(({ node }) => node.description === undefined && node.oneOf === undefined);
    assert.deepEqual(
      without.map(({ path }) => path),
      [],
    );
  });
});
