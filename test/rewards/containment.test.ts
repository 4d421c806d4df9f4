// What is said where programs cannot be contained, with a fake sandbox: a machine without bubblewrap is not at hand.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { type SandboxOptions, SandboxUnavailable } from "../../sandbox/client.ts";
import { SandboxError } from "../../src/base/errors.ts";
import { checkContainment } from "../../src/rewards/containment.ts";
import type { VerifierDescription } from "../../src/rewards/protocol.ts";

const verifier = (id: string, runsPrograms: boolean): VerifierDescription => ({
  ...{ file: `/${id}.ts`, id, version: 1, checks: "correctness" },
  runsPrograms,
});
const unavailable = () => Promise.reject(new SandboxUnavailable("sandbox: no bubblewrap; install it with: apt-get install bubblewrap"));

describe("checkContainment", () => {
  test("refuses what cannot be contained, and names the verifier, the command and the way round", async () => {
    await assert.rejects(checkContainment([verifier("numeric", false), verifier("code-tests", true)], "jail", unavailable), (error) => {
      assert.ok(error instanceof SandboxError);
      assert.match(
        error.message,
        /^verifier "code-tests" runs programs: .*install it with: .*--sandbox weak, in a recipe rewards\.sandbox$/,
      );
      return true;
    });
  });
  test("asks for nothing where no verifier runs programs", async () => {
    await checkContainment([verifier("numeric", false)], "jail", unavailable);
  });
  test("opens what the verifiers will have, and closes it again", async () => {
    const asked: SandboxOptions[] = [];
    let closed = 0;
    const open = async (options: SandboxOptions): Promise<AsyncDisposable> => {
      asked.push(options);
      return { [Symbol.asyncDispose]: async () => void closed++ };
    };
    await checkContainment([verifier("sql", true)], "weak", open);
    assert.deepEqual([asked.map(({ containment }) => containment), closed], [["weak"], 1]);
  });
  test("does not hide another failure", async () => {
    await assert.rejects(
      checkContainment([verifier("sql", true)], "jail", () => Promise.reject(new Error("other"))),
      /^Error: other$/,
    );
  });
});
