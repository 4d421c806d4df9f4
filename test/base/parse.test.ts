import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { z } from "zod";

import { parseJsonWith, parseWith } from "../../src/base/parse.ts";

const Step = z.strictObject({
  name: z.string().min(2),
  count: z.int().min(1).lt(10),
  kinds: z.array(z.enum(["sft", "rl"])).min(1),
  off: z.null().optional(),
});
const good = { name: "ab", count: 3, kinds: ["rl"] };

/** The path and the rule of the first thing that is wrong with `input`. */
function wrong(input: unknown): string {
  const parsed = parseWith(Step, input);
  assert.ok(!parsed.success);
  assert.deepEqual(parsed.path, parsed.keys.join("."));
  return `${parsed.path}: ${parsed.rule}`;
}

describe("parseWith", () => {
  test("gives what the schema makes of the input", () => {
    assert.deepEqual(parseWith(z.strictObject({ a: z.number().default(3) }), {}), { success: true, data: { a: 3 } });
  });

  test("says the path, the rule and the value", () => {
    assert.equal(wrong({ ...good, name: 5 }), "name: must be a string, got 5");
    assert.equal(wrong({ ...good, name: "a" }), 'name: must have at least 2 characters, got "a"');
    assert.equal(wrong({ ...good, name: undefined }), "name: is required");
    assert.equal(wrong({ ...good, count: 1.5 }), "count: must be an integer, got 1.5");
    assert.equal(wrong({ ...good, count: 0 }), "count: must be at least 1, got 0");
    assert.equal(wrong({ ...good, count: 10 }), "count: must be less than 10, got 10");
    assert.equal(wrong({ ...good, kinds: [] }), "kinds: must have at least 1 entry, got []");
    assert.equal(wrong({ ...good, kinds: ["rl", "ppo"] }), 'kinds.1: must be one of "sft", "rl", got "ppo"');
    assert.equal(wrong({ ...good, off: 1 }), "off: must be null, got 1");
  });

  test("has no path where the whole value is wrong", () => {
    assert.equal(wrong([1]), ": must be an object, got [1]");
    assert.equal(wrong({ ...good, cuont: 3, b: 1 }), ': must not have the key "cuont", "b"');
  });

  test("leaves a schema its own words", () => {
    const odd = z.number().refine((n) => n % 2 === 1, "must be odd, or nobody wins");
    const parsed = parseWith(odd, 4);
    assert.ok(!parsed.success);
    assert.equal(parsed.rule, "must be odd, or nobody wins, got 4");
  });
});

describe("parseJsonWith", () => {
  test("reads the text, and says where JSON ends being JSON", () => {
    assert.deepEqual(parseJsonWith(Step, JSON.stringify(good)), { success: true, data: good });
    const parsed = parseJsonWith(Step, '{"name": ');
    assert.ok(!parsed.success && parsed.cause instanceof SyntaxError);
    assert.match(parsed.rule, /^must be JSON, got Unexpected end/);
  });
});
