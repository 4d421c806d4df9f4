// The lock between real processes, killed for real.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";

import { RunError } from "../../src/base/errors.ts";
import { isLocked, lockRun } from "../../src/runs/lock.ts";
import { tempFolder } from "../support/tempFolder.ts";

const module = new URL("../../src/runs/lock.ts", import.meta.url).href;
const options = { runId: "sums-1", nowMs: 0 };

/** A process that takes the lock and keeps it until it is killed. */
async function holder(t: TestContext, folder: string): Promise<ChildProcess> {
  const script = `import { lockRun } from ${JSON.stringify(module)};
    globalThis.lock = lockRun(${JSON.stringify(folder)}, ${JSON.stringify(options)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

describe("lockRun", () => {
  test("a second process gets an error that names the first, with exit code 2", async (t) => {
    const folder = tempFolder(t);
    const child = await holder(t, folder);
    assert.ok(isLocked(folder));
    assert.throws(
      () => lockRun(folder, options),
      (error) =>
        error instanceof RunError &&
        error.exitCode === 2 &&
        error.message.includes(`process ${child.pid} `) &&
        error.message.startsWith("run sums-1: "),
    );
  });

  test("the lock of a process killed with -9 is free at once", async (t) => {
    const folder = tempFolder(t);
    const child = await holder(t, folder);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(isLocked(folder), false);
    using _lock = lockRun(folder, options);
    assert.ok(isLocked(folder));
  });

  test("a second lock in the same process is refused, and given back it is free", (t) => {
    const folder = tempFolder(t);
    {
      using _lock = lockRun(folder, options);
      assert.throws(() => lockRun(folder, options), /only one process/);
    }
    assert.equal(isLocked(folder), false);
    lockRun(folder, options)[Symbol.dispose]();
  });

  test("a run that was never locked is not locked", (t) => {
    assert.equal(isLocked(tempFolder(t)), false);
  });
});
