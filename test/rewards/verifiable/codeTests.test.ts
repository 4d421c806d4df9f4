// Programs against hidden tests, with the real jail: what counts as right, how each kind of test runs, and every trick that a policy in
// training might find. Parsing of assertions: codeTests/asserts.test.ts.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import type { Verdict } from "../../../src/data/verdict.ts";
import { codeTests } from "../../../src/rewards/verifiable/codeTests.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { aTask } from "../../support/rollouts.ts";
import { verifierContext } from "../../support/verifierContext.ts";

const context = verifierContext();
after(async () => (await context.sandbox())[Symbol.asyncDispose]());

async function judge(reference: unknown, answer: string, more: Partial<typeof context> = {}): Promise<Verdict> {
  return await codeTests.verify(
    { task: aTask({}), reference: codeTests.reference.parse(reference), answer, thinking: "" },
    { ...context, ...more },
  );
}

async function scores(reference: unknown, answer: string, score: number, evidence?: RegExp): Promise<void> {
  const verdict = await judge(reference, answer);
  assert.ok(verdict.kind === "scored" && verdict.score === score, JSON.stringify(verdict));
  if (evidence !== undefined) assert.match(verdict.evidence, evidence);
}

const doubled = {
  language: "python",
  tests: { kind: "asserts", code: ["assert double(2) == 4", "assert double(-3) == -6", "assert double('ab') == 'abab'"] },
};
const check = {
  language: "python",
  entryPoint: "double",
  tests: {
    kind: "asserts",
    code: "import random\ndef check(candidate):\n    for i in range(5):\n        x = random.randint(0, 99)\n        assert candidate(x) == x + x\n",
  },
};
const echo = {
  language: "python",
  tests: {
    kind: "stdio",
    cases: [
      { stdin: "3 4\n", stdout: "7\n" },
      { stdin: "10 -1", stdout: "9" },
    ],
  },
};
const calls = {
  language: "python",
  entryPoint: "f",
  tests: {
    kind: "function",
    calls: [
      { args: [[1, 2, 2], "é"], expected: { "1": 1, "2": 2 } },
      { args: [[], ""], expected: {} },
    ],
  },
};

describe("the program in an answer", () => {
  test("is the last fenced block, or the whole answer", async () => {
    await scores(doubled, "def double(x): return x * 2", 1, /all 3 tests passed/);
    await scores(doubled, "```python\ndef double(x): return 0\n```\nBetter:\n```py\ndef double(x): return x + x\n```\nDone.", 1);
    await scores(doubled, "~~~\ndef double(x): return x + x", 1);
    await scores(doubled, "```python\ndef double(x): return x + x\n```\n```python\ndef double(x): return 0\n```", 0);
    await scores(doubled, "```python\ndef double(x): return x + x\n```\nIt prints\n```\n4\n```\nRun it with\n~~~sh\npython3 it.py\n~~~", 1);
    await scores(doubled, "```\ndef double(x): return 0\n```\n```\ndef double(x): return x + x\n```", 1);
    await scores(doubled, "```python\n```", 0, /no program/);
    await scores(doubled, "x".repeat(200_000), 0, /at most 100000 characters/);
  });
});

