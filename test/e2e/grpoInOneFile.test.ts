// The example that newcomers read first does what its header says.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const file = new URL("../../examples/grpo-in-one-file.ts", import.meta.url).pathname;

describe("examples/grpo-in-one-file.ts", () => {
  test("learns from reward alone what nobody showed it", { timeout: 120_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    const rewards = [...stdout.matchAll(/reward (\d\.\d+)/g)].map(([, reward]) => Number(reward));
    assert.equal(rewards.length, 60);
    assert.ok(rewards[0]! < 0.2, `starts at ${rewards[0]}`);
    assert.ok(rewards.at(-1)! > 0.8, `ends at ${rewards.at(-1)}`);
  });
});
