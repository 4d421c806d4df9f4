import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { hiddenScore, rotaryTables, sequenceFeeds } from "../../src/policy/sequenceFeeds.ts";
import { randomSequences, tinyConfig } from "../support/tinyPolicy.ts";

describe("rotaryTables", () => {
  test("turn pair i by position theta^(-2i / width)", () => {
    // width 4, theta 100: pair 0 turns by the position itself, pair 1 by a tenth of it.
    const { cos, sin } = rotaryTables(3, tinyConfig({ headWidth: 4, ropeTheta: 100 }));
    const angles = [0, 0, 1, 0.1, 2, 0.2];
    assert.deepEqual(cos, { shape: [3, 2], data: Float32Array.from(angles, Math.cos) });
    assert.deepEqual(sin, { shape: [3, 2], data: Float32Array.from(angles, Math.sin) });
  });
});

describe("hiddenScore", () => {
  test("leaves a hidden key exactly no probability, next to any score that training meets", () => {
    for (const score of [-1e4, 0, 1e4]) assert.equal(Math.fround(Math.exp(Math.fround(score + hiddenScore) - score)), 0);
  });
});

describe("sequenceFeeds", () => {
  test("lays the tokens of all sequences after one another", () => {
    const sequences = randomSequences([3, 1, 4], tinyConfig());
    assert.deepEqual(sequenceFeeds(sequences, tinyConfig())["tokens"], {
      shape: [8],
      data: Int32Array.from(sequences.flatMap((tokens) => [...tokens])),
    });
  });

  test("never makes a block of one row, however short the sequences", () => {
    const blocks = Object.entries(sequenceFeeds(randomSequences([1, 2], tinyConfig()), tinyConfig()));
    for (const [name, { shape }] of blocks.filter(([name]) => /^positions\d/.test(name))) assert.ok(shape[1]! >= 2, name);
  });
});
