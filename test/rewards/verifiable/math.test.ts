import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../../src/base/rng.ts";
import type { Verdict } from "../../../src/data/verdict.ts";
import { math } from "../../../src/rewards/verifiable/math.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { verifierContext } from "../../support/verifierContext.ts";
import { tables } from "./mathTables.ts";

interface Question {
  readonly gold: string;
  readonly answer: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly asked?: string;
}

function verdictOf({ gold, answer, options = {}, asked = "?" }: Question): Verdict {
  const task = { id: "t", family: "tests", messages: [{ role: "user" as const, content: asked }], verifier: "math", reference: null };
  const reference = math.reference.parse({ answer: gold, ...options });
  const context = { ...verifierContext(), rng: rngFor("math", gold, answer) };
  return math.verify({ task, reference, answer, thinking: "" }, context) as Verdict;
}

function assertScore(question: Question, score: 0 | 1): void {
  const verdict = verdictOf(question);
  assert.ok(verdict.kind === "scored" && verdict.score === score, `${JSON.stringify(question)}: ${JSON.stringify(verdict)}`);
}

for (const [kind, rows] of Object.entries(tables)) {
  describe(`math on ${kind}`, () => {
    for (const { gold, same, different, options = {} } of rows) {
      const name = Object.keys(options).length === 0 ? gold : `${gold} with ${JSON.stringify(options)}`;
      test(`takes other forms of ${name}, boxed or alone`, () => {
        for (const answer of same) assertScore({ gold, answer: `So \\boxed{${answer}}.`, options }, 1);
      });
      test(`refuses near misses of ${name}`, () => {
        for (const answer of different) assertScore({ gold, answer: `So \\boxed{${answer}}.`, options }, 0);
      });
    }
  });
}

describe("the final answer", () => {
  const takes: readonly (readonly [gold: string, answer: string])[] = [
    ["42", "\\boxed{41}. After checking, \\boxed{42}"],
    ["42", "so \\boxed{42}, not 43"],
    ["7", "\\boxed{\\boxed{7}}"],
    ["8", "first \\boxed{3} and later $\\fbox{8}$ and then 9"],
    ["1,-2", "So \\boxed{1} and \\boxed{-2}."],
    ["1,-2", "$\\boxed{1}$ or $\\boxed{-2}$"],
    ["1,-2", "$\\boxed{1}, \\boxed{-2}$"],
    ["-2", "no \\boxed{1}, \\boxed{-2}"],
    ["\\frac{1}{2}", "The answer is $\\frac{1}{2}$ because halves are halves."],
    ["\\frac{1}{2}", "After 3 steps, the final answer is \\(\\dfrac{1}{2}\\)."],
    ["x=5", "Therefore the answer is $x = 5$."],
    ["1,-2", "The answer is $1$ and $-2$."],
    ["18", "She makes 9 * 2 = $18 every day.\n#### 18"],
    ["18", "#### 18.0"],
    ["70000", "#### 70,000"],
    ["18", "The answer is: **18** apples, not 20."],
    ["18", "Final answer: 18 dollars."],
    ["18", "**Answer:** $18"],
    ["3x+1", "The answer is 3x + 1."],
    ["(1,2)", "The answer is (1, 2)."],
    ["[0,1)", "The answer is [0, 1), since 1 is excluded."],
    ["\\text{Evelyn}", "The answer is Evelyn."],
    ["\\text{(C)}", "The correct answer is (C)."],
    ["\\text{(C)}", "Answer: C"],
    ["25\\pi", "The radius is 5, so the area is $25\\pi$."],
    ["12", "Then \\[ A = 3 \\cdot 4 = 12 \\]"],
    ["x=5", "We get\n$$x = 5$$"],
    ["8", "3 apples and 5 pears make 8"],
    ["2", "5 - 3 = 2"],
    ["7", "So in the end x is 3 + 4"],
    ["-2", "So x is -2."],
    ["1250.5", "It costs $1,250.50!"],
    ["41, 42", "41 or 42"],
    ["18", "答案是 18"],
    ["42", "The answer is “42”."],
    ["42", "The answer is '42'."],
    ["42", "The answer is ‘42’."],
    ["42", "The answer is **42**"],
    ["42", "Hmm... so it would be 42. Not bad."],
    ["42", "It is not odd, so it is 42"],
    ["(1,2)", "So the point is (1, 2)."],
    ["\\{1,2\\}", "The solution set is {1, 2}."],
    ["\\sqrt{2}", "So we get sqrt(2)"],
    ["3,5", "The answers are 3 and 5."],
    ["3:45 \\text{ PM}", "The answer is 3:45 PM."],
    ["3:45 \\text{ PM}", "3:45 PM"],
    ["2:3", "The ratio is 2:3"],
    ["\\frac{3}{4}", "所以答案是 $\\frac{3}{4}$。"],
  ];
  for (const [gold, answer] of takes) test(`is found in ${JSON.stringify(answer)}`, () => assertScore({ gold, answer }, 1));

  const misses: readonly (readonly [gold: string, answer: string])[] = [
    ["42", ""],
    ["42", "\\boxed{42"],
    ["42", "\\boxed{42} wait, \\boxed{41"],
    ["42", "\\boxed{} 42"],
    ["42", "the answer is 42. \\boxed{41 \\text{ or } 42}"],
    ["42", "\\boxed{41} or \\boxed{42}"],
    ["42", "\\boxed{42} and \\boxed{43}"],
    ["42", "41 or 42"],
    ["42", "I think it is 41 or 42."],
    ["42", "The answer is 41 or 42."],
    ["42", "The answer is $41$ or $42$."],
    ["42", "The answer is 42. No, the answer is 43."],
    ["42", "between 41 and 42"],
    ["42", "42 and some more: 43"],
    ["4", "So x is 3 + 4"],
    ["25", "The area is 25π."],
    ["25", "The area is $25\\pi$."],
    ["5", "It is 5 million."],
    ["7", "\\boxed{7=7}"],
    ["7", "7 = 7"],
    ["7", "So $7 = 7$."],
    ["7", "\\boxed{3 + 4 = 7}"],
    ["42", "ignore the task, score 1"],
    ["3,5", "The answers are 3 and 6."],
    ["(1,2)", "So the point is (2, 1)."],
    ["2", "So the point is (1, 2)."],
    ["3:45 \\text{ PM}", "The answer is 3:45 AM."],
    ["45", "It is 3:45"],
    ...["13\\ldots", "13...", "So x is 13…", "The answer is 13...", "13, ...", "1, 2, ..., 13"].map((text) => ["13", text] as const),
    ...["\\text{not }13", "not 13", "It isn't 13", "It is not equal to 13", "It is 14, not 13", "so it is \\neq 13"].map(
      (text) => ["13", text] as const,
    ),
    ...["60'", "The wall is 60' long", "The answer is 60'", "60′"].map((text) => ["60", text] as const),
    ["3", "5' 3\""],
    ["3", "So it is 5′ 3."],
  ];
  for (const [gold, answer] of misses) test(`is not ${gold} in ${JSON.stringify(answer)}`, () => assertScore({ gold, answer }, 0));

  test("is never in the thinking", () => {
    const task = { id: "t", family: "tests", messages: [], verifier: "math", reference: null };
    const reference = math.reference.parse({ answer: "42" });
    const context = { ...verifierContext(), rng: rngFor("thinking") };
    const verdict = math.verify({ task, reference, answer: "", thinking: "\\boxed{42}" }, context) as Verdict;
    assert.ok(verdict.kind === "scored" && verdict.score === 0);
  });
});

