import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RewardConfig } from "../../src/rewards/config.ts";
import { first, gated, weighted } from "../../src/rewards/terms.ts";
import type { RecipeInput } from "../../src/runs/recipe.ts";

const verifiers = [{ use: "numeric" }];
const parsed = (terms: NonNullable<RecipeInput["rewards"]["terms"]>) => RewardConfig.parse({ verifiers, terms }).terms;

describe("weighted", () => {
  test("gives each verifier its weight", () => {
    assert.deepEqual(parsed(weighted({ task: 1, length: 0.25 })), [
      { verifier: "task", weight: 1 },
      { verifier: "length", weight: 0.25 },
    ]);
  });
});

describe("gated", () => {
  const gate = { verifier: "form", atLeast: 0.5 };

  test("puts a gate that only gates before the terms", () => {
    assert.deepEqual(parsed(gated(gate, weighted({ task: 1 }))), [
      { verifier: "form", weight: 0, gate: { atLeast: 0.5 } },
      { verifier: "task", weight: 1 },
    ]);
  });

  test("gives the gate to a term that weighs already", () => {
    assert.deepEqual(parsed(gated(gate, weighted({ task: 1, form: 0.25 }))), [
      { verifier: "task", weight: 1 },
      { verifier: "form", weight: 0.25, gate: { atLeast: 0.5 } },
    ]);
  });

  test("may stand in another gate", () => {
    const both = gated({ verifier: "length", atLeast: 1 }, gated(gate, weighted({ task: 1 })));
    assert.deepEqual(
      parsed(both).map(({ verifier, gate: own }) => [verifier, own?.atLeast]),
      [
        ["length", 1],
        ["form", 0.5],
        ["task", undefined],
      ],
    );
  });
});

describe("first", () => {
  test("is one term of several verifiers in order", () => {
    assert.deepEqual(parsed([...first(["exact", "task"]), ...weighted({ form: 0 })]), [
      { verifier: { first: ["exact", "task"] }, weight: 1 },
      { verifier: "form", weight: 0 },
    ]);
  });
});
