// What time the parts of a test run get, with a fake sandbox: a real one would have to be slow by so much and no more.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Conversation, Program, RunResult, Sandbox } from "../../../../sandbox/client.ts";
import { runTestCode, type Subject } from "../../../../src/rewards/verifiable/codeTests/runs.ts";
import { codeTests } from "../../../../src/rewards/verifiable/codeTests.ts";
import { aTask } from "../../../support/rollouts.ts";
import { verifierContext } from "../../../support/verifierContext.ts";

const loadingMs = 400;
/** The program's time ends first by so much. */
const testsExtraMs = 200;

/** Says `lines`, the first of them after `delayMs`. */
function talk(lines: readonly string[], delayMs: number): Conversation {
  const left = [...lines];
  const receive = async () => {
    await sleep(left.length === lines.length ? delayMs : 0);
    return left.shift();
  };
  const result = new Promise<RunResult>(() => {});
  return { result, receive, send() {}, [Symbol.asyncDispose]: async () => {} } as unknown as Conversation;
}

describe("code-tests", () => {
  for (const [timeMs, deadlineMs, wallMs] of [
    [60_000, 30_400, 30_000],
    [20_000, 60_000, 20_000],
    [60_000, 50, 100],
  ] as const)
    test(`gives a program ${wallMs} ms of ${timeMs}, with ${deadlineMs} up to the deadline`, async () => {
      const started: Program[] = [];
      const run = async (program: Program) => {
        started.push(program);
        return { end: { kind: "limit", limit: "wall" }, stdout: { text: "" }, stderr: { text: "" } };
      };
      const sandbox = async () => ({ containment: "jail", run }) as unknown as Sandbox;
      const tests = { kind: "stdio", cases: [{ stdin: "", stdout: "4" }] };
      const reference = codeTests.reference.parse({ language: "python", tests, timeMs });
      const context = { ...verifierContext(), sandbox, deadlineMs };
      const verdict = await codeTests.verify({ task: aTask({}), reference, answer: "while True: pass", thinking: "" }, context);
      assert.ok(verdict.kind === "scored" && verdict.score === 0, JSON.stringify(verdict));
      const [given] = started.map(({ limits }) => limits!.wallMs!);
      // what has passed since the verdict was asked for is not given
      assert.ok(given! <= wallMs && given! > wallMs / 2, `${given}`);
    });
});

describe("runTestCode", () => {
  test("gives the tests' own jail the time that the program has left when it is loaded, and no more", async () => {
    const started: Program[] = [];
    const sandbox = {
      converse: async (program: Program) => {
        started.push(program);
        return talk(['["loaded"]'], loadingMs);
      },
      converseBeside: async (program: Program) => {
        started.push(program);
        return talk(['["result", 1, [], 0, ""]'], 0);
      },
    } as unknown as Sandbox;
    const subject: Subject = { language: "python", program: "def f(): return 1", timeMs: 1000, memoryMiB: 128, all: true };
    const context = { sandbox, signal: new AbortController().signal };
    const outcome = await runTestCode(subject, { code: ["assert f() == 1"], entryPoint: undefined }, context);
    assert.deepEqual(outcome, { kind: "counted", passed: 1, total: 1 });
    const [program, tests] = started.map(({ limits }) => limits!.wallMs!);
    assert.equal(program, subject.timeMs);
    // timers may fire a millisecond early
    assert.ok(tests! > testsExtraMs && tests! <= subject.timeMs - loadingMs + testsExtraMs + 1, `${tests}`);
  });
});
