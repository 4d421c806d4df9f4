// Tests that run as code beside a program in another jail, with the real jail: which kinds of test there are, what a program may take over
// of them, and what cannot be used. Calls with literals: asserts.test.ts; tricks on all kinds: ../codeTests.test.ts.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import type { Verdict } from "../../../../src/data/verdict.ts";
import { codeTests } from "../../../../src/rewards/verifiable/codeTests.ts";
import { aTask } from "../../../support/rollouts.ts";
import { verifierContext } from "../../../support/verifierContext.ts";

const context = verifierContext();
after(async () => (await context.sandbox())[Symbol.asyncDispose]());

type Tests = { readonly code: string | readonly string[]; readonly score?: "share"; readonly entryPoint?: string };

async function judge(language: string, { code, ...more }: Tests, program: string): Promise<Verdict> {
  const reference = codeTests.reference.parse({ language, tests: { kind: "asserts", code }, timeMs: 5000, ...more });
  return await codeTests.verify({ task: aTask({}), reference, answer: program, thinking: "" }, context);
}

async function scores(verdict: Promise<Verdict>, score: number, evidence: RegExp): Promise<void> {
  const got = await verdict;
  assert.ok(got.kind === "scored" && got.score === score, JSON.stringify(got));
  assert.match(got.evidence, evidence);
}

async function cannotBeUsed(verdict: Promise<Verdict>, reason: RegExp): Promise<void> {
  const got = await verdict;
  assert.ok(got.kind === "unscorable" && got.failure === "reference", JSON.stringify(got));
  assert.match(got.reason, reason);
}

const python = (tests: Tests | string, program: string) => judge("python", typeof tests === "string" ? { code: tests } : tests, program);
const javaScript = (tests: Tests | string, program: string) =>
  judge("javascript", typeof tests === "string" ? { code: tests } : tests, program);

describe("Python tests as code", () => {
  const shadows: Readonly<Record<string, readonly [tests: string, program: string]>> = {
    sorted: ["for x in [[3, 1], [9]]:\n    assert sorted(f(x)) == sorted(x + [1])", "def sorted(x): return []"],
    abs: ["for x in [2.0, 3.0]:\n    assert abs(f(x) - x ** 0.5) < 1e-6", "def abs(x): return 0"],
    all: ["assert all([f(i) == [i] for i in range(3)])", "def all(x): return True"],
    isinstance: ["for i in range(2):\n    assert isinstance(f(i), str)", "def isinstance(*x): return True"],
    range: ["for i in range(1, 4):\n    assert f(i) == [i]", "def range(*n): return []"],
  };
  for (const [name, [code, program]] of Object.entries(shadows)) {
    test(`keep their own ${name}`, () => scores(python(code, `${program}\ndef f(x): return [0]`), 0, /failed: assert/));
  }
  test("may be about a function that is named as a builtin", async () => {
    await scores(
      python("for i in range(3):\n    assert pow(i) == i ** 3".replace("range(3)", "[0, 1, 2]"), "def pow(x): return x * x * x"),
      1,
      /all 3/,
    );
    const code = "def check(candidate):\n    for i in range(3):\n        assert candidate(i) == abs(-i)";
    await scores(python({ code, entryPoint: "sum" }, "def sum(x): return x"), 1, /all 3/);
  });
  test("that a program leaves nothing to assert have failed", () =>
    scores(python("for x in f(3):\n    assert x > 0", "def f(n): return []"), 0, /no assertion was reached/));
  test("pay nothing for a share of what raising cuts short", async () => {
    const code = "assert f(1) == 1\nr = f(2)\nassert r == 4\nassert f(3) == 9";
    const program = "def f(n):\n    if n > 1: raise ValueError('no')\n    return 1";
    await scores(python({ code, score: "share" }, program), 0, /could not go on: ValueError: no/);
    await scores(python({ code, score: "share" }, "def f(n): return 1"), 1 / 3, /1 of 3 tests passed; failed: assert r == 4/);
  });
  test("are classes of unittest and functions for pytest too", async () => {
    const cases = `import unittest
class Cases(unittest.TestCase):
    def test_one(self): self.assertEqual(f(1), 1)
    def test_two(self):
        with self.assertRaises(ValueError): f(-1)
unittest.main()
`;
    const right = "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x";
    await scores(python(cases, right), 1, /all 2 tests passed/);
    await scores(python({ code: cases, score: "share" }, "def f(x): return x"), 1 / 2, /test_two .*ValueError not raised/);
    await scores(python("def test_f():\n    for i in range(3):\n        assert f(i) == i", right), 1, /all 3 tests passed/);
    await scores(
      python({ code: "def test_a():\n    f(-1)\ndef test_b():\n    assert f(1) == 1", score: "share" }, right),
      1 / 2,
      /test_a .*negative/,
    );
  });
  test("assert as statements do: they bind names, and errors that are waited for are caught", async () => {
    await scores(python("for i in [1]:\n    assert (y := f(i)) == 1\n    assert y == 1", "def f(x): return x"), 1, /all 2/);
    const waiting = "try:\n    assert f(-1) == 0\nexcept ValueError:\n    pass\nassert f(1) == 1";
    await scores(python(waiting, "def f(x):\n    if x < 0: raise ValueError\n    return x"), 1, /all 1/);
    const swallowing = waiting.replace("ValueError", "Exception");
    await scores(python(swallowing, "def f(x):\n    if x < 0: raise ValueError\n    return x"), 0, /failed: assert f\(-1\) == 0/);
  });
  test("may hand the program its own functions, and builtins", () =>
    scores(
      python(
        "for x in [1, 2]:\n    assert twice(inc, x) == x + 2\n    assert twice(abs, -x) == x",
        "def inc(x): return x + 1\ndef twice(f, x): return f(f(x))",
      ),
      1,
      /all 4/,
    ));
  test("that hand over what cannot cross, or need what is not there, give no score", async () => {
    await cannotBeUsed(python("for x in [1]:\n    assert f(lambda y: y) == 1", "def f(g): return 1"), /only values .* got function/);
    await cannotBeUsed(python("import no_such_module\nassert f(1) == 1", "def f(x): return x"), /ModuleNotFoundError/);
    await cannotBeUsed(python("def check(candidate):\n    assert candidate(1) == 1", "def f(x): return x"), /they assert nothing/);
  });
});

