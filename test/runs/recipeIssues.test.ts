import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { z } from "zod";

import { ruleText } from "../../src/base/parse.ts";
import { issueMessages } from "../../src/runs/recipeIssues.ts";
import { schemaTree } from "../../src/runs/schemaKeys.ts";

describe("issueMessages", () => {
  test("speaks of the closest member of a union without a discriminator", () => {
    const schema = z.strictObject({ at: z.union([z.string(), z.strictObject({ x: z.number() })]) });
    const input = { at: { x: "left" } };
    const { issues } = schema.safeParse(input, { error: ruleText }).error!;
    assert.deepEqual(issueMessages(issues, { file: "f.ts", tree: schemaTree(schema), input }), ['f.ts: at.x must be a number, got "left"']);
  });

  test("shortens long values and names what JSON cannot show", () => {
    const schema = z.strictObject({ a: z.number(), b: z.number(), c: z.array(z.number()).min(2), d: z.int(), e: z.string().min(2) });
    const input = { a: "x".repeat(100), b: Number.NaN, c: [1], d: 1.5, e: "y" };
    const { issues } = schema.safeParse(input, { error: ruleText }).error!;
    assert.deepEqual(issueMessages(issues, { file: "f.ts", tree: schemaTree(schema), input }), [
      `f.ts: a must be a number, got "${"x".repeat(56)}...`,
      "f.ts: b must be a number, got NaN",
      "f.ts: c must have at least 2 entries, got [1]",
      "f.ts: d must be an integer, got 1.5",
      'f.ts: e must have at least 2 characters, got "y"',
    ]);
  });
});
