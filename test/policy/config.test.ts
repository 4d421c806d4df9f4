import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { numParameters, parameterLayout } from "../../src/policy/architecture.ts";
import { ModelConfig, sizeRule } from "../../src/policy/config.ts";

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

  test("refuses sizes that no machine holds, by field and in all", () => {
    assert.match(issue({ width: 10_000_000 }), /^width: .*65536/);
    assert.match(
      issue({ width: 65_536, numLayers: 512, numExperts: 0, denseWidth: 65_536 }),
      /^width: and the other sizes must make at most 2,147,483,648 parameters \(8 GiB, .*\), got 6,\d{3},\d{3},\d{3},\d{3} \([\d,.]+ GiB\)$/,
    );
    const config = { ...ModelConfig.parse({}), vocabSize: 4_000_000, width: 1024 };
    assert.match(sizeRule(config)!, /^and the other sizes must make at most/);
    assert.equal(sizeRule({ ...config, vocabSize: 64 }), undefined);
  });

  test("counts parameters as the layout lays them out", () => {
    for (const change of [{}, { numExperts: 0 }, { tieEmbeddings: true, numLayers: 3 }]) {
      const config = { ...ModelConfig.parse(change), vocabSize: 64 };
      const sizes = parameterLayout(config).entries.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
      assert.equal(
        numParameters(config),
        sizes.reduce((sum, size) => sum + size, 0),
      );
    }
  });

  test("asks a dense model for nothing about experts", () => {
    assert.equal(ModelConfig.parse({ numExperts: 0, expertsPerToken: 0, expertWidth: 0 }).denseWidth, 384);
  });

  test("refuses keys it does not know", () => {
    assert.match(issue({ numLayer: 3 }), /numLayer/);
  });
});
