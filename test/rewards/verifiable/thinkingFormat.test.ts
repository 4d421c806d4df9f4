import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { thinkingFormat } from "../../../src/rewards/verifiable/thinkingFormat.ts";
import { aTask } from "../../support/rollouts.ts";
import { verifierContext } from "../../support/verifierContext.ts";

interface Response {
  readonly thinking: string;
  readonly answer: string;
  readonly budget?: number;
}

async function verdictOn({ thinking, answer, budget }: Response) {
  const task = aTask(budget === undefined ? {} : { thinkingBudget: budget });
  const verdict = await thinkingFormat.verify({ task, reference: null, answer, thinking }, verifierContext());
  assert.ok(verdict.kind === "scored");
  return verdict;
}

async function check(response: Response) {
  const { score, components } = await verdictOn(response);
  return { score, ...components };
}

async function evidence(response: Response): Promise<string> {
  return (await verdictOn(response)).evidence;
}

const good = { score: 1, formed: 1, closed: 1, clean: 1, answered: 1 };

describe("thinkingFormat", () => {
  test("gives all to thinking that closed once before an answer", async () => {
    assert.deepEqual(await check({ thinking: "1+1=2", answer: "2", budget: 8 }), good);
    assert.deepEqual(await check({ thinking: "1+1=2", answer: "2" }), good);
  });

  test("takes off for thinking that never closed: all of it is thinking, and there is no answer", async () => {
    assert.deepEqual(await check({ thinking: "1+1=2;2+2", answer: "" }), { score: 1 / 3, formed: 0, closed: 0, clean: 1, answered: 0 });
  });

  test("takes off for markers in the answer, which also mean that thinking did not close just once", async () => {
    assert.deepEqual(await check({ thinking: "1", answer: "2</think>3" }), { score: 1 / 3, formed: 0, closed: 0, clean: 0, answered: 1 });
    assert.deepEqual(await check({ thinking: "1", answer: "<think>2" }), { score: 1 / 3, formed: 0, closed: 0, clean: 0, answered: 1 });
  });

  test("takes off for a second opening inside the thinking", async () => {
    assert.deepEqual(await check({ thinking: "1<think>2", answer: "3" }), { score: 2 / 3, formed: 0, closed: 0, clean: 1, answered: 1 });
  });

  test("says that there was no thinking where there was none", async () => {
    assert.deepEqual(await check({ thinking: "", answer: "2" }), { ...good, closed: 0 });
    assert.equal(await evidence({ thinking: "", answer: "2" }), "no thinking, an answer without markers");
    assert.equal(await evidence({ thinking: "1", answer: "2" }), "thinking closed once, then an answer without markers");
    assert.equal(await evidence({ thinking: "", answer: "2", budget: 8 }), "there was no thinking, which the task asks for");
    assert.equal(await evidence({ thinking: "1", answer: "2", budget: 0 }), "there was thinking, which the task forbids");
  });

  test("asks for thinking where there is a budget, and for none where it is 0", async () => {
    assert.equal((await check({ thinking: " ", answer: "2", budget: 8 })).score, 2 / 3);
    assert.equal((await check({ thinking: "1+1", answer: "2", budget: 0 })).score, 2 / 3);
    assert.equal((await check({ thinking: "", answer: "2", budget: 0 })).score, 1);
    assert.equal((await check({ thinking: "", answer: "2" })).score, 1);
  });
});
