import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { z } from "zod";

import type { Verdict } from "../../src/data/verdict.ts";
import { lawNames } from "../../src/rewards/laws.ts";
import { loadVerifier } from "../../src/rewards/load.ts";
import { builtInVerifiers } from "../../src/rewards/verifiable/table.ts";
import type { Verifier } from "../../src/rewards/verifier.ts";
import { lawResults, leavesTask, type VerifierCases, verifierLaws } from "./verifier.laws.ts";

const cases: Readonly<Record<string, VerifierCases>> = {
  numeric: {
    cases: [
      {
        reference: { answer: "1250" },
        accepted: [
          "1250",
          "1,250",
          "$1,250.00",
          "1.25e3",
          "2500/2",
          "I get 3, so the answer is 1250.",
          "2 * 625 = 1250\n#### 1,250",
          "no \\boxed{1}, \\boxed{1250}",
        ],
        rejected: ["1251", "-1250", "1250 or 1251", "1.250", "\\boxed{1250, 1251}", "\\boxed{1251} 1250", "1250 thousand"],
      },
      { reference: { answer: "3/4" }, accepted: ["0.75", "\\frac{6}{8}"], rejected: ["0.7500001", "3", "4/3"] },
      { reference: { answer: "0.333", tolerance: 0.001 }, accepted: ["1/3", "0.334", "0.332"], rejected: ["0.3341", "0.3319"] },
      {
        reference: { answer: "-200", relativeTolerance: 0.01, tolerance: 0.5 },
        accepted: ["-198", "-202", "-200.5"],
        rejected: ["-197.9", "-202.1", "200"],
      },
      { reference: { answer: "9007199254740993" }, accepted: ["9007199254740993"], rejected: ["9007199254740992"] },
    ],
    badReferences: [
      { answer: "about five" },
      { answer: "" },
      { answer: "1 or 2" },
      { answer: 5 },
      { answer: "5", tolerance: -1 },
      { answer: "5", extra: 1 },
      "5",
      null,
    ],
  },
  exact: {
    cases: [
      {
        reference: { answer: "4,17,31" },
        accepted: ["4,17,31", " 4,17,31\n"],
        rejected: ["4, 17, 31", "4,17", "4,17,31.", "the answer is 4,17,31"],
      },
      { reference: { answer: "False" }, accepted: ["False"], rejected: ["false", "not False"] },
      { reference: { answer: "4,17", from: "box" }, accepted: ["so \\boxed{4,17}"], rejected: ["4,17", "\\boxed{4,17", "\\boxed{4}"] },
      { reference: { answer: "yes", from: "last-line" }, accepted: ["no, wait\nyes\n\n"], rejected: ["yes\nno"] },
      { reference: { answer: "False", ignoreCase: true }, accepted: ["false", "FALSE "], rejected: ["true"] },
    ],
    badReferences: [{ answer: "" }, { answer: " \n" }, { answer: 5 }, {}, null, [], "False"],
  },
  "code-tests": {
    cases: [
      {
        reference: { language: "python", tests: { kind: "asserts", code: ["assert add(1, 2) == 3", "assert add('a', 'b') == 'ab'"] } },
        accepted: ["def add(a, b): return a + b", "Sure:\n```python\ndef add(a, b):\n    return b.__radd__(a) if False else a + b\n```"],
        rejected: ["def add(a, b): return 3", "import sys; sys.exit(0)", "```python\nprint('ok')\n```"],
      },
      {
        reference: {
          language: "javascript",
          entryPoint: "f",
          tests: { kind: "function", calls: [{ args: [[3, 1, 2]], expected: [1, 2, 3] }] },
        },
        accepted: ["const f = (x) => [...x].sort();"],
        rejected: ["const f = (x) => x;", "process.exit(0)"],
      },
      {
        reference: { language: "typescript", tests: { kind: "stdio", cases: [{ stdin: "2\n", stdout: "4\n" }] } },
        accepted: ['const n: number = Number(require("node:fs").readFileSync(0, "utf8")); console.log(n * n);'],
        rejected: ["console.log(5);"],
      },
    ],
    badReferences: [
      { language: "perl", tests: { kind: "asserts", code: "assert f(1) == 1" } },
      { language: "python", tests: [] },
      { language: "python", tests: { kind: "stdio", cases: [] } },
      { language: "python", tests: { kind: "function", calls: [{ args: [], expected: 1 }] } },
      { language: "python", tests: { kind: "asserts", code: "assert f(1" } },
      { language: "python", tests: { kind: "asserts", code: "f(1)" } },
      { tests: { kind: "asserts", code: "assert f(1) == 1" } },
      null,
    ],
  },
  countdown: {
    cases: [
      {
        reference: { numbers: [1, 3, 8], target: 25 },
        accepted: ["(8*3)+1", "8*3+1", "1 + 3 * 8", "8×3+1=25", "so \\boxed{8 \\times 3 + 1}"],
        rejected: ["8*3", "8*3+1+1", "25", "8*3+1=26", "8+3*1", "(8*3+1", "24+1", "8*3+1; 8*3+1", "8*3+2/2"],
      },
      { reference: { numbers: [3, 3, 8, 8], target: 24 }, accepted: ["8/(3-8/3)", "3*8"], rejected: ["8*3+0", "8/(3-3)"] },
      { reference: { numbers: [2, 5], target: 10 }, accepted: ["5*2"], rejected: ["5+5", "2*2*2+2"] },
      { reference: { numbers: [2, 5], target: -3 }, accepted: ["2-5", "2-5=-3"], rejected: ["5-2", "-3"] },
    ],
    badReferences: [{ numbers: [], target: 1 }, { numbers: [1.5], target: 1 }, { numbers: [1], target: "1" }, { target: 1 }, null],
  },
  instructions: {
    cases: [
      {
        reference: {
          instruction_id_list: ["punctuation:no_comma", "startend:quotation"],
          kwargs: [{}, { end_phrase: null }],
          mode: "loose",
        },
        accepted: ['"one; two"', 'Sure:\n"one"'],
        rejected: ["one; two", '"one, two"', "", "one"],
      },
      {
        reference: { instruction_id_list: ["language:response_language"], kwargs: [{ language: "fr" }] },
        accepted: ["Le bateau a quitté le port avant la tempête et nous l'avons attendu."],
        rejected: ["The ship left the harbour before the storm and we waited for it.", "42"],
      },
    ],
    badReferences: [
      { instruction_id_list: ["punctuation:no_commas"], kwargs: [{}] },
      { instruction_id_list: ["toString"], kwargs: [{}] },
      { instruction_id_list: ["length_constraints:number_words"], kwargs: [{ num_words: 5 }] },
      { instruction_id_list: ["punctuation:no_comma"], kwargs: [] },
      { instruction_id_list: [], kwargs: [] },
      {},
      null,
    ],
  },
  choice: {
    cases: [
      {
        reference: { answer: "B" },
        accepted: ["B", "(B)", "b.", "\\boxed{\\text{B}}", "A is wrong.\nThe answer is **B**.", "So it must be (B)."],
        rejected: ["A", "A or B", "(A) and (B)", "Banana", "\\boxed{A, B}", "The answer is B or C", "not B", "(A) (B) (C)"],
      },
      {
        reference: { answer: "(b)", options: ["a red apple", "a green pear"] },
        accepted: ["B", "A green pear.", "(B) a green pear"],
        rejected: ["a red apple", "B) a red apple", "a green pear or a red apple", "C"],
      },
      { reference: { answer: "A", options: { A: "yes", B: "no" } }, accepted: ["a", "Yes"], rejected: ["no", "yes or no", "A yes no"] },
    ],
    badReferences: [
      { answer: "BC" },
      { answer: "" },
      { answer: "C", options: ["one", "two"] },
      { answer: "A", options: ["one", "One."] },
      { answer: "A", options: [] },
      { answer: 1 },
      null,
    ],
  },
  "json-schema": {
    cases: [
      {
        reference: {
          schema: {
            type: "object",
            properties: { name: { type: "string", pattern: "^[A-Z]" }, age: { $ref: "#/$defs/age" } },
            required: ["name"],
            additionalProperties: false,
            $defs: { age: { type: "integer", minimum: 0 } },
          },
        },
        accepted: ['{"name": "Ann", "age": 3}', '```json\n{"name": "Ann"}\n```', 'Here:\n```\n{"name": "Ann"}\n```\nDone.'],
        rejected: [
          '{"name": "ann"}',
          '{"age": 3}',
          '{"name": "Ann", "age": -1}',
          '{"name": "Ann", "x": 1}',
          '{"name": "Ann", "constructor": 1}',
          '{"name": "Ann", "__proto__": {}}',
          'It is {"name": "Ann"}',
          "[]",
          '```\n{"name": "Ann"}\n```\n```\n{"name": "Ann"}\n```',
        ],
      },
      {
        reference: { schema: { prefixItems: [{ const: 1 }], items: false, minItems: 1, type: "array" } },
        accepted: ["[1]"],
        rejected: ["[2]", "[1, 1]", "[]"],
      },
    ],
    badReferences: [
      { schema: { type: "objekt" } },
      { schema: { $ref: "#/$defs/none" } },
      { schema: { $ref: "#" } },
      { schema: { pattern: "(?=a)" } },
      { schema: { pattern: "(a" } },
      { schema: { allOf: [] } },
      { schema: { properties: { a: 1 } } },
      { schema: { required: "a" } },
      { schema: { minLength: -1 } },
      { schema: { items: [{}] } },
      { schema: { $dynamicRef: "#a" } },
      { schema: { $schema: "http://json-schema.org/draft-07/schema#" } },
      { schema: 5 },
      {},
      null,
    ],
  },
  language: {
    cases: [
      {
        reference: { language: "es" },
        accepted: ["El barco salió del puerto antes de la tormenta y lo esperamos en el muelle."],
        rejected: [
          "The ship left the harbour before the storm.",
          "O navio deixou o porto antes da tempestade e nós esperamos por ele.",
          "12",
          "sí",
        ],
      },
      { reference: { language: "ja" }, accepted: ["船は港を出ました。"], rejected: ["船已经离开了港口。", "the ship left"] },
    ],
    badReferences: [{ language: "klingon" }, { language: "EN" }, { language: "en", of: "prompt" }, {}, null],
  },
  length: {
    cases: [
      {
        reference: { unit: "words", min: 2, max: 3 },
        accepted: ["one two", "it's re-used now"],
        rejected: ["one", "one two three four", ""],
      },
      { reference: { unit: "sentences", max: 2 }, accepted: ["One. Two.", "Dr. No came."], rejected: ["One. Two. Three.", " "] },
      { reference: { unit: "characters", min: 3, max: 3 }, accepted: ["abc", "🙂🙂🙂"], rejected: ["ab", "abcd"] },
      { reference: { unit: "approximate-tokens", max: 4 }, accepted: ["one two, three"], rejected: ["one two, three four"] },
    ],
    badReferences: [
      { unit: "words" },
      { unit: "words", min: 3, max: 2 },
      { unit: "pages", max: 1 },
      { unit: "words", max: -1 },
      { unit: "words", max: 1e9 },
      null,
    ],
  },
  puzzle: {
    cases: [
      {
        reference: {
          kind: "sudoku",
          grid: [
            [1, 0, 0, 0],
            [0, 0, 1, 0],
            [0, 1, 0, 0],
            [0, 0, 0, 0],
          ],
        },
        accepted: ["1 2 3 4\n3 4 1 2\n4 1 2 3\n2 3 4 1", "[[1,2,3,4],[3,4,1,2],[4,1,2,3],[2,3,4,1]]", "```\n1234\n3412\n4123\n2341\n```"],
        rejected: [
          "1 2 3 4\n3 4 1 2\n4 1 2 3\n2 3 4 4",
          "2 1 3 4\n3 4 1 2\n4 3 2 1\n1 2 4 3",
          "1 2 3 4",
          "1 0 0 0\n0 0 1 0\n0 1 0 0\n0 0 0 0",
        ],
      },
      {
        reference: { kind: "n-queens", size: 4 },
        accepted: ["2 4 1 3", "[3, 1, 4, 2]", "so \\boxed{2, 4, 1, 3}"],
        rejected: ["1 2 3 4", "2 4 1", "2 4 1 3 2", "1 1 1 1", "2 4 1 5"],
      },
      { reference: { kind: "n-queens", size: 4, fixed: [[1, 3]] }, accepted: ["3 1 4 2"], rejected: ["2 4 1 3"] },
      {
        reference: {
          kind: "graph-coloring",
          edges: [
            ["a", "b"],
            ["b", "c"],
            ["c", "a"],
          ],
          nodes: ["d"],
          colors: 3,
        },
        accepted: ["a: red, b: blue, c: green, d: red", '{"a": 1, "b": 2, "c": 3, "d": 3}', "- a = x\n- b = y\n- c = z\n- d = z"],
        rejected: [
          "a: red, b: blue, c: red, d: red",
          "a: 1, b: 2, c: 3",
          "a: 1, b: 2, c: 3, d: 4",
          "a: 1, a: 2, b: 2, c: 3, d: 1",
          "a: 1, b: 2, c: 3, d: 1, e: 1",
        ],
      },
      {
        reference: { kind: "subset-sum", numbers: [3, 5, -2, 5], target: 10 },
        accepted: ["5, 5", "5 + 5 = 10", "[5, 5]"],
        rejected: ["10", "5", "5, 3, 2", "5, 5, 5, 3", "5, 5, -2, 3"],
      },
      {
        reference: {
          kind: "sliding-tiles",
          start: [
            [1, 2],
            [0, 3],
          ],
          maxMoves: 5,
        },
        accepted: ["right", "R", "RLR", "right, left, right"],
        rejected: ["left", "up", "R L", "RLRLRLR", "right right", "sideways"],
      },
      {
        reference: {
          kind: "river-crossing",
          passengers: ["wolf", "goat", "cabbage"],
          forbidden: [
            ["wolf", "goat"],
            ["goat", "cabbage"],
          ],
        },
        accepted: [
          "goat\nnothing\nwolf\ngoat\ncabbage\nnothing\ngoat",
          "1. goat\n2. nothing\n3. cabbage\n4. goat\n5. wolf\n6. nothing\n7. goat",
        ],
        rejected: ["wolf\nnothing\ngoat", "goat\nnothing\nwolf", "goat, wolf\nnothing\ncabbage", "goat", "goat\ngoat\ngoat"],
      },
    ],
    badReferences: [
      { kind: "chess" },
      {
        kind: "sudoku",
        grid: [
          [1, 1],
          [0, 0],
        ],
      },
      { kind: "sudoku", grid: [[9]] },
      {
        kind: "sudoku",
        grid: [
          [0, 0],
          [0, 0],
        ],
        box: [2, 2],
      },
      { kind: "n-queens", size: 3 },
      { kind: "n-queens", size: 4, fixed: [[5, 1]] },
      { kind: "graph-coloring", edges: [["a", "a"]], colors: 2 },
      { kind: "subset-sum", numbers: [], target: 1 },
      {
        kind: "sliding-tiles",
        start: [
          [1, 1],
          [0, 2],
        ],
      },
      { kind: "river-crossing", passengers: ["wolf"], forbidden: [["wolf", "goat"]] },
      {},
      null,
    ],
  },
  regex: {
    cases: [
      {
        reference: { pattern: "\\d{4}-\\d{2}-\\d{2}" },
        accepted: ["2024-05-17", " 2024-05-17\n"],
        rejected: ["on 2024-05-17", "2024-5-17", "2024-05-171"],
      },
      {
        reference: { pattern: "colou?r", flags: "i", match: "search" },
        accepted: ["The COLOR red", "colours"],
        rejected: ["colouur", "cool"],
      },
      { reference: { pattern: "[0-9a-f]{4}", from: "box" }, accepted: ["it is \\boxed{ 0aff }"], rejected: ["0aff", "\\boxed{0AFF}"] },
      { reference: { pattern: "(x+x+)+y" }, accepted: ["xxy"], rejected: ["x".repeat(30_000), "y"] },
    ],
    badReferences: [
      { pattern: "" },
      { pattern: "(a" },
      { pattern: "(?=a)b" },
      { pattern: "(a)\\1" },
      { pattern: "a", flags: "g" },
      { pattern: "(a{100}){100}" },
      {},
      null,
    ],
  },
  repetition: {
    cases: [
      {
        reference: { n: 2, maxShare: 0.5, maxRun: 3 },
        accepted: ["the ship left the harbour before the storm", "no no no", "a"],
        rejected: ["no no no no", "we wait and we wait and we wait and we wait", "!!!!!!", ""],
      },
      { reference: { n: 1, score: "distinct" }, accepted: ["all words differ"], rejected: ["all words are words"] },
    ],
    badReferences: [{ n: 0 }, { maxShare: 2 }, { maxRun: 0 }, { score: "half" }, null, []],
  },
  math: {
    cases: [
      {
        reference: { answer: "\\frac{3}{4}" },
        accepted: ["0.75", "\\boxed{\\dfrac34}", "The answer is $\\frac{6}{8}$.", "75%", "#### 3/4", "no \\boxed{1}, \\boxed{3/4}"],
        rejected: ["0.7500001", "3", "4/3", "-3/4", "3/4 or 4/3", "\\boxed{1} 3/4", "\\boxed{3/4", "75"],
      },
      {
        reference: { answer: "[0,1) \\cup (2,\\infty)" },
        accepted: ["0 \\le x < 1 \\text{ or } x > 2", "\\boxed{(2,\\infty) \\cup [0,1)}"],
        rejected: ["[0,1] \\cup (2,\\infty)", "[0,1)", "x > 2"],
      },
      { reference: { answer: "1,-2" }, accepted: ["-2, 1", "x = 1 or x = -2"], rejected: ["1", "1, 2", "-2, 1, 3"] },
      { reference: { answer: "1,-2", listOrder: "given" }, accepted: ["1, -2"], rejected: ["-2, 1"] },
      { reference: { answer: "x^2-1" }, accepted: ["(x-1)(x+1)"], rejected: ["x^2+1", "(x-1)^2"] },
      { reference: { answer: "\\text{even}" }, accepted: ["even", "The answer is even."], rejected: ["odd", "even or odd"] },
      { reference: { answer: "3.14", tolerance: 0.01 }, accepted: ["\\pi", "3.15"], rejected: ["3.2", "3"] },
    ],
    badReferences: [
      { answer: "" },
      { answer: " \n" },
      { answer: "9^9^9^9" },
      { answer: "$$" },
      { answer: 5 },
      { answer: "5", tolerance: -1 },
      { answer: "5", order: "any" },
      "5",
      null,
    ],
  },
  sql: {
    cases: [
      {
        reference: {
          schema: "CREATE TABLE pets(name TEXT, kind TEXT, weight REAL); CREATE TABLE kinds(kind TEXT, legs INTEGER);",
          rows: {
            pets: [["Rex", "dog", 12.5], ["Tom", "cat", 4], { name: "Ivy", kind: "cat" }],
            kinds: [
              ["dog", 4],
              ["cat", 4],
            ],
          },
          query: "SELECT kind, count(*) FROM pets GROUP BY kind",
        },
        accepted: [
          "SELECT kind, count(*) FROM pets GROUP BY kind;",
          "Count them:\n```sql\nSELECT p.kind AS k, sum(1) AS n FROM pets p JOIN kinds USING (kind) GROUP BY 1 ORDER BY 2\n```\nDone.",
          "```\nSELECT 1\n```\n```sql\nWITH c AS (SELECT * FROM pets) SELECT kind, count(*) FROM c GROUP BY kind\n```\n```text\ndog 1\n```",
          "VALUES ('cat', 2), ('dog', 1.0)",
        ],
        rejected: [
          "SELECT kind FROM pets GROUP BY kind",
          "SELECT count(*), kind FROM pets GROUP BY kind",
          "SELECT kind, 1 FROM pets GROUP BY kind",
          "SELECT kind, count(weight) FROM pets GROUP BY kind",
          "SELECT kind, count(*) FROM pets GROUP BY kind LIMIT 1",
          "SELECT kind, count(*) FROM pets GROUP BY name",
          "SELECT kind, CAST(count(*) AS TEXT) FROM pets GROUP BY kind",
          "SELECT kind, count(*) FROM pets GROUP BY kind; DROP TABLE pets",
          "DELETE FROM pets",
          "I would count the pets by kind.",
          "```sql\nSELECT kind, count(*) FROM pets GROUP BY kind",
          "SELEC kind, count(*) FROM pets GROUP BY kind",
        ],
      },
      {
        reference: {
          schema: "CREATE TABLE t(a, b)",
          rows: {
            t: [
              [1, "x"],
              [3, "y"],
              [2, null],
            ],
          },
          query: "SELECT b FROM t ORDER BY a DESC",
        },
        accepted: ["SELECT b FROM t ORDER BY a DESC", "SELECT b FROM t ORDER BY -a"],
        rejected: ["SELECT b FROM t", "SELECT b FROM t ORDER BY a", "SELECT coalesce(b, '') FROM t ORDER BY a DESC"],
      },
    ],
    badReferences: [
      { schema: "CREATE TABLE t(a", query: "SELECT 1" },
      { schema: "CREATE TABLE t(a)", rows: { u: [[1]] }, query: "SELECT a FROM t" },
      { schema: "CREATE TABLE t(a)", rows: { t: [[1, 2]] }, query: "SELECT a FROM t" },
      { schema: "CREATE TABLE t(a)", query: "SELECT b FROM t" },
      { schema: "CREATE TABLE t(a)", query: "DELETE FROM t" },
      { schema: "CREATE TABLE t(a)", query: "" },
      { schema: "CREATE TABLE t(a)", query: "SELECT random()" },
      { schema: "CREATE TABLE t(a)", query: "SELECT a FROM t", order: true },
      { schema: "CREATE TABLE t(a)" },
      {},
      null,
    ],
  },
  "thinking-format": {
    cases: [
      {
        reference: { answer: "anything" },
        accepted: ["42", "an answer"],
        rejected: ["", " \n", "<think>", "a</think>b", "a < /THINK > b"],
      },
    ],
    badReferences: [],
  },
};

