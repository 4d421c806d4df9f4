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
