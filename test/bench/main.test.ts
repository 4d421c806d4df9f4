// The bench command: what it does with names and options that it does not know.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";

const bench = (...args: readonly string[]): { status: number | null; stderr: string } =>
  spawnSync(process.execPath, [join(import.meta.dirname, "../../bench/main.ts"), ...args], { encoding: "utf8" });

describe("npm run bench", () => {
  for (const args of [[], ["nothing", "--json"], ["main"]]) {
    test(`lists the names when called with "${args.join(" ")}"`, () => {
      const { status, stderr } = bench(...args);
      assert.match(stderr, /^bench: NAME must be one of /);
      assert.equal(status, 2);
    });
  }
});
