// Which assertions become data and which stay code, and what the literals in them are.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { javaScriptAsserts, meets, pythonAsserts } from "../../../../src/rewards/verifiable/codeTests/asserts.ts";
import { Cursor } from "../../../../src/rewards/verifiable/codeTests/cursor.ts";
import { literalText } from "../../../../src/rewards/verifiable/codeTests/literalText.ts";
import { pythonLiteral } from "../../../../src/rewards/verifiable/codeTests/pythonLiteral.ts";
import { decodeValue, type Equality, equals, showValue, type Value } from "../../../../src/rewards/verifiable/codeTests/values.ts";

const python: Equality = { kind: "python", tolerance: 0 };

function shown(code: string, entryPoint?: string): string[] | undefined {
  return pythonAsserts(code, entryPoint)?.map(({ function: name, args, keywords, expectation }) => {
    const list = [
      ...args.map((value) => showValue(value, "python")),
      ...keywords.map(([key, value]) => `${key}=${showValue(value, "python")}`),
    ];
    return `${name}(${list.join(", ")}) ${expectation.kind === "truth" ? `is ${expectation.value}` : showValue(expectation.value, "python")}`;
  });
}

describe("pythonAsserts", () => {
  test("reads calls with literals on either side, with messages, comments and keywords", () => {
    assert.deepEqual(
      shown(
        "assert f(1, [2, (3,)], k='x') == {'a': {1, 2}}, 'why'  # note\n\nassert not g()\nassert h(-1.5)\nassert 3 == f((1))\nassert(f(0) == None)",
      ),
      ['f(1, [2, (3,)], k="x") {"a": {1, 2}}', "g() is false", "h(-1.5) is true", "f(1) 3", "f(0) None"],
    );
  });
  test("reads a check of a candidate and gives it its name", () => {
    const code =
      "METADATA = {'author': 'a'}\n\ndef check(candidate):\n    # simple\n    assert True\n    assert candidate(1) == 2, 'x' + str(candidate(1))\n    assert abs(candidate(2) - 1.5) < 1e-6\n\n";
    assert.deepEqual(shown(code, "f"), ["f(1) 2", "f(2) 1.5"]);
    assert.equal(shown(code), undefined, "nobody says what the candidate is");
  });
  const left = [
    "x = f(1)\nassert x == 1",
    "for i in range(3):\n    assert f(i) == i",
    "assert f(1) == 1 or True",
    "assert f(1) != 2",
    "assert f(1) > 0",
    "assert f(1)[0] == 1",
    "assert f(1).x == 1",
    "assert f(1) + 1 == 2",
    "assert f(1) - 1 == 0",
    "assert f(g(1)) == 1",
    "assert f(*[1]) == 1",
    "assert f(1) == 2 * 3",
    "assert f(1) == 1 if True else False",
    "assert f(1) in (1, 2)",
    "assert sorted(f(1)) == [1]",
    "assert f(1) == 1; assert f(2) == 1",
    "assert False",
    "assert 1 == 2",
    "assert f(1) is not None",
    "assert f(1) is 1",
    "assert f('%s' % 1) == 1",
    "assert f(f'{1}') == 1",
    "assert f(b'x') == 1",
    "assert f(1) == 1\n  assert f(2) == 1",
    "def check(candidate):\n    assert candidate(1) == 1\nassert f(1) == 1",
    "",
    `assert f(${"[".repeat(500)}`,
  ];
  for (const code of left) test(`leaves code: ${JSON.stringify(code.slice(0, 60))}`, () => assert.equal(shown(code, "f"), undefined));
});

describe("javaScriptAsserts", () => {
  test("reads every usual form", () => {
    const calls = javaScriptAsserts(
      'const assert = require("node:assert/strict");\nassert.equal(f(1, "a"), 2, "why"); assert.deepStrictEqual(g([1, { a: null }]), [undefined, NaN])\nassert(h() === true);\nassert.ok(!h(1));\nconsole.assert(f(`x`) == "y");',
    );
    assert.deepEqual(
      calls?.map(({ function: name, args }) => [name, ...args.map((value) => showValue(value, "javascript"))]),
      [["f", "1", '"a"'], ["g", '[1, {"a": null}]'], ["h"], ["h", "1"], ["f", '"x"']],
    );
    assert.deepEqual(
      calls?.map(({ expectation }) => (expectation.kind === "truth" ? expectation.value : showValue(expectation.value, "javascript"))),
      ["2", "[undefined, NaN]", "true", false, '"y"'],
    );
  });
  test("leaves code", () => {
    for (const code of [
      "",
      "const x = f(1); assert(x)",
      "assert.equal(f(x), 1)",
      "assert.equal(f(1) + 1, 2)",
      "assert(f(1) === [1])",
      "assert.throws(() => f(1))",
      ["assert.equal(f(`$", "{1}`), 1)"].join(""),
      "assert(f(1) > 0)",
    ]) {
      assert.equal(javaScriptAsserts(code), undefined, code);
    }
  });
});

