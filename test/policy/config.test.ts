import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { numParameters } from "../../src/policy/architecture.ts";
import { ModelConfig } from "../../src/policy/config.ts";

const issue = (input: object) => {
  const { path, message } = ModelConfig.safeParse(input).error!.issues[0]!;
  return `${path.join(".")}: ${message}`;
};

describe("ModelConfig", () => {
  test("defaults to a model of 1.8 million parameters", () => {
    assert.equal((numParameters({ ...ModelConfig.parse({}), vocabSize: 64 }) / 1e6).toFixed(1), "1.8");
  });

  test("describes every field, since documents are generated from it", () => {
    for (const [name, field] of Object.entries(ModelConfig.shape)) assert.ok((field.description ?? "").length > 10, name);
  });

  test("refuses a model that cannot be built, at the field that is wrong", () => {
    assert.match(issue({ numHeads: 4, numKvHeads: 3 }), /^numHeads: must be a multiple of numKvHeads.*got 4 and 3$/);
    assert.match(issue({ headWidth: 31 }), /^headWidth: must be even/);
    assert.match(issue({ numExperts: 2, expertsPerToken: 3 }), /^expertsPerToken: must be between 1 and numExperts, got 3 of 2$/);
    assert.match(issue({ numExperts: 2, expertsPerToken: 0 }), /^expertsPerToken/);
    assert.match(issue({ numExperts: 2, expertWidth: 0 }), /^expertWidth/);
    assert.match(issue({ numExperts: 0, denseWidth: 0 }), /^denseWidth/);
  });

  test("asks a dense model for nothing about experts", () => {
    assert.equal(ModelConfig.parse({ numExperts: 0, expertsPerToken: 0, expertWidth: 0 }).denseWidth, 384);
  });

  test("refuses keys it does not know", () => {
    assert.match(issue({ numLayer: 3 }), /numLayer/);
  });
});
