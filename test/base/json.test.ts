import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { canonicalJson, type Json, nameOddNumbers } from "../../src/base/json.ts";

describe("canonicalJson", () => {
  test("sorts keys at every depth and keeps the order of arrays", () => {
    assert.equal(canonicalJson({ b: [{ z: 1, a: 2 }, 3], a: null }), '{"a":null,"b":[{"a":2,"z":1},3]}');
  });

  test("is JSON of the same value, whatever the order of the keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value as Json);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(canonicalJson(reversed(value as Json)), text);
      }),
    );
  });

  test("refuses numbers that JSON cannot say", () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      assert.throws(() => canonicalJson({ a: [value] }), /numbers must be finite/);
    }
  });

  test("tells a number from its text", () => {
    assert.notEqual(canonicalJson([1]), canonicalJson(["1"]));
  });
});

describe("nameOddNumbers", () => {
  test("keeps in JSON what null would hide, so that Number reads it back", () => {
    const text = JSON.stringify({ a: [Number.NaN, -Infinity, 0.5], b: "NaN", c: null }, nameOddNumbers);
    assert.equal(text, '{"a":["NaN","-Infinity",0.5],"b":"NaN","c":null}');
    assert.deepEqual(JSON.parse(text).a.map(Number), [Number.NaN, -Infinity, 0.5]);
  });
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, item]) => [key, reversed(item)]));
}
