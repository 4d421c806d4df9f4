import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type ChainLink, digestDifferences, fingerprintDifferences, nextHash, recipeDigest, startHash } from "../../src/runs/chain.ts";

const fingerprint = { recipe: "r", inputs: { "pal.ts": "i" }, code: "1+a", node: "24.1.0", onnxRuntime: "1.30.0", cpu: "x64 avx2" };
const link: ChainLink = {
  config: "c",
  stage: "rl",
  step: 3,
  digests: { batch: "b", rewards: "w", parameters: "p", optimizer: "o", rng: "g" },
};

describe("startHash", () => {
  test("changes with every part of the fingerprint and with the parent", () => {
    const hashes = Object.keys(fingerprint).map((name) =>
      startHash({ ...fingerprint, [name]: name === "inputs" ? { "pal.ts": "other" } : "other" }),
    );
    assert.equal(new Set([startHash(fingerprint), startHash(fingerprint, "parent"), ...hashes]).size, 8);
  });

  test("is a SHA-256 in hexadecimal and depends on nothing else", () => {
    assert.match(startHash(fingerprint), /^[0-9a-f]{64}$/);
    assert.equal(startHash({ ...fingerprint }), startHash(fingerprint));
  });
});

describe("nextHash", () => {
  test("changes with the hash before, the config, the stage, the step and each digest", () => {
    const digests = Object.keys(link.digests).map((name) => nextHash("h", { ...link, digests: { ...link.digests, [name]: "other" } }));
    const others = [{ config: "d" }, { stage: "sft" }, { step: 4 }].map((change) => nextHash("h", { ...link, ...change }));
    assert.equal(new Set([nextHash("h", link), nextHash("g", link), ...others, ...digests]).size, 10);
  });

  test("does not depend on the order in which digests were named", () => {
    const reversed = Object.fromEntries(Object.entries(link.digests).reverse());
    assert.equal(nextHash("h", { ...link, digests: reversed }), nextHash("h", link));
  });
});

describe("recipeDigest", () => {
  test("ignores what cannot alter a step, and nothing else", () => {
    const recipe = {
      name: "a",
      eval: { tasks: 1 },
      checkpoints: {},
      seed: 1,
      rewards: { numWorkers: 2, terms: ["x"] },
      engine: { numThreads: 2, microBatchTokens: 8 },
      rl: { steps: 3 },
    };
    const same = {
      ...recipe,
      name: "b",
      eval: {},
      checkpoints: { keepLast: 9 },
      rewards: { ...recipe.rewards, numWorkers: 7 },
      engine: { numThreads: 9, microBatchTokens: 8 },
    };
    assert.equal(recipeDigest(same), recipeDigest(recipe));
    const others = [
      { seed: 2 },
      { rl: { steps: 4 } },
      { engine: { numThreads: 2, microBatchTokens: 9 } },
      { rewards: { numWorkers: 2, terms: ["y"] } },
    ];
    for (const change of others) assert.notEqual(recipeDigest({ ...recipe, ...change }), recipeDigest(recipe));
  });
});

describe("recipeDigest of a recipe", () => {
  const digest = (maxRollbacks: number, everySteps: number) =>
    recipeDigest({ rl: { stability: { maxRollbacks } }, checkpoints: { everySteps, keepLast: 2 } });
  const measuring = (kind: string, finalTasks: number, tasks = 4) =>
    recipeDigest({ data: { evaluation: { kind } }, eval: { tasks, finalTasks, everySteps: 1 } });

  test("that may go back to a checkpoint depends on how often it saves one", () => {
    assert.notEqual(digest(3, 20), digest(3, 10));
    assert.equal(digest(0, 20), digest(0, 10));
  });

  test("that holds out a file's tasks depends on how many, which the larger evaluation decides", () => {
    assert.notEqual(measuring("file", 8), measuring("file", 16));
    assert.notEqual(measuring("file", 8), measuring("file", 8, 9));
    assert.equal(measuring("file", 8), measuring("file", 8, 7));
    assert.equal(measuring("file", 8), measuring("file", 7, 8));
    assert.equal(measuring("families", 8), measuring("families", 16));
  });
});

describe("differences", () => {
  test("name what is not the same, with both values", () => {
    assert.deepEqual(fingerprintDifferences(fingerprint, { ...fingerprint, node: "24.2.0" }), ["node: 24.1.0 recorded, 24.2.0 here"]);
    assert.deepEqual(fingerprintDifferences(fingerprint, { ...fingerprint, inputs: { ...fingerprint.inputs } }), []);
    assert.deepEqual(fingerprintDifferences(fingerprint, { ...fingerprint, inputs: { "pal.ts": "j", new: "k" } }), [
      '"pal.ts": content i recorded, j here',
      '"new": content none recorded, k here',
    ]);
    assert.deepEqual(digestDifferences({ a: "1", b: "2" }, { a: "1", b: "3", c: "4" }), ["b", "c"]);
  });
});
