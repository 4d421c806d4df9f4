import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { choice, maxAnswerChars } from "../../../src/rewards/verifiable/choice.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { scoreOf, verdictOf } from "./verdictOf.ts";

const spellings = [
  ...["B", "(B)", "[B]", "B.", "b", "B)", "**B**", "*B*", "`B`", '"B"', "$B$", "\\(B\\)", "Option B", "answer: B", "B: five", "B) five"],
  ...["\\boxed{B}", "\\boxed{(B)}", "\\boxed{\\text{B}}", "$\\boxed{\\textbf{(B)}\\ 5}$", "no \\boxed{A}, \\boxed{B}"],
  ...["The answer is B.", "The answer is (B) because A is wrong.", "**Answer: B**", "**Answer:** B", "The final answer is $B$.", "#### B"],
  ...["A is wrong.\nThe correct option is **B**.", "I looked at A and C.\nB", "So I choose (B)."],
  ...["I choose B", "A is too small, so I'd pick option B.", "We select **B**.", "I go with B because A is too small.", "My choice is B"],
  ...[
    "Option B is correct",
    "Option B is correct, since it is not even.",
    "C is wrong, so (B) is the right answer.",
    "**B** is the best one.",
  ],
  ...["Choice b is right.\n\nThe others are too small.", "I picked A at first.\nI choose B."],
];
const others = [
  ...[
    "A",
    "A or B",
    "B or C",
    "B, C",
    "(A) and (B)",
    "(B) or (C)",
    "(A) (B) (C)",
    "AB",
    "B/C",
    "B C",
    "B|C",
    "B; A",
    "A\nB\nC\nD",
    "b or c",
  ],
  ...["Banana", "Be good", "not B", "The answer is not B", "the answer is bad", "I think B is nice but A", "B and C are both right"],
  ...[
    "\\boxed{A, B}",
    "\\boxed{}",
    "\\boxed{b/c}",
    "\\boxed{A} so B",
    "The answer is B. No wait, the answer is C",
    "Either (A) or (B)",
    "#### B or A",
  ],
  ...["B is wrong", "Option B is wrong", "Option B is not correct", "Option B is incorrect", "I do not choose B", "I wouldn't pick B"],
  ...["If I choose B, I lose", "If I pick B.", "I choose B or C", "I choose between B and C", "I choose not B", "I choose B if it rains"],
  ...["Is option B correct?", "Option B is correct?", "Option B is correct if x > 0", "Option B is correct, but C is better"],
  ...[
    "Option B is correct. Wait, no.",
    "Option B is correct and so is C",
    "Option A is correct. Option B is correct.",
    "A and B is correct",
  ],
  ...["I doubt that option B is correct", "I do not think B is correct", "Statement B is correct", "Whether option B is correct is open"],
  ...[
    "Suppose option B is correct. Then 1 = 2",
    "If x = 2, option B is correct",
    "Nobody says B is the answer",
    "Neither A nor B is correct",
  ],
  ...["Option B is correctly stated", "Option B is the answer of a fool, so I pick C"],
];

describe("choice", () => {
  const reference = { answer: "B" };
  for (const answer of spellings) {
    test(`reads B in ${JSON.stringify(answer)}`, async () => assert.equal(await scoreOf(choice, { reference, answer }), 1));
  }
  for (const answer of others) {
    test(`does not read B in ${JSON.stringify(answer)}`, async () => assert.equal(await scoreOf(choice, { reference, answer }), 0));
  }

  test("does not take the article for option A", async () => {
    for (const answer of ["A bird in the hand", "The answer is a bird", "It is a", "I"]) {
      assert.equal(await scoreOf(choice, { reference: { answer: "A" }, answer }), 0, answer);
    }
  });

  test("takes the text of an option for its letter, where it is known and alone", async () => {
    const withTexts = { answer: "C", options: { A: "iron", B: "tin", C: "iron and tin", D: "none" } };
    for (const answer of ["iron and tin", "Iron  and Tin.", "C) iron and tin", "The answer is iron and tin"]) {
      assert.equal(await scoreOf(choice, { reference: withTexts, answer }), 1, answer);
    }
    for (const answer of ["iron", "C) none of iron", "A) iron and tin", "E", "tin and iron"]) {
      assert.equal(await scoreOf(choice, { reference: withTexts, answer }), 0, answer);
    }
  });

  test("chooses at most one letter for any text", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("A", "B", "(C)", " or ", "\n", "answer is ", "\\boxed{", "}", "**", ". ", "no"), { maxLength: 12 }),
        async (parts) => {
          const answer = parts.join("");
          const scores = await Promise.all(["A", "B", "C"].map((letter) => scoreOf(choice, { reference: { answer: letter }, answer })));
          assert.ok(scores.filter((score) => score === 1).length <= 1, answer);
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  test("scores 0 beyond its cap, and is fast up to it", async () => {
    const beyond = await verdictOf(choice, { reference, answer: `${" ".repeat(maxAnswerChars)}B` });
    assert.match(beyond.kind === "scored" ? beyond.evidence : "", /beyond the cap of 32768 characters/);
    for (const unit of [
      "answer ",
      "answer   *",
      "(B",
      "(B)",
      "**",
      "\\text{",
      " ",
      "####",
      "\\boxed {",
      "I choose ",
      "B is correct. ",
      "so ",
    ]) {
      const cpuMs = await cpuMsOf(() => verdictOf(choice, { reference, answer: unit.repeat(maxAnswerChars / unit.length) }));
      assert.ok(cpuMs < 1000, unit);
    }
  });
});
