import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DataError } from "../../src/base/errors.ts";
import { assertDisjoint, evaluationShare, questionText, sideOf } from "../../src/data/split.ts";
import { questionTask, type Task } from "../../src/data/task.ts";

const task = (question: string, family = "test"): Task =>
  questionTask({ family, question, verifier: "numeric", reference: { answer: "1" } });
const numbered = Array.from({ length: 4000 }, (_, i) => task(`${i}+1=?`));

describe("sideOf", () => {
  test("keeps about the stated share for evaluation", () => {
    const share = numbered.filter((each) => sideOf(each) === "evaluation").length / numbered.length;
    assert.ok(Math.abs(share - evaluationShare) < 5 * Math.sqrt((0.1 * 0.9) / 4000), `${share}`);
  });

  test("does not move a question: these sides are part of the format of published splits", () => {
    const sides = numbered.slice(0, 30).map((each) => (sideOf(each) === "evaluation" ? "e" : "t"));
    // By Python: int(sha256(b'"0+1=?"').hexdigest()[:13], 16) / 2**52 < 0.1, and so on.
    assert.equal(sides.join(""), "tttttettttttettttttetttttttttt");
  });

  test("looks at nothing but the question: family, id, verifier, system message, case and spacing may differ", () => {
    const questions = [...numbered.slice(0, 100), ...numbered.slice(0, 100).map((_, i) => task(`what is the ${i}th prime?`))];
    for (const original of questions) {
      const question = original.messages[0]!.content;
      const copy: Task = {
        id: "another",
        family: "another",
        messages: [
          { role: "system", content: "be brief" },
          { role: "user", content: ` ${question.toUpperCase()}\n` },
        ],
        verifier: "exact",
        reference: null,
      };
      assert.equal(sideOf(copy), sideOf(original));
    }
  });
});

describe("questionText", () => {
  test("folds case, white space and Unicode forms", () => {
    assert.equal(questionText(task("  What\tis\u00a0\n½ of ＡＢＣ? ")), questionText(task("what is 1⁄2 of abc?")));
  });

  test("keeps what makes questions different", () => {
    const texts = ["1+2=?", "1-2=?", "12=?", "1 2=?", "1+2"].map((question) => questionText(task(question)));
    assert.equal(new Set(texts).size, 5);
  });

  test("takes all turns but the system's", () => {
    const messages = [
      { role: "system", content: "S" },
      { role: "user", content: "A" },
      { role: "assistant", content: "B" },
      { role: "user", content: "C" },
    ] as const;
    assert.equal(questionText({ ...task(""), messages }), "a b c");
  });
});

describe("assertDisjoint", () => {
  test("accepts sets without a common question", () => {
    assert.doesNotThrow(() => assertDisjoint(numbered.slice(0, 100), numbered.slice(100)));
    assert.doesNotThrow(() => assertDisjoint([], numbered));
  });

  test("names the first three common questions with both ids, and counts all", () => {
    const evaluation = numbered.slice(0, 10);
    const training = [task("fresh"), ...numbered.slice(2, 7).map((each) => ({ ...each, id: `t-${each.messages[0]!.content}` }))];
    assert.throws(
      () => assertDisjoint(training, evaluation),
      (error: unknown) => {
        assert.ok(error instanceof DataError);
        assert.match(
          error.message,
          /got 5 in both sets: "2\+1=\?" \(training t-2\+1=\?, evaluation [0-9a-f]{16}\), "3\+1=\?".*"4\+1=\?".*, \.\.\.;/,
        );
        assert.doesNotMatch(error.message, /"5\+1=\?"/);
        return true;
      },
    );
  });

  test("is not fooled by another id, family, case or spacing", () => {
    const copy = { ...task("HOW  many?", "another"), id: "mine" };
    assert.throws(() => assertDisjoint([copy], [task("how many? ")]), /"how many\?" \(training mine,/);
  });
});
