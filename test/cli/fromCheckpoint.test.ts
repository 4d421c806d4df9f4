// Runs that start from a checkpoint: whose optimizer they go on with.

import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { type Finished, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder);
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
const short = ["--set", "sft.steps=1", "--set", "rl.steps=1"];
const text = readFileSync(join(folder, recipe), "utf8");
writeFileSync(
  join(folder, "next.ts"),
  text.replace(/model: .*\n/, 'model: { kind: "checkpoint", path: "start" },\n').replace('"tiny"', '"next"'),
);
const optimizer = join(folder, "start/optimizer.safetensors");

before(async () => {
  const trained = await run("train", recipe, "--set", "rl.steps=1", "--runs", "before");
  assert.equal(trained.code, 0, trained.stderr);
  cpSync(join(folder, "before/tiny-1/checkpoints/sft-000004"), join(folder, "start"), { recursive: true });
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Digests after the first step of a new run. */
async function firstStep(...args: readonly string[]): Promise<{ parameters: string; optimizer: string }> {
  const trained = await run("train", "next.ts", ...short, ...args, "--json");
  assert.equal(trained.code, 0, trained.stderr);
  return json(await run("runs", "show", json(trained).run, "--json")).steps[0].digests;
}

describe("a run from a checkpoint", () => {
  test("starts with a fresh optimizer, unless it asks for the checkpoint's", async () => {
    const byDefault = await firstStep();
    const continued = await firstStep("--set", "model.optimizer=checkpoint");
    rmSync(optimizer);
    const without = await firstStep();
    assert.deepEqual([byDefault.optimizer, byDefault.parameters], [without.optimizer, without.parameters]);
    assert.notEqual(continued.optimizer, byDefault.optimizer);
    assert.notEqual(continued.parameters, byDefault.parameters);
  });

  test("is refused before it exists where the optimizer that it asks for is missing or damaged", async () => {
    for (const [content, message] of [
      [
        undefined,
        /must hold optimizer\.safetensors for model\.optimizer "checkpoint", got no such file; set model\.optimizer to "fresh"$/m,
      ],
      ["damaged", /optimizer\.safetensors/],
    ] as const) {
      if (content !== undefined) writeFileSync(optimizer, content);
      for (const more of [[], ["--dry-run"]]) {
        const refused = await run("train", "next.ts", "--set", "model.optimizer=checkpoint", "--runs", "refused", ...more);
        assert.deepEqual([refused.code, refused.stdout], [2, ""], refused.stderr);
        assert.match(refused.stderr, message);
      }
    }
    assert.ok(!existsSync(join(folder, "refused")));
    await firstStep(); // it is not used, and need not be whole
  });

  test("is refused where what it asks for is longer than the checkpoint's positions", async () => {
    for (const [set, key] of [
      ["rl.maxNewTokens=64", "rl.maxNewTokens"],
      ["eval.maxNewTokens=64", "eval.maxNewTokens"],
    ] as const) {
      const refused = await run("train", "next.ts", "--set", set, "--dry-run");
      assert.deepEqual([refused.code, refused.stdout], [2, ""], refused.stderr);
      const rule = `must be less than the positions of the checkpoint ".*start", which prompt and response share, got 64 and 64`;
      assert.match(refused.stderr, new RegExp(`^${key} ${rule}; give a smaller number, or take a policy with more positions$`, "m"));
    }
    assert.equal((await run("train", "next.ts", "--set", "rl.maxNewTokens=63", "--dry-run")).code, 0);
  });
});
