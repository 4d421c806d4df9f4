import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import type { Json } from "../../../src/base/json.ts";
import { maxAnswerChars, maxDepth, maxValues } from "../../../src/rewards/verifiable/jsonAnswer.ts";
import { jsonSchema, maxSteps } from "../../../src/rewards/verifiable/jsonSchema.ts";
import { scoreOf, verdictOf } from "./verdictOf.ts";

const score = (schema: Json, value: unknown) => scoreOf(jsonSchema, { reference: { schema }, answer: JSON.stringify(value) });

async function told(schema: Json, answer: string): Promise<string> {
  const verdict = await verdictOf(jsonSchema, { reference: { schema }, answer });
  return verdict.kind === "scored" ? `${verdict.score}: ${verdict.evidence}` : `${verdict.failure}: ${verdict.reason}`;
}

/** Keyword by keyword: a schema, what is valid, what is not. Worked by hand from the draft. */
const keywords: readonly (readonly [Json, readonly unknown[], readonly unknown[]])[] = [
  [{ type: ["integer", "null"] }, [1, 1.0, null], [1.5, "1", true]],
  [{ enum: [1, { a: [2] }] }, [1, { a: [2] }], [2, { a: [3] }]],
  [{ const: null }, [null], [0, false]],
  [{ minimum: 1, exclusiveMaximum: 3 }, [1, 2.9, "text"], [0.9, 3]],
  [{ multipleOf: 0.01 }, [19.99, 0], [0.005]],
  [{ minLength: 2, maxLength: 2 }, ["ab", "🙂🙂"], ["a", "🙂"]],
  [{ pattern: "b" }, ["abc", 5], ["ac"]],
  [{ format: "date" }, ["2024-02-29"], ["2023-02-29", "24-1-1"]],
  [{ format: "no-such-format" }, ["anything"], []],
  [{ prefixItems: [{ type: "string" }], items: { type: "number" } }, [[], ["a", 1]], [[1], ["a", "b"]]],
  [{ contains: { const: 1 }, maxContains: 1 }, [[1, 2]], [[2], [1, 1]]],
  [
    { uniqueItems: true },
    [
      [1, "1"],
      [[1], [2]],
    ],
    [
      [1, 1],
      [{ a: 1 }, { a: 1 }],
    ],
  ],
  [
    { patternProperties: { "^n": { type: "number" }, r$: { minimum: 2 } }, additionalProperties: false },
    [{ n: 1, nr: 2 }],
    [{ n: "1" }, { nr: 1 }, { x: 1 }],
  ],
  [{ patternProperties: { "^a": { type: "number" }, "^a.*": { minimum: 2 } } }, [{ ab: 2 }], [{ ab: 1 }, { ab: "2" }]],
  [{ propertyNames: { pattern: "^[a-z]+$" } }, [{ ab: 1 }], [{ A: 1 }]],
  [{ dependentRequired: { a: ["b"] } }, [{ b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
  [
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    { if: { properties: { k: { const: 1 } } }, then: { required: ["x"] }, else: { required: ["y"] } },
    [
      { k: 1, x: 0 },
      { k: 2, y: 0 },
    ],
    [{ k: 1, y: 0 }],
  ],
  [{ oneOf: [{ type: "number" }, { minimum: 2 }] }, [1, "a"], [3]],
  [{ not: { type: "string" } }, [1], ["a"]],
  [{ allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, [{ a: 1 }], [{ b: 1 }]],
  [{ properties: { a: false } }, [{}], [{ a: 1 }]],
  [
    { $defs: { t: { type: "object", properties: { c: { $ref: "#/$defs/t" } }, additionalProperties: false } }, $ref: "#/$defs/t" },
    [{ c: { c: {} } }],
    [{ c: { d: 1 } }],
  ],
  [{ $ref: "#here", $defs: { x: { $anchor: "here", const: 1 } } }, [1], [2]],
  [{ format: "ipv4" }, ["192.168.0.1", 12], ["256.1.1.1", "087.10.0.1"]],
  [{ format: "date-time", pattern: "Z$" }, ["1963-06-19t08:30:06Z"], ["1963-06-19 08:30:06Z", "1963-06-19T08:30:06+00:00"]],
  [{ pattern: "^\\p{Letter}\\p{gc=Decimal_Number}$" }, ["é1"], ["1é", "é"]],
  [{ items: { $dynamicRef: "#item" }, $defs: { x: { $dynamicAnchor: "item", type: "string" } } }, [["a"]], [["a", 1]]],
  [
    { items: { $dynamicRef: "#item", $ref: "#/$defs/y" }, $defs: { x: { $dynamicAnchor: "item", minimum: 2 }, y: { maximum: 3 } } },
    [[2]],
    [[1], [4]],
  ],
  [
    // The outermost resource with the anchor is the root, so that its rules hold at every level.
    {
      $id: "https://example.com/strict",
      $dynamicAnchor: "node",
      $ref: "tree",
      unevaluatedProperties: false,
      $defs: {
        tree: {
          $id: "https://example.com/tree",
          $dynamicAnchor: "node",
          properties: { data: true, children: { items: { $dynamicRef: "#node" } } },
        },
      },
    },
    [{ children: [{ data: 1 }] }],
    [{ children: [{ daat: 1 }] }, { daat: 1 }],
  ],
  [{ default: 5, examples: [1], title: "t", description: "d", $comment: "c", const: 1 }, [1], [5]],
];

describe("jsonSchema", () => {
  for (const [schema, valid, not] of keywords) {
    test(`applies ${JSON.stringify(schema)}`, async () => {
      for (const value of valid) assert.equal(await score(schema, value), 1, JSON.stringify(value));
      for (const value of not) assert.equal(await score(schema, value), 0, JSON.stringify(value));
    });
  }

  test("reads an answer in one fence, and no answer in prose", async () => {
    const schema = { type: "object" };
    for (const answer of ["{}", " {} ", "```json\n{}\n```", "It is:\n```\n{}\n```\nDone."]) {
      assert.equal(await scoreOf(jsonSchema, { reference: { schema }, answer }), 1, answer);
    }
    for (const answer of ["It is {}", "{} {}", "```\n{}", "```\n{}\n```\n```\n{}\n```", "{a: 1}", "{'a': 1}", "```{}```", "[{}"]) {
      assert.equal(await scoreOf(jsonSchema, { reference: { schema }, answer }), 0, answer);
    }
  });

  test("is not fooled by names that every object has", async () => {
    const closed = { type: "object", properties: { a: {} }, additionalProperties: false };
    for (const key of ["constructor", "toString", "hasOwnProperty", "__proto__", "__absolute_uri__"]) {
      assert.equal(await scoreOf(jsonSchema, { reference: { schema: closed }, answer: `{"a": 1, "${key}": 1}` }), 0, key);
      const wanted = { type: "object", required: [key] };
      assert.equal(await scoreOf(jsonSchema, { reference: { schema: wanted }, answer: "{}" }), 0, key);
    }
    assert.match(await told({ type: "object" }, '{"a": [{"__proto__": 1}]}'), /^0: the answer has a key "__proto__"/);
  });

  test("says where an answer is not valid", async () => {
    assert.match(
      await told({ properties: { a: { items: { minimum: 5 } } } }, '{"a": [5, 3]}'),
      /^0: not valid: "#\/a\/1": 3 is less than 5/,
    );
  });

  for (const [what, schema, reason] of [
    ["a type that is none", { type: "objekt" }, "#/type"],
    ["an item that is no schema", { properties: { a: { items: 3 } } }, "#/properties/a/items must be an object or a boolean"],
    ["a reference to nothing", { properties: { a: { $ref: "#/$defs/b" } } }, '$ref "#/$defs/b" refers to nothing'],
    ["a circle of references", { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } }, $ref: "#/$defs/a" }, "without end"],
    ["a pattern that is none", { properties: { a: { pattern: "[" } } }, "#/properties/a/pattern"],
    ["a pattern that needs backtracking", { patternProperties: { "(?=a)": true } }, "linear-time"],
    ["a dynamic reference to nothing", { $dynamicRef: "#a" }, "refers to nothing"],
    ["a dynamic reference to another document", { $dynamicRef: "https://a.b/#c" }, "#/$dynamicRef must be # and the name of an anchor"],
    ["two anchors of one schema", { $anchor: "a", $dynamicAnchor: "b" }, "#/$dynamicAnchor must be the only anchor"],
    [
      "a dynamic reference that no root decides",
      { $defs: { x: { $id: "x", $dynamicAnchor: "a" }, y: { $id: "y", $dynamicAnchor: "a", $dynamicRef: "#a" } } },
      "several resources",
    ],
    ["a keyword of older drafts", { dependencies: {} }, "#/dependencies"],
    ["an older draft", { $schema: "http://json-schema.org/draft-04/schema#" }, "#/$schema"],
    ["too many levels", nested(70), "cap of 64"],
  ] as const) {
    test(`cannot score against ${what}, and says so`, async () => {
      const said = await told(schema as Json, "1");
      assert.ok(said.startsWith("reference: schema: ") && said.includes(reason), said);
    });
  }

  test("runs a catastrophic pattern in linear time, in values and in keys", async () => {
    const text = `${"a".repeat(30_000)}b`;
    assert.equal(await score({ pattern: "^(a+)+$" }, text), 0);
    assert.equal(await score({ patternProperties: { "^(a|a)*$": false } }, { [text]: 1 }), 1);
    assert.equal(
      await score(
        { items: { pattern: "^(a+)+$" } },
        Array.from({ length: 3900 }, (_, i) => `a${i.toString(36)}`),
      ),
      0,
    );
  });

  test("counts the steps of branches that multiply", async () => {
    const branch = (op: string) => ({
      type: "object",
      properties: { op: { const: op }, of: { $ref: "#/$defs/e" } },
      required: ["op", "of"],
    });
    const schema = { $defs: { e: { oneOf: [branch("neg"), branch("abs"), { type: "number" }] } }, $ref: "#/$defs/e" };
    const expression = (depth: number): Json => (depth === 0 ? 1 : { op: "neg", of: expression(depth - 1) });
    assert.equal(await score(schema, expression(5)), 1);
    assert.match(await told(schema, JSON.stringify(expression(50))), new RegExp(`^0: .*cap of ${maxSteps} steps`));
  });

  test("scores 0 beyond each cap, and names it", async () => {
    assert.match(await told(true, `"${"a".repeat(maxAnswerChars)}"`), new RegExp(`^0: .*cap of ${maxAnswerChars} characters`));
    assert.match(await told(true, `${"[".repeat(maxDepth + 1)}${"]".repeat(maxDepth + 1)}`), new RegExp(`^0: .*cap of ${maxDepth}`));
    assert.match(await told(true, JSON.stringify(Array(maxValues).fill(1))), new RegExp(`^0: .*cap of ${maxValues}`));
    assert.match(await told(true, `"${"[".repeat(100)}"`), /^1: /);
  });

  test("accepts any JSON that a schema of its own constant describes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 3 }), async (value) => {
        const text = JSON.stringify(value);
        if (text.includes("__proto__")) return;
        assert.equal(await score({ const: JSON.parse(text) as Json }, value), 1);
        assert.equal(await score({ not: { const: JSON.parse(text) as Json } }, value), 0);
      }),
      { seed: 11, numRuns: 200 },
    );
  });
});

function nested(depth: number): Json {
  return depth === 0 ? {} : { not: nested(depth - 1) };
}