describe("asserts", () => {
  test("that are calls with literals are compared here", async () => {
    await scores(doubled, "def double(x): return 4", 0, /double\(-3\): expected -6, got 4/);
    await scores({ ...doubled, score: "share" }, "def double(x): return 4", 1 / 3, /1 of 3 tests passed/);
  });
  test("that are code run beside a program that they call in another jail", async () => {
    await scores(check, "def double(x): return x * 2", 1, /all 5 tests passed/);
    await scores(check, "def double(x): return -1", 0, /failed: assert candidate\(x\) == x \+ x/);
    await scores(check, "def triple(x): return -1", 0);
  });
  test("see what a call did to its arguments, exceptions, and objects of the program", async () => {
    const code = `import copy
values = [3, 1, 2]
sort_in_place(values)
assert values == [1, 2, 3]
try:
    sort_in_place(None)
    assert False
except TypeError:
    assert True
root = Node(1)
root.left = Node(2)
assert depth(root) == 2
assert root.left.value == 2
assert convert([1, "a"], int) == [1]
`;
    const program = `class Node:
    def __init__(self, value): self.value, self.left, self.right = value, None, None
def depth(node): return 0 if node is None else 1 + max(depth(node.left), depth(node.right))
def sort_in_place(x): x.sort() if x is not None else len(None)
def convert(items, kind): return [i for i in items if isinstance(i, kind)]
`;
    await scores({ language: "python", tests: { kind: "asserts", code } }, program, 1, /all 5 tests passed|all 6 tests passed/);
  });
  test("that are code in JavaScript see values, errors and what a call did to its arguments", async () => {
    const code = [
      'import assert from "node:assert/strict";\nfor (let i = 0; i < 5; i++) assert.equal(double(i), i * 2);',
      'const assert = require("node:assert");\nconst list = [3, 1];\nsortInPlace(list);\nassert.deepStrictEqual(list, [1, 3]);\nassert.throws(() => sortInPlace(null), TypeError);',
      'console.assert(double("é") === "éé" && count(new Set([1, 2])) === 2n);',
    ];
    const reference = { language: "javascript", score: "share", tests: { kind: "asserts", code } };
    const program =
      'function double(x) { return typeof x === "string" ? x + x : x * 2; }\nconst sortInPlace = (x) => { x.sort(); };\nfunction count(s) { return BigInt(s.size); }';
    await scores(reference, program, 1, /all 3 tests passed/);
    await scores(reference, program.replace("x * 2", "5"), 2 / 3, /failed: AssertionError/);
    await scores(
      reference,
      "class A { equals() { return true; } valueOf() { return 4; } }\nconst double = () => new A();",
      0,
      /object of its own type A|ReferenceError/,
    );
    await scores(reference, "process.exit(0)", 0, /ended with exit code 0/);
    await scores(
      {
        ...reference,
        language: "typescript",
        tests: {
          kind: "asserts",
          code: "const xs: number[] = [1, 2];\nfor (const x of xs) if (double(x) !== 2 * x) throw new Error('no');",
        },
      },
      "export const double = (x: number): number => x * 2;",
      1,
    );
    const broken = await judge({ ...reference, tests: { kind: "asserts", code: "for (;;" } }, program);
    assert.ok(broken.kind === "unscorable" && broken.failure === "reference", JSON.stringify(broken));
  });
  test("in JavaScript and TypeScript", async () => {
    const code =
      'const assert = require("node:assert");\nassert.strictEqual(f(1), 2);\nassert.deepStrictEqual(f([1, { a: -0 }]), [1, { a: -0 }, "x"]);\nassert(f("y") === "yx");';
    const program = 'function f(x) { return typeof x === "number" ? x + 1 : Array.isArray(x) ? [...x, "x"] : x + "x"; }';
    await scores({ language: "javascript", tests: { kind: "asserts", code } }, program, 1);
    await scores({ language: "javascript", tests: { kind: "asserts", code } }, `export ${program}`, 1);
    await scores({ language: "javascript", tests: { kind: "asserts", code } }, `${program}\nmodule.exports = { f };`, 1);
    await scores({ language: "javascript", tests: { kind: "asserts", code } }, "const f = async (x) => x;", 0, /expected 2, got 1/);
    await scores(
      { language: "typescript", tests: { kind: "asserts", code } },
      'export function f(x: number | string | unknown[]): unknown { return typeof x === "number" ? x + 1 : Array.isArray(x) ? [...x, "x"] : x + "x"; }',
      1,
    );
  });
});

describe("stdio", () => {
  test("compares lines, all of them, and forgives spaces at their ends", async () => {
    await scores(echo, "print(sum(map(int, input().split())))", 1);
    await scores(echo, "print(sum(map(int, input().split())), end='   \\n\\n')", 1);
    await scores(echo, "print(7)", 0, /case 2 .*expected "9", got "7"/);
    await scores({ ...echo, score: "share" }, "print(7)", 0.5);
    await scores(echo, "print(sum(map(int, input().split())))\nprint('more')", 0, /expected no such line, got "more"/);
    await scores(
      { ...echo, tests: { kind: "stdio", cases: [{ stdin: "", stdout: "1\n2\n3\n" }] } },
      "print(1)",
      0,
      /line 2: expected "2", got no such line/,
    );
    await scores(echo, "print(sum(map(int, input().split())))\nraise SystemExit(1)", 0, /exit code 1/);
    await scores(
      { ...echo, language: "javascript" },
      'const [a, b] = require("fs").readFileSync("/dev/stdin", "utf8").split(" ").map(Number); console.log(a + b);',
      1,
    );
    await scores(
      { ...echo, language: "typescript" },
      'import fs from "node:fs"; const [a, b]: number[] = fs.readFileSync(0, "utf8").split(" ").map(Number); console.log(a! + b!);',
      1,
    );
  });
});

