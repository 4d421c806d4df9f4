// The bench command: what it does with names and options that it does not know.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";

import { tempFolder } from "../support/tempFolder.ts";

const bench = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(import.meta.dirname, "../../bench/main.ts"), ...args], { encoding: "utf8" });

describe("npm run bench", () => {
  for (const args of [[], ["nothing", "--json"], ["main"]]) {
    test(`lists the names when called with "${args.join(" ")}"`, () => {
      const { status, stderr } = bench(...args);
      assert.match(stderr, /^bench: NAME must be one of /);
      assert.equal(status, 2);
    });
  }

  test("says in one line what a bench refuses", (t) => {
    const runs = tempFolder(t);
    for (const more of [[], ["--ablate"]]) {
      const { status, stdout, stderr } = bench("long-run", "--run", "nobody", "--runs", runs, ...more);
      assert.match(stderr, /^long-run: run store "[^\n]*": must hold whetstone\.sqlite, [^\n]*\n$/);
      assert.deepEqual([stdout, status], ["", 2]);
    }
  });

  test("takes an option as two words or as one, and a bench says that its data are absent", () => {
    for (const args of [
      ["--data", "/nowhere", "--json"],
      ["--json", "--data=/nowhere"],
    ]) {
      const { status, stdout, stderr } = bench("verify", ...args);
      assert.match(stderr, /in "\/nowhere"/);
      assert.deepEqual([JSON.parse(stdout), status], [{}, 0]);
    }
    const { stdout, stderr } = bench("verify", "--json");
    assert.match(stderr, /--data=DIR/);
    assert.deepEqual(JSON.parse(stdout), { data: "absent" });
  });
});