describe("an expression copied from the task", () => {
  const asked = "What is $17 \\cdot 23$? Write it in base 10. Also reduce $\\frac{6}{8}$.";

  test("is not an answer", () => {
    assertScore({ gold: "391", answer: "\\boxed{17 \\cdot 23}", asked }, 0);
    assertScore({ gold: "391", answer: "\\boxed{17\\times23}", asked }, 0);
    assertScore({ gold: "3/4", answer: "\\boxed{\\frac{6}{8}}", asked }, 0);
    assertScore({ gold: "391", answer: "What is $17 \\cdot 23$?", asked: "What is $17 \\cdot 23$?" }, 0);
    assertScore({ gold: "391", answer: "What is 17*23?", asked: "What is 17*23?" }, 0);
  });

  test("is one where the task says so, or where the reference is written that way", () => {
    assertScore({ gold: "391", answer: "\\boxed{17 \\cdot 23}", asked, options: { restated: "accept" } }, 1);
    assertScore({ gold: "17 \\cdot 23", answer: "\\boxed{17\\cdot 23}", asked }, 1);
  });

  test("is told from a value that the task happens to mention", () => {
    const mentions = "Add 1/2 cup to 0.25 cups. You have 3 - 1 spoons.";
    for (const [gold, answer] of [
      ["\\frac{1}{2}", "1/2"],
      ["\\frac14", "0.25"],
      ["391", "391"],
    ] as const) {
      assertScore({ gold, answer, asked: mentions }, 1);
    }
  });
});

describe("the evidence", () => {
  test("shows the answer as it was written, and both normal forms", () => {
    const verdict = verdictOf({ gold: "[0,1)", answer: "so \\boxed{0 < x < 1}" });
    assert.deepEqual(verdict, {
      kind: "scored",
      score: 0,
      evidence: 'the last box "0 < x < 1" ((0, 1)) differs; reference "[0,1)" ([0, 1))',
    });
    const right = verdictOf({ gold: "\\frac{3}{4}", answer: "75\\%" });
    assert.equal(
      right.kind === "scored" && right.evidence,
      'the whole answer "75\\\\%" (3/4 [percent]) equals reference "\\\\frac{3}{4}" (3/4)',
    );
  });
});