describe("stdio, with output made to be slow to compare", () => {
  test("is compared at once", async () => {
    const cpuMs = await cpuMsOf(() => scores(echo, "print(' ' * 1_000_000 + 'x')", 0, /expected "7"/));
    assert.ok(cpuMs < 5000, "a quadratic search takes minutes");
  });
});

describe("function", () => {
  test("compares whole numbers beyond 2^53 as far as JSON holds them, and refuses them as arguments", async () => {
    const factorial = (args: number[], expected: number) => ({
      language: "python",
      tests: { kind: "function", name: "f", calls: [{ args, expected }] },
    });
    await scores(factorial([25], 1.5511210043330986e25), "import math\nf = math.factorial", 1);
    await scores(factorial([25], 1.5511210043330986e25), "import math\ndef f(n): return math.factorial(n) * 2", 0);
    assert.match(codeTests.reference.safeParse(factorial([2 ** 60], 1)).error?.message ?? "", /lose digits/);
  });
  test("gives long texts as they are", () =>
    scores(
      { language: "javascript", tests: { kind: "function", name: "f", calls: [{ args: [`x${"é".repeat(50_000)}`], expected: true }] } },
      'const f = (s) => s === "x" + "é".repeat(50000);',
      1,
    ));
  test("gives JSON values and compares them by kind", async () => {
    await scores(calls, "def f(a, b):\n    assert b in ('', 'é')\n    return {str(x): a.count(x) for x in a}", 1);
    await scores(
      { language: "python", tests: { kind: "function", name: "g", calls: [{ args: [true, null, 1.5], expected: [1, "a", null] }] } },
      "def g(a, b, c): return (1.0, 'a', b) if a is True and c == 1.5 else 0",
      1,
    );
    await scores(
      { language: "python", tests: { kind: "function", name: "g", calls: [{ args: [], expected: 1 }] } },
      "def g(): return True",
      0,
      /expected 1, got True/,
    );
    await scores(
      { language: "python", tests: { kind: "function", name: "g", calls: [{ args: [], expected: 0.3 }], tolerance: 1e-9 } },
      "def g(): return 0.1 + 0.2",
      1,
    );
    await scores(
      { language: "python", tests: { kind: "function", name: "g", calls: [{ args: [], expected: 0.3 }] } },
      "def g(): return 0.1 + 0.2",
      0,
      /got 0.30000000000000004/,
    );
    await scores(
      { language: "javascript", tests: { kind: "function", name: "g", calls: [{ args: [{ a: [1] }], expected: { b: 1 } }] } },
      "const g = (o) => ({ b: o.a.length });",
      1,
    );
  });
});

/** A deadline that is nearer than the reference's own time; to what it comes for each jail: codeTests/time.test.ts. */
const shortMs = 1500;
const ample = { timeMs: 60_000 };

/** What ends it is its time, and not another limit later on. */
async function runsOut(reference: unknown, program: string): Promise<void> {
  const verdict = await judge(reference, program, { deadlineMs: shortMs });
  assert.ok(verdict.kind === "scored" && verdict.score === 0, JSON.stringify(verdict));
  assert.match(verdict.evidence, /met (?:its|their) limit on wall/);
}