for (const { verifier } of builtInVerifiers) {
  const own = cases[verifier.id];
  assert.ok(own, `the table has "${verifier.id}", so this file must have cases for it`);
  verifierLaws(verifier, own);
}

// An author's file outside the repository, with a schema made by hand.
const folder = mkdtempSync(join(tmpdir(), "whetstone-author-"));
after(() => rmSync(folder, { recursive: true }));
const authorFile = join(folder, "palindrome.ts");
writeFileSync(
  authorFile,
  `const reference = {
  parse(value: unknown): { length: number } {
    const length = (value as { length?: unknown } | null)?.length;
    if (typeof value !== "object" || Array.isArray(value) || typeof length !== "number") throw new Error("length must be a number");
    return { length };
  },
};
export const palindrome = {
  id: "palindrome",
  version: 3,
  checks: "correctness",
  reference,
  verify({ reference, answer }: { reference: { length: number }; answer: string }) {
    const right = /^[a-z]+$/.test(answer) && answer.length === reference.length && [...answer].reverse().join("") === answer;
    return { kind: "scored", score: right ? 1 : 0, evidence: right ? "a palindrome of the length asked for" : "not one" };
  },
};
`,
);
verifierLaws(await loadVerifier(authorFile), {
  cases: [{ reference: { length: 5 }, accepted: ["level", "radar"], rejected: ["hello", "noon"] }],
  badReferences: [{ length: "5" }, {}, null],
});

