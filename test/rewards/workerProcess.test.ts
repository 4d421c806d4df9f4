import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { VerifierError, WorkerError } from "../../src/base/errors.ts";
import { WorkerProcess, type WorkLimits } from "../../src/rewards/workerProcess.ts";
import { tempFolder } from "../support/tempFolder.ts";

/** A worker that loads a verifier which does `first` when it is imported. */
function loading(t: TestContext, { first, limits }: { readonly first: string; readonly limits: WorkLimits }): WorkerProcess {
  const file = join(tempFolder(t), "mine.ts");
  const rest = `import { defineVerifier } from "whetstone";
import { z } from "zod";
export default defineVerifier({ id: "mine", version: 1, checks: "form", reference: z.unknown(), verify: () => ({ kind: "scored", score: 1, evidence: "" }) });
`;
  writeFileSync(file, `${rest}${first}\n`);
  return new WorkerProcess([file], { containment: "jail", limits });
}

const linux = { skip: process.platform === "linux" ? false : "processor time is read from /proc" };

describe("WorkerProcess: loading", () => {
  test("may take longer on the clock than the processor time that it has", linux, async (t) => {
    // What waits for a busy machine uses no processor either.
    const limits = { cpuMs: 4000, wallMs: 600_000 };
    await using worker = loading(t, { first: "await new Promise((resolve) => setTimeout(resolve, 5500));", limits });
    assert.equal((await worker.ready)[0]!.id, "mine");
  });

  test("that uses up its processor time is the file's fault: the message names it, and the input was wrong", linux, async (t) => {
    await using worker = loading(t, { first: "for (;;);", limits: { cpuMs: 1000, wallMs: 600_000 } });
    await assert.rejects(worker.ready, (error) => {
      assert.ok(error instanceof VerifierError && error.exitCode === 2);
      assert.match(
        error.message,
        /^verifiers ".*mine\.ts": loading them may take 1 s of processor time, got no end after [\d.]+ s of processor time; look for what loops/,
      );
      return true;
    });
    assert.equal(worker.alive, false);
  });

  test("that uses up its time on the clock failed while working, since the machine may be busy", async (t) => {
    await using worker = loading(t, { first: "await new Promise(() => {});", limits: { cpuMs: 600_000, wallMs: 300 } });
    await assert.rejects(worker.ready, (error) => {
      assert.ok(error instanceof WorkerError && error.exitCode === 1);
      assert.match(
        error.message,
        /^verifiers ".*mine\.ts": loading them may take 0\.3 s, got no end.*; try again when the machine is less busy, or/,
      );
      return true;
    });
    assert.equal(worker.alive, false);
  });
});

describe("WorkerProcess: what is refused", () => {
  const limits = { cpuMs: 600_000, wallMs: 600_000 };

  test("ends the worker while it loads", async (t) => {
    await using worker = loading(t, { first: 'throw new Error("no");', limits });
    await assert.rejects(worker.ready, (error) => error instanceof VerifierError && /could not be imported: no at/.test(error.message));
    assert.equal(worker.alive, false);
  });

  test("ends the worker while it tells its cases", async (t) => {
    await using worker = loading(t, { first: "", limits });
    await worker.ready;
    const missing = join(tempFolder(t), "others.ts");
    await assert.rejects(
      worker.cases(missing),
      (error) => error instanceof VerifierError && /others\.ts": no such file/.test(error.message),
    );
    assert.equal(worker.alive, false);
  });
});