describe("a program that fails", () => {
  const cases: readonly (readonly [name: string, program: string, evidence: RegExp])[] = [
    ["does not parse", "def double(x) return x", /SyntaxError/],
    ["raises before it can be called", "raise ValueError('no')", /it raised ValueError: "no" before/],
    ["raises in a call", "def double(x): return x / 0", /ZeroDivisionError/],
    ["has no such function", "def other(x): return x", /KeyError/],
    ["never ends", "while True: pass", /met its limit on wall/],
    ["never ends in a call", "def double(x):\n    while True: pass", /met its limit on wall/],
    ["uses all memory", "x = []\nwhile True: x.append(' ' * 10**6)", /limit on memory|MemoryError/],
    ["returns what is deeper than can be read", "def double(x):\n    y = []\n    for _ in range(10**5): y = [y]\n    return y", /got/],
    ["returns what holds itself", "def double(x):\n    y = []\n    y.append(y)\n    return y", /got/],
    ["returns a generator", "def double(x): yield x", /object of the program's own type generator/],
  ];
  for (const [name, program, evidence] of cases)
    test(name, () => scores({ ...doubled, timeMs: 1500, memoryMiB: 128 }, program, 0, evidence));

  test("that has types which take no end to strip is not given more time than its own", async () => {
    const reference = {
      ...doubled,
      ...ample,
      language: "typescript",
      tests: { kind: "function", name: "f", calls: [{ args: [], expected: 1 }] },
    };
    const program = `${"<a>(".repeat(30)}b${")".repeat(30)}`;
    const tookMs = async (deadlineMs: number) => {
      const startMs = performance.now();
      const verdict = await judge(reference, program, { deadlineMs });
      assert.ok(verdict.kind === "scored" && verdict.score === 0, JSON.stringify(verdict));
      return performance.now() - startMs;
    };
    // Beside the same without a near deadline, a busy machine slows both.
    const [near, far] = [await tookMs(shortMs), await tookMs(60_000)];
    assert.ok(near < far / 2, `${near} ms, without the deadline ${far} ms`);
  });
  for (const [what, line] of Object.entries({
    "is no JSON": "b'[' * 12_000_000",
    "is JSON": "b'[\"value\", ' + b'[' * 6_000_000 + b']' * 6_000_000 + b']'",
  }))
    test(`that answers with what takes long to read and ${what} is not read, which costs this process next to nothing`, async () => {
      const program = `import os\nos.write(4, b'["loaded"]\\n' + ${line} + b'\\n')\ndef double(x): return 4`;
      const cpuMs = await cpuMsOf(() => scores(doubled, program, 0, /more than 1048576 characters/));
      assert.ok(cpuMs < 500, `${cpuMs} ms`);
    });
  test("that uses its time before its tests, and theirs on what it returns, is judged", async () => {
    const code = "def check(candidate):\n    found = candidate(2)\n    while all(x >= 0 for x in found): pass\n    assert found == 4";
    const reference = { ...doubled, ...ample, entryPoint: "double", tests: { kind: "asserts", code } };
    await runsOut(reference, "import time\ntime.sleep(0.8)\ndef double(x): return list(range(100_000))");
  });
  test("is not given more time than the deadline leaves", async () => {
    await runsOut({ ...doubled, ...ample }, "while True: pass");
  });
});

describe("tests that are broken", () => {
  test("give no score", async () => {
    for (const code of ["assert double(2 ==", "x = 1"]) {
      const verdict = await judge({ language: "python", tests: { kind: "asserts", code } }, "def double(x): return 2 * x");
      assert.ok(verdict.kind === "unscorable" && verdict.failure === "reference", JSON.stringify(verdict));
    }
    assert.equal(
      codeTests.reference.safeParse({ language: "python", tests: { kind: "function", calls: [{ args: [], expected: 1 }] } }).success,
      false,
    );
  });
});

/** Each tries to pass tests of `double` without computing it. */
const pythonCheats: Readonly<Record<string, readonly [program: string, evidence: RegExp]>> = {
  "exits with 0 while loading": ["import sys\nsys.exit(0)", /SystemExit.*ends the process early/],
  "ends the process while loading": ["import os\nos._exit(0)", /ended with exit code 0 before.*ends the process early/],
  "ends the process in a call": ["import os\ndef double(x): os._exit(0)", /ended with exit code 0.*ends the process early/],
  "exits in a call": ["def double(x): exit(0)", /SystemExit.*ends the process early/],
  "prints a marker and ends": ["import os\nprint('all 3 tests passed', flush=True)\nos._exit(0)", /having printed "all 3 tests passed/],
  "prints a verdict": ['print(\'{"kind":"scored","score":1}\')\ndef double(x): return None', /got None/],
  "equals everything": [
    "class A:\n    def __eq__(self, other): return True\ndef double(x): return A()",
    /own type A with __eq__.*defines its own equality/,
  ],
  "equals everything and hashes alike": [
    "class A:\n    def __eq__(self, o): return True\n    def __hash__(self): return 4\ndef double(x): return A()",
    /own type A/,
  ],
  "is an int that equals everything": [
    "class I(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\ndef double(x): return I(0)",
    /expected 4, got 0.*defines its own equality/,
  ],
  "is a str that equals everything": [
    "class S(str):\n    def __eq__(self, o): return True\n    __hash__ = str.__hash__\ndef double(x): return S('')",
    /got ""/,
  ],
  "is a list that equals everything": ["class L(list):\n    def __eq__(self, o): return True\ndef double(x): return L()", /got \[\]/],
  "answers not equal with no": ["class A:\n    def __ne__(self, o): return False\ndef double(x): return A()", /own type A with __ne__/],
  "is true and false as it likes": ["class A:\n    def __bool__(self): return True\ndef double(x): return A()", /own type A with __bool__/],
  "takes arithmetic over": [
    "class A:\n    def __sub__(self, o): return 0\n    def __abs__(self): return 0\n    def __lt__(self, o): return True\ndef double(x): return A()",
    /own type A/,
  ],
  "replaces AssertionError": [
    "import builtins\nbuiltins.AssertionError = KeyError\ndef double(x): return None",
    /got None.*patches builtins/,
  ],
  "raises AssertionError": ["def double(x): raise AssertionError('passed')", /it raised AssertionError.*patches the test framework/],
  "raises StopIteration": ["def double(x): raise StopIteration", /StopIteration/],
  "patches unittest": [
    "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef double(x): return None",
    /patches the test framework/,
  ],
  "replaces builtins": [
    "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = None\nbuiltins.hex = lambda n: '0x4'\ndef double(x): return None",
    /./,
  ],
  "replaces the harness's encoder": [
    "import sys\nf = sys._getframe(1)\nf.f_globals['encode'] = lambda *a: '[\"i\",\"0x4\"]'\ndef double(x): return None",
    /expected -6, got 4.*caller's frames/,
  ],
  "answers in the harness's place": [
    'import os\nos.write(4, b\'["loaded"]\\n["value",["i","0x4"]]\\n\' * 3)\ndef double(x): return None',
    /expected -6|descriptors/,
  ],
  "says that it passed, on the channel": [
    'import os\nos.write(4, b\'["loaded"]\\n["result",3,[],0,""]\\n\')\nos._exit(0)',
    /writes to descriptors|ends/,
  ],
  "floods the channel": ["import os\nwhile True: os.write(4, b'x' * 65536)", /limit on output/],
  "writes nonsense into the channel": ["import os\nos.write(4, b'null\\n{}\\n[[[[\\n')\ndef double(x): return 4", /./],
  "registers an exit handler": [
    "import atexit, os\natexit.register(lambda: os._exit(0))\ndef double(x): return None",
    /registers exit handlers|ends the process early/,
  ],
  "replaces standard output": ["import sys, io\nsys.stdout = io.StringIO()\ndef double(x): return None", /replaces standard output/],
  "redirects its channel to standard output": [
    "import os\nos.dup2(1, 4)\ndef double(x): return None",
    /limit on wall|ended|writes to descriptors/,
  ],
  "closes its channel": ["import os\nos.close(4)\ndef double(x): return 4", /ended|writes|limit/],
  "replaces the program's file": [
    "open('program.py', 'w').write('def double(x): return x * 2')\ndef double(x): return None",
    /reads or writes files/,
  ],
  "replaces the harness's file": ["open('harness.py', 'w').write('print(1)')\ndef double(x): return None", /reads or writes files/],
  "looks for tests in files": [
    "import os, glob\nseen = [open(f).read() for f in glob.glob('/tmp/**/*', recursive=True) if os.path.isfile(f)]\ntext = ' '.join(seen)\ndef double(x): return 4 if str(-3 * 2) in text else None",
    /expected 4, got None/,
  ],
  "looks for expected values in its callers": [
    "import sys\ndef double(x):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n            if v == 4 and type(v) is int: return v\n        f = f.f_back",
    /expected/,
  ],
  "looks for expected values among all objects": [
    "import gc\ndef double(x):\n    for o in gc.get_objects():\n        if isinstance(o, tuple) and len(o) == 2 and o == (2, x + x): return 4\n    return None",
    /got None.*objects of the grader/,
  ],
  "looks for expected values in memory": [
    "def double(x):\n    data = open('/proc/self/maps').read()\n    return 4 if 'assert' in data else None",
    /got None/,
  ],
  "looks for expected values in its environment and arguments": [
    "import os, sys\ndef double(x): return 4 if 'assert' in str(os.environ) + str(sys.argv) else None",
    /got None/,
  ],
  "asks the process above": ["import os\ndef double(x): return 4 if os.getppid() > 1 else None", /got None/],
  "hooks imports": ["import sys\nsys.modules['_json'] = sys.modules['os'] = None\nsys.meta_path.clear()\ndef double(x): return None", /./],
  "traces its caller": [
    "import sys\ndef t(f, e, a):\n    f.f_locals['value'] = 4\n    return t\nsys.settrace(t)\ndef double(x): return None",
    /traces or hooks/,
  ],
  "returns the right answer to the first question only": [
    "n = 0\ndef double(x):\n    global n\n    n += 1\n    return 4 if n == 1 else None",
    /double\(-3\)/,
  ],
  "defines what it is compared with": [
    "class M(type):\n    def __instancecheck__(cls, o): return True\nint = M('int', (), {})\ndef double(x): return int",
    /./,
  ],
  "starts a child that answers later": [
    'import os\nif os.fork() == 0:\n    while True: os.write(4, b\'["value",["i","0x4"]]\\n\')\ndef double(x): return None',
    /./,
  ],
  "catches every signal and waits": [
    "import signal, time\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    except Exception: pass\ntime.sleep(100)",
    /limit on wall.*catches signals/,
  ],
  "kills its first process": ["import os\nos.kill(1, 9)\ndef double(x): return None", /got None/],
  "returns a mock": ["from unittest.mock import MagicMock, ANY\ndef double(x): return ANY", /own type _ANY.*test framework/],
  "returns infinity and not a number": ["def double(x): return float('nan')", /got NaN/i],
};

const javaScriptCheats: Readonly<Record<string, readonly [program: string, evidence: RegExp]>> = {
  "exits with 0": ["process.exit(0);", /ended with exit code 0.*ends the process early/],
  "exits in a call": ["function double() { process.exit(0); }", /ended with exit code 0/],
  "registers an exit handler": [
    'process.on("exit", () => { process.exitCode = 0; }); function double() {}',
    /got undefined.*exit handlers/,
  ],
  "replaces Object.is": ["Object.is = () => true; function double() { return 5; }", /got 5.*patches equality/],
  "replaces assert": [
    'const assert = require("assert"); assert.strictEqual = assert.deepStrictEqual = () => {}; function double() { return 5; }',
    /got 5.*patches assertions/,
  ],
  "pollutes the prototype chain": [
    "Object.prototype.valueOf = () => 4; Object.prototype.value = 4; Array.prototype.every = () => true; function double() { return {}; }",
    /got \{\}.*prototype/,
  ],
  "has a valueOf": ["function double() { return new (class { valueOf() { return 4; } })(); }", /own type/],
  "replaces JSON": ['JSON.stringify = () => "[\\"f\\",\\"4\\"]"; String = () => "4"; function double() { return 5; }', /got 5|got/],
  "returns a proxy": ["function double() { return new Proxy({}, { get: () => 4 }); }", /own type Proxy/],
  "has a toJSON": ["function double() { return { toJSON: () => 4 }; }", /got/],
  "reads the tests": [
    'const fs = require("fs"); const all = fs.readdirSync(".").map((f) => fs.readFileSync(f, "utf8")).join(); function double() { return all.includes(["strict", "Equal"].join("")) ? 4 : 0; }',
    /got 0.*files/,
  ],
  "writes into the channel": ['require("fs").writeSync(4, \'["loaded"]\\n["value",["f","4"]]\\n\'); function double() {}', /./],
  "touches the harness's table": ["Object.freeze(globalThis.__program); function double() {}", /./],
  "replaces globals": ["globalThis.Array = globalThis.Map = globalThis.Promise = null; function double() { return 5; }", /got 5|raised/],
  "never settles": ["async function double() { await new Promise(() => {}); }", /limit on wall|ended/],
  "throws what is no error": ["function double() { throw null; }", /raised/],
};

describe("tricks", () => {
  const asJs = {
    language: "javascript",
    tests: {
      kind: "asserts",
      code: 'assert.strictEqual(double(2), 4); assert.strictEqual(double(-3), -6); assert.deepStrictEqual(double("ab"), "abab");',
    },
    timeMs: 1500,
  };
  const code =
    'const assert = require("node:assert");\nfor (const x of [2, -3, "ab"]) assert.strictEqual(double(x), typeof x === "string" ? x + x : 2 * x);';
  const asJsCode = { language: "javascript", tests: { kind: "asserts", code }, timeMs: 1500 };
  for (const [name, [program, evidence]] of Object.entries(pythonCheats)) {
    test(`a Python program that ${name}`, () => scores({ ...doubled, timeMs: 1500 }, program, 0, evidence));
    test(`a Python program that ${name}, against tests as code`, () => scores({ ...check, timeMs: 1500 }, program, 0));
  }
  for (const [name, [program, evidence]] of Object.entries(javaScriptCheats)) {
    test(`a JavaScript program that ${name}`, () => scores(asJs, program, 0, evidence));
    test(`a JavaScript program that ${name}, against tests as code`, () => scores(asJsCode, program, 0));
  }
});
