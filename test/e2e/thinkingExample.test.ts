// What examples/thinking.ts claims of its tasks; what its policy learns is measured by `npm run bench -- thinking`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { encodePrompt } from "../../src/policy/chat.ts";
import { prepare } from "../../src/runs/prepare.ts";
import { loadRecipe } from "../../src/runs/recipeFile.ts";

const { recipe, folder } = await loadRecipe(fileURLToPath(new URL("../../examples/thinking.ts", import.meta.url)), []);
const { tokenizer, demonstrations, heldOut, heldOutBeyond } = await prepare(recipe, folder);

describe("examples/thinking.ts", () => {
  test("asks for thinking of a few up to some 200 tokens, as much in each doubling", () => {
    const natural = heldOut.map(({ difficulty }) => difficulty!);
    assert.deepEqual([Math.min(...natural), Math.max(...natural)], [7, 199]);
    // In many words n steps take 8 n - 1 tokens.
    const upTo = (numSteps: number): number => natural.filter((length) => length < 8 * numSteps).length / natural.length;
    for (const [i, numSteps] of [2, 4, 8, 16].entries())
      assert.ok(Math.abs(upTo(numSteps) - (i + 1) / 5) < 0.06, `${numSteps}: ${upTo(numSteps)}`);
  });

  test("demonstrates every budget in all three situations, and nothing as long as what lies beyond", () => {
    const shown = Array.from({ length: 20 }, (_, step) => demonstrations!.batch(step, 32)).flat();
    assert.ok(Math.max(...shown.map(({ task }) => task.difficulty!)) < Math.min(...heldOutBeyond.map(({ difficulty }) => difficulty!)));
    for (const budget of [16, 32, 64, 128]) {
      const under = shown.filter(({ task }) => task.thinkingBudget === budget);
      const fits = (text: string): boolean => text.length < budget;
      const situations = under.map(({ thinking, terser }) => (fits(thinking) ? "many" : fits(terser![0]!) ? "few" : "cut"));
      assert.deepEqual(new Set(situations), new Set(budget === 128 ? ["many", "few"] : ["many", "few", "cut"]), `${budget}`);
    }
  });

  test("has room for every prompt with the longest response, and in that for the longest thinking", () => {
    const { maxPositions } = recipe.model.kind === "new" ? recipe.model.architecture : { maxPositions: 0 };
    for (const task of [...heldOut, ...heldOutBeyond]) {
      assert.ok(encodePrompt({ ...task, thinkingBudget: 128 }, tokenizer).length + recipe.rl!.maxNewTokens <= maxPositions);
      assert.ok(task.difficulty! + 4 < recipe.rl!.maxNewTokens);
    }
  });
});