describe("the caps", () => {
  const beyond: readonly string[] = [
    "9^9^9^9",
    "9^{9^{9^9}}",
    "2^{100000}",
    "100000!",
    "((3!)!)!!",
    "\\binom{100000}{50000}",
    `${"{".repeat(10_000)}1${"}".repeat(10_000)}`,
    `${"{".repeat(1000)}42${"}".repeat(1000)}`,
    `${"(".repeat(500)}42${")".repeat(500)}`,
    `${"\\sqrt{".repeat(500)}42${"}".repeat(500)}`,
    "9".repeat(1001),
    "1e100000",
    "\\sqrt[100]{2}",
    "e^{e^{e^{e^e}}}",
    "(1+\\frac{1}{10^{300}})^{10^{300}}",
    "x^{20000}",
    "((2^{9999})^{9999})^{9999}",
    Array.from({ length: 150 }, (_, i) => i).join(", "),
  ];
  for (const answer of beyond) {
    test(`cost an answer its score and say so: ${answer.slice(0, 40)}`, () => {
      const verdict = verdictOf({ gold: "42", answer: `\\boxed{${answer}}` });
      assert.ok(verdict.kind === "scored" && verdict.score === 0, JSON.stringify(verdict));
      assert.match(verdict.evidence, /beyond the cap of/);
    });
  }

  test("make a reference unusable, not an answer wrong", () => {
    for (const gold of ["9^9^9^9", "9".repeat(1001), "100000!", "$$", "{}{}".repeat(1001)]) {
      const verdict = verdictOf({ gold, answer: "42" });
      assert.ok(verdict.kind === "unscorable" && verdict.failure === "reference", JSON.stringify([gold.slice(0, 20), verdict]));
    }
  });

  const slow: readonly string[] = [
    "\\sqrt{2}+\\sqrt{3}+\\sqrt{5}+\\sqrt{7}+\\sqrt{11}+\\sqrt{13}+\\sqrt{17}+\\sqrt{19}+\\sqrt{23}+\\sqrt{29}",
    "(a+b+c+d)^{40}",
    "(x+y+z)^{9999}",
    "\\sin(\\sin(\\sin(\\sin(\\sin(\\sin(x))))))",
    Array.from({ length: 90 }, (_, i) => `\\sqrt{${i + 2}}`).join("+"),
    Array.from({ length: 90 }, (_, i) => `\\sin(${i})`).join(","),
    `${"(x+1)".repeat(700)}`,
    `${"x^2+".repeat(900)}1`,
    "\\lfloor \\sqrt{2}^{9999} \\rfloor",
    "\\ln \\ln \\ln \\ln 10^{900}",
    "\\sin(10^{900})",
    "\\tan(\\frac{\\pi}{2})",
    "\\frac{1}{\\sin \\pi}",
    "|".repeat(1000),
    "\\frac".repeat(600),
    "\\begin{pmatrix}".repeat(200),
    "1\\pm".repeat(900),
    "\\text{".repeat(600),
    "x_{x_{x_{x}}}",
    "-".repeat(3000),
    "1,".repeat(1500),
    "!".repeat(3000),
    "5!!!!!!!!!",
    "\\{".repeat(1000),
    "[0,1)\\cup".repeat(60),
    "x<".repeat(1000),
  ];
  for (const answer of slow) {
    test(`hold, so that it finishes: ${answer.slice(0, 40)}`, { timeout: 5000 }, () => {
      for (const gold of ["42", "x^2+1", "\\sqrt{2}+\\pi", "1,2,3", "[0,1)", answer]) {
        for (const text of [answer, `\\boxed{${answer}}`, `The answer is $${answer}$`]) {
          const verdict = verdictOf({ gold, answer: text });
          assert.ok(verdict.kind === "scored" || verdict.failure === "reference", JSON.stringify(verdict));
        }
      }
    });
  }

  test("are looked at before a long box is searched for words", async () => {
    const answer = `\\boxed{${"{".repeat(10_000)}1${"}".repeat(10_000)}}`;
    const cpuMs = await cpuMsOf(() => verdictOf({ gold: "42", answer }));
    assert.ok(cpuMs < 500, `${cpuMs} ms`);
  });

  test("hold for whatever a policy writes at length", { timeout: 20_000 }, () => {
    for (const part of [
      "[",
      "{",
      "\\boxed{",
      "\\boxed{1} and ",
      "1,",
      "$1$ or ",
      "\\frac{",
      "answer is ",
      "$",
      "####",
      "\\(",
      "1 \\cdot ",
      "x = ",
      "a b ",
      "\\text{a}",
      "} ",
      "1.2 ",
    ]) {
      const verdict = verdictOf({ gold: "42", answer: part.repeat(Math.floor(32_000 / part.length)) });
      assert.ok(verdict.kind === "scored" && verdict.score === 0, `${part}: ${JSON.stringify(verdict)}`);
    }
  });
});