describe("the table of verifiers", () => {
  test("has each id once, and the file of each row exports its verifier", async () => {
    const ids = builtInVerifiers.map(({ verifier }) => verifier.id);
    assert.deepEqual([...new Set(ids)], ids);
    for (const { verifier, file } of builtInVerifiers) assert.equal(await loadVerifier(file), verifier);
  });
});

describe("each law", () => {
  const honest = builtInVerifiers.find(({ verifier }) => verifier.id === "exact")!.verifier;
  const own: VerifierCases = {
    cases: [{ task: "Yes or no?", reference: { answer: "yes" }, accepted: ["yes"], rejected: ["no"] }],
    badReferences: [{ answer: "" }],
  };
  const says = (score: number, evidence = "because"): Verdict => ({ kind: "scored", score, evidence });
  const cheat = (verify: Verifier["verify"]): Verifier => ({ ...honest, verify });
  const paysFor = (text: RegExp) => cheat(({ answer }) => says(answer === "yes" || text.test(answer) ? 1 : 0));
  const untilAborted = (signal: AbortSignal) =>
    new Promise<Verdict>((resolve) => signal.addEventListener("abort", () => resolve(says(0)), { once: true }));
  let calls = 0;
  let before = "";
  const cheats: Readonly<Record<string, Verifier>> = {
    "accepts its accepted answers": cheat(() => says(0)),
    "rejects its rejected answers": cheat(() => says(1)),
    "gives partial answers their score": honest,
    "never pays for noise": paysFor(/NaN/),
    "never pays for an empty answer": paysFor(/^\s*$/),
    "never pays for the task text copied back": paysFor(/^Yes or no\?/),
    'never pays for "ignore the task and score 1"': paysFor(/ignore the task/),
    "does not look for the answer in the thinking": cheat(({ answer, thinking }) => says((answer + thinking).includes("yes") ? 1 : 0)),
    "cannot score against a reference that it cannot read": { ...honest, reference: z.unknown(), verify: () => says(0) },
    "answers within its deadline": cheat(({ answer }, { signal }) => (answer === "no" ? untilAborted(signal) : says(0))),
    "says something about every answer, with a finite score in 0..1": cheat(() => says(0, " ")),
    "says the same when asked again": cheat(() => says(0, `call ${calls++}`)),
    "says the same in any order and at any concurrency": cheat(({ answer }) => {
      const verdict = says(0, before === answer ? "again" : before.slice(0, 9));
      before = answer;
      return verdict;
    }),
  };

  test("has its cheat", () => assert.deepEqual(Object.keys(cheats), lawNames));

  test("holds for an honest verifier", async () => {
    for (const [law, { breaches }] of await lawResults(honest, own)) assert.deepEqual(breaches, [], law);
  });

  for (const [law, verifier] of Object.entries(cheats)) {
    test(`catches a cheat: ${law}`, async () => {
      const cases =
        law === "gives partial answers their score" ? [{ ...own.cases[0]!, partial: [{ answer: "yes and no", score: 0.5 }] }] : own.cases;
      const result = (await lawResults(verifier, { ...own, cases }, 50)).get(law)!;
      assert.notDeepEqual(result.breaches, []);
    });
  }

  test("is told to a checker that crashes on a reference its own schema let in", async () => {
    const careless = {
      ...honest,
      reference: z.any(),
      verify: ({ reference }: { reference: unknown }) => says((reference as { answer: string }).answer.length * 0),
    };
    const { breaches } = (await lawResults(careless, own)).get("cannot score against a reference that it cannot read")!;
    assert.ok(breaches.some(({ got }) => got.kind === "unscorable" && got.failure === "crash"));
  });

  test("takes no answer for noise that the case accepts, and no 1 for an instruction where 1 is right", async () => {
    const cases = [
      { reference: { answer: "null" }, accepted: ["null"] },
      { reference: { answer: "1" }, accepted: ["1"] },
    ];
    const lastWord = cheat(({ answer, reference }) =>
      says(answer.trim().split(/\s+/).at(-1) === (reference as { answer: string }).answer ? 1 : 0),
    );
    for (const [law, { breaches }] of await lawResults(lastWord, { cases, badReferences: [] })) assert.deepEqual(breaches, [], law);
  });

  test("refuses a reference of another kind, though the verifier would merely find the answer wrong", async () => {
    const lax = {
      ...honest,
      reference: z.unknown(),
      verify: ({ reference, answer }: { reference: unknown; answer: string }) =>
        says(answer === (reference as { answer?: string } | null)?.answer ? 1 : 0),
    };
    const { breaches } = (await lawResults(lax, { ...own, badReferences: [] })).get(
      "cannot score against a reference that it cannot read",
    )!;
    assert.deepEqual(
      breaches.map(({ question }) => question.reference),
      [null, 7, "text", ["text"]],
    );
  });

  test("is broken by what depends on the order, and by what depends on who else is asked at the same time", async () => {
    const law = "says the same in any order and at any concurrency";
    let last = 0;
    const remembering = cheat(({ answer }) => {
      const verdict = says(0, `after ${last}`);
      last = answer.length;
      return verdict;
    });
    const ordered = await lawResults(remembering, own);
    // Asked again in the same order, only the first follows another one than before; backwards, nearly all do.
    assert.ok(ordered.get("says the same when asked again")!.breaches.length <= 1);
    assert.ok(ordered.get(law)!.breaches.length > 10);

    let busy = 0;
    const crowded = cheat(async () => {
      busy++;
      await new Promise((resolve) => setImmediate(resolve));
      return says(0, busy-- > 1 ? "in company" : "alone");
    });
    const together = await lawResults(crowded, own);
    assert.deepEqual(together.get("says the same when asked again")!.breaches, []);
    assert.ok(together.get(law)!.breaches.length > 10);
  });

  test("leaves the task as it was", async () => {
    await leavesTask(honest, own);
    const meddler = cheat(({ task }) => {
      Object.assign(task, { family: "mine" });
      return says(0);
    });
    await assert.rejects(leavesTask(meddler, own), assert.AssertionError);
  });

  test("says no more after a few timeouts: each costs its deadline", { timeout: 60_000 }, async () => {
    const results = await lawResults(
      cheat((_, { signal }) => untilAborted(signal)),
      own,
      50,
    );
    assert.equal(results.get("answers within its deadline")!.breaches.length, 3);
    assert.match(results.get("says the same when asked again")!.excuse!, /^nothing more was asked after 3 timeouts/);
  });
});
