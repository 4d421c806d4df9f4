// Streams that nobody reads any more, and disks that take no more: `| head -1`, `2>/dev/full`, a `tee` that Ctrl-C ended.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { bin, finish, reaches, start, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder);

before(async () => {
  const trained = await whetstone(folder, "train", recipe);
  assert.equal(trained.code, 0, trained.stderr);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** With one of the two streams on a device that is always full. */
function onFullDisk(stream: "stdout" | "stderr", args: readonly string[]): ChildProcess {
  const full = openSync("/dev/full", "w");
  const [stdout, stderr] = stream === "stdout" ? [full, "pipe" as const] : ["pipe" as const, full];
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ["ignore", stdout, stderr] });
  closeSync(full);
  return child;
}

async function newest(): Promise<{ readonly id: string; readonly state: string }> {
  return JSON.parse((await whetstone(folder, "runs", "ls", "--json")).stdout)[0];
}

describe("a lost standard error", () => {
  test("of a reader that went away lets the run go on, and Ctrl-C still saves", async () => {
    const child = start(folder, ["train", recipe, "--set", "rl.steps=5000"]);
    await once(child.stderr!, "data");
    child.stderr!.destroy();
    await reaches(child, { folder, stage: "rl", steps: 2 });
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    assert.equal(code, 130);
    assert.equal((await newest()).state, "stopped");
  });

  test("on a full disk too", async () => {
    const child = onFullDisk("stderr", ["train", recipe, "--set", "rl.steps=5000"]);
    await reaches(child, { folder, stage: "rl", steps: 2 });
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    assert.equal(code, 130);
    assert.equal((await newest()).state, "stopped");
  });
});

describe("a lost standard output", () => {
  test("on a full disk is said, with exit code 1", async () => {
    const child = onFullDisk("stdout", ["runs", "ls"]);
    let stderr = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 1);
    assert.match(stderr, /^standard output: must take what is printed, got ENOSPC: no space left on device, write; .*\n$/);
  });

  test("of a reader that has seen enough ends what still prints, with exit code 0 and no engine torn down", async () => {
    const args = ["sample", "runs/tiny-1/checkpoints/rl-000006", "--json", "--max-tokens", "8"];
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
    const finished = finish(child);
    child.stdin.on("error", () => {}); // the command ends before it has read everything
    child.stdin.write("1+2=?\n".repeat(3000));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const { code, stderr } = await finished;
    assert.deepEqual([code, stderr], [0, ""]);
  });
});
