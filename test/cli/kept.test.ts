// What a runs folder holds after something was damaged, deleted or forked: nothing shown that is not so, nothing lost that is there.

import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { type Finished, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder);
const run = (...args: readonly string[]) => whetstone(folder, ...args);
const json = ({ stdout }: Finished) => JSON.parse(stdout);
let trained: Finished;

before(async () => {
  trained = await run("train", recipe, "--json");
  assert.equal(trained.code, 0, trained.stderr);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a damaged checkpoint", () => {
  const checkpoint = "checkpoints/rl-000006";

  test("is told by ls and show; resume says what to do, and does it", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:4", "--set", "rl.steps=6", "--json");
    assert.equal(forked.code, 0, forked.stderr);
    rmSync(join(folder, "runs/tiny-2/report.json"));
    writeFileSync(join(folder, "runs/tiny-2", checkpoint, "trainer.json"), '{"version": 1');
    const cure = /trainer\.json: it must be JSON, .*; delete the folder to go on from the checkpoint before it$/m;
    const listed = await run("runs", "ls");
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stdout, /^tiny-2 [\s\S]*^tiny-1 /m);
    assert.match(listed.stderr, cure);
    assert.deepEqual(
      json(await run("runs", "ls", "--json")).map(({ id, damaged }: { id: string; damaged: string[] }) => [id, damaged.length]),
      [
        ["tiny-2", 1],
        ["tiny-1", 0],
      ],
    );
    assert.match((await run("runs", "show", "tiny-2")).stdout, cure);
    const refused = await run("runs", "resume", "tiny-2");
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, cure);
    rmSync(join(folder, "runs/tiny-2", checkpoint), { recursive: true });
    const resumed = await run("runs", "resume", "tiny-2", "--json");
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(json(resumed).hash, json(forked).hash);
  });
});

describe("a run whose folder was deleted", () => {
  test("keeps its name and its record, and is not resumed", async () => {
    rmSync(join(folder, "runs/tiny-2"), { recursive: true });
    const refused = await run("runs", "resume", "tiny-2");
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /^run tiny-2: its folder must be there to work in, got no "runs\/tiny-2"; /);
    const next = await run("train", recipe, "--set", "rl.steps=1", "--set", "sft.steps=1", "--json");
    assert.equal(next.code, 0, next.stderr);
    assert.equal(json(next).run, "tiny-3");
    assert.match((await run("runs", "show", "tiny-2")).stdout, /^tiny-2: /);
  });
});
