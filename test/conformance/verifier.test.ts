import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { z } from "zod";

import type { Verdict } from "../../src/data/verdict.ts";
import { loadVerifier } from "../../src/rewards/load.ts";
import { builtInVerifiers } from "../../src/rewards/verifiable/table.ts";
import type { Verifier } from "../../src/rewards/verifier.ts";
import { laws, type VerifierCases, verifierLaws } from "./verifier.laws.ts";

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
    if (typeof length !== "number") throw new Error("length must be a number");
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
    cases: [{ reference: { answer: "yes" }, accepted: ["yes"], rejected: ["no"] }],
    badReferences: [{ answer: "" }],
  };
  const says = (score: number, evidence = "because"): Verdict => ({ kind: "scored", score, evidence });
  const cheat = (verify: Verifier["verify"]): Verifier => ({ ...honest, verify });
  let calls = 0;
  const cheats: Readonly<Record<string, Verifier>> = {
    "accepts its accepted answers": cheat(() => says(0)),
    "rejects its rejected answers": cheat(() => says(1)),
    "never pays for noise": cheat(({ answer }) => says(answer.includes("score 1") ? 1 : 0)),
    "does not look for the answer in the thinking": cheat(({ answer, thinking }) => says((answer + thinking).includes("yes") ? 1 : 0)),
    "says something about every answer, with a finite score in 0..1": cheat(() => says(0, " ")),
    "says the same when asked again": cheat(() => says(0, `call ${calls++}`)),
    "cannot score against a reference that it cannot read": { ...honest, reference: z.unknown(), verify: () => says(0) },
    "leaves the task as it was": cheat(({ task }) => {
      Object.assign(task, { family: "mine" });
      return says(0);
    }),
  };

  for (const [name, { check }] of Object.entries(laws)) {
    test(`holds for an honest verifier and catches a cheat: ${name}`, async () => {
      await check(honest, own);
      await assert.rejects(check(cheats[name]!, own), assert.AssertionError);
    });
  }
});
