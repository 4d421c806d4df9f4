// What a runs folder holds after something was damaged, deleted or forked: nothing shown that is not so, nothing lost that is there.

import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
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

describe("a fork", () => {
  const rows = async () => (await run("runs", "ls")).stdout.split("\n").length;

  /** Refused with this message; nothing is left behind. */
  async function refuses(args: readonly string[], expected: RegExp): Promise<void> {
    const before = [await rows(), readdirSync(join(folder, "runs")).length];
    for (const more of [[], ["--no-start"]]) {
      const { code, stdout, stderr } = await run("runs", "fork", "tiny-1", ...args, ...more);
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, expected);
    }
    assert.deepEqual([await rows(), readdirSync(join(folder, "runs")).length], before);
  }

  test("is refused with fewer steps than its checkpoint has taken", () =>
    refuses(
      ["--from", "rl:4", "--set", "rl.steps=3"],
      /^runs fork: rl\.steps must be at least 4, the steps that rl-000004 of tiny-1 has taken, got 3; /m,
    ));
  test("is refused with another policy than that of its checkpoint", async () => {
    await refuses(["--set", "model.architecture.width=64"], /^runs fork: model\.architecture\.width must stay .*, got 64 instead of 32; /m);
    await refuses(
      ["--set", 'model.tokenizer={"kind":"byte"}'],
      /^runs fork: model\.tokenizer\.kind must stay .*, got "byte" instead of "character"; /m,
    );
  });
  test("is refused with changes to a stage that its checkpoint has behind it", () =>
    refuses(
      ["--from", "rl:4", "--set", "sft.steps=9"],
      /^runs fork: sft\.steps must stay .* rl-000004 of tiny-1 was made with it, got 9 instead of 4; /m,
    ));
  test("is refused where its verifiers are wrong, before anything is made", () =>
    refuses(
      ["--set", 'rewards.terms=[{"verifier": "form", "weight": 1}]'],
      /^rewards\.terms: a term must name one of the verifiers, got "form"/m,
    ));

  test("counts the steps that its checkpoint had taken", async () => {
    const forked = await run("runs", "fork", "tiny-1", "--from", "rl:4", "--set", "rl.steps=8", "--no-start", "--json");
    assert.equal(forked.code, 0, forked.stderr);
    const early = await run("runs", "fork", "tiny-1", "--from", "sft", "--set", "sft.steps=6", "--no-start", "--json");
    assert.equal(early.code, 0, early.stderr);
    const listed = (await run("runs", "ls")).stdout;
    for (const [{ run: id }, progress] of [
      [json(forked), "sft 4/4, rl 4/8"],
      [json(early), "sft 4/6, rl 0/6"],
    ]) {
      assert.match(listed, new RegExp(`^${id} .*  ${progress}$`, "m"));
    }
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
    assert.equal(json(next).run, "tiny-5");
    assert.match((await run("runs", "show", "tiny-2")).stdout, /^tiny-2: /);
  });
});