describe("JavaScript tests as code", () => {
  const importing = 'const assert = require("node:assert");';
  const lists: Readonly<Record<string, string>> = {
    "an asynchronous function": `${importing} (async () => { for (const x of [1, 2]) assert.equal(await f(x), x); })();`,
    "a timer": `${importing} setTimeout(() => assert.equal(f(1), 1), 30);`,
    "a promise": `${importing} Promise.resolve().then(() => {}).then(() => assert.equal(f(1), 1));`,
    "tests of node:test": `${importing} require("node:test")("f", async () => assert.equal(f(1), 1));`,
    "described tests": 'import { describe, it } from "node:test"; describe("f", () => { it("is", () => assert.equal(f(1), 1)); });',
  };
  for (const [name, code] of Object.entries(lists)) {
    test(`wait for ${name}`, async () => {
      await scores(javaScript(code, "const f = (x) => x;"), 1, /all 1 tests passed/);
      await scores(javaScript(code, "const f = () => 7;"), 0, /failed: (?:AssertionError|tests of node:test failed)/);
    });
  }
  test("count one by one, whenever they fail", () =>
    scores(
      javaScript(
        { code: [lists["a timer"]!, `${importing} for (const x of [7]) assert.equal(f(x), 7);`], score: "share" },
        "const f = () => 7;",
      ),
      1 / 2,
      /1 of 2 tests passed; failed: AssertionError/,
    ));
  test("tell the program's jail no word of theirs", async () => {
    const code = 'for (const n of ["Bob"]) { /* Secret */ assert.equal(greet(n), "Expected"); }';
    const spy = `const fs = require("node:fs");
const seen = () => fs.readdirSync(".").map((f) => fs.readFileSync(f, "utf8")).join("") + globalThis.__program + Object.keys(globalThis);
function greet() { const text = seen(); return ["Expect" + "ed", "Secr" + "et"].filter((word) => text.includes(word)).join() || "nothing seen"; }`;
    await scores(javaScript(code, spy), 0, /'nothing seen'/);
  });
  test("that do not call the program have not passed, and those that cannot fail are none", async () => {
    await scores(javaScript('if (typeof f === "function") assert.equal(f(1), 1);', "const g = () => 1;"), 0, /never called the program/);
    await cannotBeUsed(javaScript("for (const x of [1]) f(x);", "const f = (x) => x;"), /they assert nothing/);
  });
  test("that hand over functions give no score", () =>
    cannotBeUsed(javaScript("for (const x of [1]) assert.equal(f(() => x), 1);", "const f = (g) => g();"), /only values .* got function/));
});
