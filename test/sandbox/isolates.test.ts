// Functions in isolates, with the real thing: what they give, that they share nothing, and what becomes of those that break their process.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { type EvaluationResult, type Evaluator, openSandbox, type Sandbox, SandboxFailure } from "../../sandbox/client.ts";

let sandbox: Sandbox & Evaluator;
before(async () => {
  sandbox = await openSandbox({ concurrency: 1, warm: 0 });
});
after(() => sandbox[Symbol.asyncDispose]());

const f = (source: string, ...args: readonly unknown[]) => sandbox.evaluate({ source, call: "f", args, timeoutMs: 500 });
const value = (json: string): EvaluationResult => ({ kind: "value", json });

describe("evaluate", () => {
  test("calls a function of any kind with JSON values", async () => {
    assert.deepEqual(await f("function f(a, b) { return { sum: a + b.x }; }", 1, { x: 2 }), value('{"sum":3}'));
    assert.deepEqual(await f("const f = (s) => [...s].reverse().join('');", "añ🦊\u2028"), value(JSON.stringify("\u2028🦊ña")));
    assert.deepEqual(await f("let f = () => {};"), { kind: "value" });
  });
  test("says what was thrown, also while loading or when there is no such function", async () => {
    assert.deepEqual(await f("function f() { throw new RangeError('no'); }"), { kind: "thrown", name: "RangeError", message: "no" });
    for (const source of ["syntax error", "throw new Error('x')", "var g = 1", "async function f() {}; var f = 1", "import fs from 'fs'"]) {
      assert.equal((await f(source)).kind, "thrown", source);
    }
    assert.equal((await f("async function f() { return 1; }")).kind, "thrown");
  });
  test("gives each evaluation an isolate of its own, without Node", async () => {
    await f("globalThis.mark = 1; Array.prototype.map = Object.prototype.toString = null; function f() {}");
    assert.deepEqual(
      await f("function f() { return [typeof mark, [1].map((x) => x + 1), typeof process, typeof require, typeof ivm]; }"),
      value('["undefined",[2],"undefined","undefined","undefined"]'),
    );
  });
  test("calls functions by name only", () => assert.rejects(sandbox.evaluate({ source: "", call: "f(), g", args: [] }), SandboxFailure));
  test("can be aborted", async () => {
    const stop = new AbortController();
    const running = sandbox.evaluate({ source: "function f() { for (;;); }", call: "f", args: [], timeoutMs: 60_000 }, stop.signal);
    setTimeout(() => stop.abort(new Error("enough")), 200);
    await assert.rejects(running, /enough/);
  });

  /** What breaks a process that holds isolates, or hangs it. */
  const crashers: Readonly<Record<string, readonly [source: string, ...kinds: readonly string[]]>> = {
    "a busy loop": ["function f() { for (;;); }", "limit"],
    "a catastrophic regular expression": ["function f() { return /^(a+)+$/.test('a'.repeat(50) + 'b'); }", "limit"],
    "an array that grows": ["function f() { const x = []; for (;;) x.push(new Array(1e5).fill(1.5)); }", "limit", "crashed"],
    "a Map that grows": ["function f() { const m = new Map(); for (let i = 0; ; i++) m.set(i, i); }", "limit", "crashed", "thrown"],
    "a huge fill": ["function f() { return new Array(2 ** 29).fill(0).length; }", "limit", "crashed", "thrown"],
    "buffers outside the heap": [
      "function f() { const x = []; for (;;) x.push(new Uint8Array(1 << 26).fill(1)); }",
      "limit",
      "crashed",
      "thrown",
    ],
    "WebAssembly memory": [
      "function f() { const x = []; for (;;) { const m = new WebAssembly.Memory({ initial: 4096 }); new Uint8Array(m.buffer).fill(1); x.push(m); } }",
      "limit",
      "crashed",
      "thrown",
    ],
    "a string that doubles": ["function f() { let s = 'x'; for (;;) s += s; }", "limit", "crashed", "thrown"],
    "recursion without end": ["function f() { return f() + 1; }", "thrown"],
    "a result too big to copy": ["function f() { return 'x'.repeat(2 ** 28); }", "limit", "crashed", "thrown", "value"],
    "busy while loading": ["for (;;); function f() {}", "limit"],
    "an error whose message never ends": ["function f() { throw { get message() { for (;;); } }; }", "limit", "thrown", "crashed"],
    "the constructor of everything": ["function f() { return this?.constructor?.constructor?.('return process')?.(); }", "thrown", "value"],
  };
  for (const [name, [source, ...kinds]] of Object.entries(crashers)) {
    test(`contains ${name}, and the next evaluation does not notice`, async () => {
      const startMs = performance.now();
      const result = await f(source);
      assert.ok(kinds.includes(result.kind), JSON.stringify(result).slice(0, 300));
      assert.ok(performance.now() - startMs < 30_000, "without limits they never end");
      assert.deepEqual(await f("const f = (x) => x + 1;", 1), value("2"));
    });
  }
});