describe("pythonLiteral", () => {
  const read = (text: string) => pythonLiteral(new Cursor(text));
  test("reads strings as Python does", () => {
    for (const [text, value] of [
      [`'a\\n\\x41\\u00e9\\101' "b"`, "a\nAéAb"],
      [`r'\\n'`, "\\n"],
      [`"""a\nb"""`, "a\nb"],
      [`'\\q\\''`, "\\q'"],
    ] as const) {
      assert.deepEqual(read(text), { type: "str", value });
    }
  });
  test("reads numbers exactly", () => {
    assert.deepEqual(read("123456789012345678901234567890"), { type: "int", value: 123456789012345678901234567890n });
    assert.deepEqual(
      [read("0x_ff"), read("1_000"), read("-1e3"), read(".5"), read("1.")].map((value) => showValue(value, "python")),
      ["255", "1000", "-1000.0", "0.5", "1.0"],
    );
  });
  test("is written again as a literal of the same value", () => {
    for (const text of ["[1, -2.0, 1e300, (1,), (), {'a': [None, True]}, {1, 2}, set(), 'é\\n\"\\'', ((1, 2), 3)]", "1e999"]) {
      const value = read(text);
      if (text !== "1e999")
        assert.ok(
          equals(read(literalText(value, "python").replaceAll("set([1, 2])", "{1, 2}").replaceAll("set([])", "set()")), value, python),
          literalText(value, "python"),
        );
      assert.ok(!literalText(value, "python").includes("\n"));
    }
  });
});

describe("equals", () => {
  const int = (value: bigint): Value => ({ type: "int", value });
  const float = (value: number): Value => ({ type: "float", value });
  const bool = (value: boolean): Value => ({ type: "bool", value });
  const list = (...items: Value[]): Value => ({ type: "list", items });
  const tuple = (...items: Value[]): Value => ({ type: "tuple", items });
  const object: Value = { type: "object", name: "A", traits: "__eq__" };
  test("is Python's for its assertions", () => {
    for (const [a, b, same] of [
      [int(1n), float(1), true],
      [int(1n), bool(true), true],
      [int(2n ** 53n + 1n), float(2 ** 53), false],
      [float(Number.NaN), float(Number.NaN), false],
      [float(-0), int(0n), true],
      [list(int(1n)), tuple(int(1n)), false],
      [{ type: "set", items: [int(1n), int(2n)] }, { type: "set", items: [float(2), bool(true)] }, true],
      [{ type: "set", items: [int(1n), int(2n)] }, { type: "set", items: [int(1n), int(1n)] }, false],
      [{ type: "dict", entries: [[int(1n), int(2n)]] }, { type: "dict", entries: [[float(1), int(3n)]] }, false],
      [{ type: "complex", real: 1, imaginary: 0 }, int(1n), true],
      [object, object, false],
      [{ type: "none" }, bool(false), false],
      [{ type: "str", value: "1" }, int(1n), false],
    ] as const) {
      assert.equal(equals(a, b, python), same, `${showValue(a, "python")} ${showValue(b, "python")}`);
      assert.equal(equals(b, a, python), same, "the other way round");
    }
  });
  test("tells 1 from true, and a list from no tuple, in JSON", () => {
    const json: Equality = { kind: "json", tolerance: 0 };
    assert.ok(equals(tuple(int(1n)), list(float(1)), json) && !equals(int(1n), bool(true), json));
    assert.ok(
      equals(float(0.1 + 0.2), float(0.3), { kind: "json", tolerance: 1e-9 }) &&
        !equals(float(Number.NaN), float(1), { kind: "json", tolerance: 1 }),
    );
  });
  test("tells 0 from -0 in JavaScript, and knows NaN", () => {
    const js: Equality = { kind: "javascript", tolerance: 0 };
    assert.ok(
      equals(float(Number.NaN), float(Number.NaN), js) &&
        !equals(float(0), float(-0), js) &&
        !equals({ type: "none" }, { type: "undefined" }, js),
    );
  });
  test("finds an object of the program's own neither true nor false", () => {
    assert.ok([true, false].every((value) => !meets(object, { kind: "truth", value, in: "python" })));
  });
});

describe("decodeValue", () => {
  test("refuses what no harness says", () => {
    for (const tagged of [1, {}, ["i", "5"], ["i", 5], ["l", "x"], ["d", [[1]]], ["d", [["a"]]], ["?"], [], undefined, ["l", [1]]]) {
      assert.equal(decodeValue(tagged), undefined, JSON.stringify(tagged));
    }
    let deep: unknown = null;
    for (let i = 0; i < 5000; i++) deep = ["l", [deep]];
    assert.equal(decodeValue(deep), undefined);
  });
});

describe("JavaScript's own equality", () => {
  const holds = (code: string, value: Value) => meets(value, javaScriptAsserts(code)![0]!.expectation);
  const number = (value: number): Value => ({ type: "float", value });
  test("has -0 for 0 except where it is strict by name", () => {
    for (const code of ["assert(f() === 0)", "console.assert(f() === 0)", "assert.equal(f(), 0)", "assert.deepEqual(f(), 0)"]) {
      assert.ok(holds(code, number(-0)), code);
    }
    for (const code of ["assert.strictEqual(f(), 0)", 'import assert from "node:assert/strict"; assert.equal(f(), 0)']) {
      assert.ok(!holds(code, number(-0)) && holds(code, number(0)), code);
    }
  });
  test("tells big integers from numbers", () => {
    assert.ok(
      !holds("assert.strictEqual(f(), 1)", { type: "int", value: 1n }) && holds("assert.strictEqual(f(), 1n)", { type: "int", value: 1n }),
    );
  });
  test("has NaN for false and every object for true", () => {
    for (const value of [number(Number.NaN), number(0), { type: "undefined" } as const]) {
      assert.ok(!holds("assert(f())", value) && holds("assert(!f())", value));
    }
    assert.ok(holds("assert(f())", { type: "list", items: [] }) && holds("assert.ok(f())", { type: "object", name: "A", traits: "" }));
    assert.equal(javaScriptAsserts("assert(f() === NaN)"), undefined);
  });
});
