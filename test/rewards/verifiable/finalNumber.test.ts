import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { finalNumber, maxAnswerChars } from "../../../src/rewards/verifiable/finalNumber.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";

function assertFinal(answer: string, text: string, source: string): void {
  const found = finalNumber(answer);
  assert.ok(found.kind === "found", `${JSON.stringify(answer)}: ${found.kind === "none" ? found.why : ""}`);
  assert.deepEqual([found.text.trim(), found.source], [text, source], answer);
}

function assertNone(answer: string, why: RegExp): void {
  const found = finalNumber(answer);
  assert.ok(
    found.kind === "none",
    `${JSON.stringify(answer)} gave ${JSON.stringify(found, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`,
  );
  assert.match(found.why, why, answer);
}

describe("finalNumber", () => {
  test("takes the last box", () => {
    assertFinal("\\boxed{41}. After checking, \\boxed{42}", "42", "the last box");
    assertFinal("so \\boxed{\\frac{3}{4}} it is, not 5", "\\frac{3}{4}", "the last box");
    assertFinal("\\boxed{\\boxed{7}}", "7", "the last box");
    assertFinal("\\fbox{8} and then 9", "8", "the last box");
  });

  test("looks no further than the last box", () => {
    assertNone("the answer is 42. \\boxed{41 \\text{ or } 42}", /box is not a number/);
    assertNone("\\boxed{41, 42} so 42", /box is not a number/);
    assertNone("\\boxed{7=7} 7", /box is not a number/);
    assertNone("\\boxed{42", /never closed/);
    assertNone("\\boxed{41} no, \\boxed{42", /never closed/);
    assertNone("\\boxed{} 42", /box is not a number/);
  });

  test("takes the whole answer when it is a number", () => {
    assertFinal("$1,250.00", "$1,250.00", "the whole answer");
    assertFinal(" 1 1/2 ", "1 1/2", "the whole answer");
  });

  test("takes the number after the last marker", () => {
    assertFinal("2 + 2 = 4\n#### 18.0", "18.0", 'the number after "####"');
    assertFinal("The answer is 5. Wait. The answer is: **18** apples, not 20.", "18", 'the number after "answer is"');
    assertFinal("Final answer: \\(x = 18\\)", "18", 'the number after "answer:"');
    assertFinal("The answer is $18.", "$18", 'the number after "answer is"');
    assertFinal("the answer is -3/4", "-3/4", 'the number after "answer is"');
  });

  test("takes the last number as a last resort", () => {
    assertFinal("3 apples and 5 pears make 8", "8", "the last number");
    assertFinal("5 - 3 = 2", "2", "the last number");
    assertFinal("So x is -2.", "-2", "the last number");
    assertFinal("It costs $1,250.50!", "$1,250.50", "the last number");
    assertFinal("x2 is 9 and H2O is water", "9", "the last number");
    assertFinal("the answer is unclear, perhaps 4", "4", "the last number");
  });

  test("does not take a part of something else, but in a box and as the whole answer", () => {
    for (const text of [
      "so 13...",
      "so 13\\ldots",
      "so 1, 2, \\ldots, 13",
      "it is not 13",
      "it isn't 13",
      "a 13' wall",
      "so 13′",
      "5' 13",
    ]) {
      assertNone(text, /only a part of what stands there/);
    }
    assertNone("The answer is 13...", /only a part/);
    assertNone("The answer is not 13", /only a part/);
    assertFinal("not \\boxed{13}", "13", "the last box");
    assertFinal("it says '13'", "13", "the last number");
    assertFinal("not odd. Hmm... 13", "13", "the last number");
  });

  test("does not count several competing answers as one", () => {
    for (const hedge of [
      "41 or 42",
      "41, 42",
      "41 42",
      "41\n42",
      "41 / 42 / 43",
      "between 41 and 42",
      "41 dollars or 42",
      "41, or maybe 42",
      "41-42",
    ]) {
      assertNone(hedge, /competing|not a number|no number/);
      if (!hedge.includes("\n")) assertNone(`The answer is ${hedge}`, /competing|not a number|no number/);
    }
    assertNone("#### 41 or 42", /competing/);
  });

  test("does not read a number out of words, powers, longer numbers or a scale", () => {
    for (const text of ["x2", "it is 2^10", "version 1.2.3", "17a", "a_5"]) assertNone(text, /no number/);
    assertNone("the answer is 18kg", /no number/);
    assertNone("5 million", /word of scale/);
    assertNone("the answer is 5 million", /word of scale/);
    assertNone("nothing", /no number/);
    assertNone("1,25", /competing/);
  });

  test("refuses answers and numbers beyond its caps, quickly", async () => {
    assertNone(`${" ".repeat(maxAnswerChars)}42`, /beyond the cap/);
    assertNone("9".repeat(20_000), /beyond the cap/);
    assertNone(`\\boxed{${"9".repeat(20_000)}}`, /beyond the cap/);
    const cpuMs = await cpuMsOf(() => {
      for (const part of ["[", "{", "\\boxed{", "1,", "1 ", "\\frac{", "answer is ", "1/", "-", "1e", "$", "####", "1,000"]) {
        finalNumber(part.repeat(Math.floor(maxAnswerChars / part.length)));
        finalNumber(`7${part.padStart(maxAnswerChars - 2)}8`);
      }
    });
    assert.ok(cpuMs < 1500, `took ${cpuMs} ms`);
  });
});
