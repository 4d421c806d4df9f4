// Thinking budgets with answers that are written by hand: what counts as in time, as an escape, as right.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import type { Task } from "../../src/data/task.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import type { Measuring, ScoredAnswer } from "../../src/eval/accuracy.ts";
import { type Budget, budgetReport, measureBudgets } from "../../src/eval/budgets.ts";
import type { PolicyBackend, SampleRequest } from "../../src/policy/backend.ts";
import { aRollout, aTask, scored, unscorable } from "../support/rollouts.ts";

const never = new AbortController().signal;

interface Written {
  readonly verdict?: Verdict;
  readonly thought?: number;
  readonly closedBy?: Rollout["thinking"]["closedBy"];
  readonly answer?: string;
  readonly finish?: Rollout["finish"];
  readonly difficulty?: number;
}

/** One token for each character of the answer. */
function written({
  verdict = scored(1),
  thought = 0,
  closedBy = "policy",
  answer = "7",
  finish = "stop",
  difficulty,
}: Written): ScoredAnswer {
  const numTokens = (closedBy === "none" ? 0 : thought + 2) + answer.length + (finish === "stop" ? 1 : 0);
  const rollout = aRollout({
    tokens: new Int32Array(numTokens),
    thinking: { tokens: thought, closedBy },
    finish,
    answerText: answer,
  });
  const task = aTask(difficulty === undefined ? {} : { difficulty });
  return { task, rollout, verdicts: { [task.verifier]: verdict }, reward: { kind: "unscorable", failures: [] } };
}

function points(answers: Readonly<Record<string, readonly Written[]>>) {
  const byBudget = Object.entries(answers).map(
    ([budget, list]) => [budget === "auto" ? budget : Number(budget), list.map(written)] as [Budget, ScoredAnswer[]],
  );
  return budgetReport(new Map(byBudget), { seed: 1 }).points;
}

describe("budgetReport", () => {
  test("counts right answers, closes in time and thinking tokens, and leaves out what could not be scored", () => {
    const [point] = points({
      16: [
        { thought: 4 },
        { thought: 8, verdict: scored(0.5) },
        { thought: 16, closedBy: "budget" },
        { thought: 12, verdict: unscorable("timeout") },
      ],
    });
    assert.deepEqual([point!.tasks, point!.unscorable, point!.forcedCloses], [4, 1, 1]);
    assert.equal(point!.accuracy!.value, 2 / 3);
    assert.equal(point!.closedInTime!.value, 3 / 4);
    assert.equal(point!.thinkingTokens.mean.value, 10);
    assert.equal(point!.thinkingTokens.spread!.value, Math.sqrt((36 + 4 + 36 + 4) / 3));
    // Of the three that were scored: (4 + 4) + (8 + 4) + (16 + 4) tokens for two right answers.
    assert.equal(point!.tokensPerCorrect!.value, 20);
  });

  test("thinking that never ends is not in time, an answer without thinking is", () => {
    const [point] = points({ auto: [{ thought: 30, closedBy: "none", answer: "", finish: "length" }, { closedBy: "none" }] });
    assert.equal(point!.closedInTime!.value, 1 / 2);
    assert.deepEqual([point!.forcedCloses, point!.escapes], [0, undefined]);
  });

  test("an escape is a second block, an answer that is missing, has no end, or is longer than four usual ones", () => {
    const forced = { thought: 16, closedBy: "budget" } as const;
    const escapes = (more: Written): number => points({ 16: [{ ...forced, ...more }], auto: [{}, {}, {}] })[0]!.escapes!.value;
    assert.equal(escapes({}), 0);
    assert.equal(escapes({ answer: "1234" }), 0);
    assert.equal(escapes({ answer: "12345" }), 1);
    assert.equal(escapes({ answer: "7<think>" }), 1);
    assert.equal(escapes({ answer: "</think>7" }), 1);
    assert.equal(escapes({ answer: " " }), 1);
    assert.equal(escapes({ answer: "" }), 1);
    assert.equal(escapes({ answer: "7", finish: "length" }), 1);
  });

  test("a budget of 0 forces every close and has none of the policy's own; to open a second block is an escape", () => {
    const [point] = points({ 0: [{ closedBy: "none" }, { closedBy: "budget" }, { closedBy: "none" }, { closedBy: "none", answer: "" }] });
    assert.deepEqual([point!.forcedCloses, point!.escapes!.value, point!.closedInTime], [4, 1 / 2, undefined]);
  });

  test("looks at the tasks that have room by themselves, and compares with no budget on the same tasks", () => {
    const unforced = [{ thought: 7 }, { thought: 32 }, { thought: 33 }];
    const [point] = points({
      16: [{ thought: 7 }, { thought: 15, verdict: scored(0) }, { thought: 16, closedBy: "budget", verdict: scored(0) }],
      auto: unforced,
    });
    const { tasks, closedInTime, accuracy, accuracyUnforced } = point!.withRoom!;
    assert.deepEqual([tasks, closedInTime.value, accuracy!.value, accuracyUnforced!.value], [2, 1, 1 / 2, 1]);
    assert.equal(points({ 16: unforced })[0]!.withRoom, undefined);
    assert.equal(points({ 3: unforced, auto: unforced })[0]!.withRoom, undefined);
  });

  test("ranks thinking under auto by the tasks' difficulty", () => {
    const thought = [5, 1, 9, 7];
    const answers = thought.map((each, i) => written({ thought: each, difficulty: [2, 1, 3, 4][i]! }));
    const report = budgetReport(new Map<Budget, ScoredAnswer[]>([["auto", answers]]), { seed: 1 });
    // Ranks 2, 1, 4, 3 and 2, 1, 3, 4: 1 - 6 * 2 / (4 * 15)
    assert.ok(Math.abs(report.rankCorrelation!.value - 0.8) < 1e-12);
    assert.equal(budgetReport(new Map<Budget, ScoredAnswer[]>([[16, answers]]), { seed: 1 }).rankCorrelation, undefined);
    assert.equal(
      budgetReport(new Map<Budget, ScoredAnswer[]>([["auto", [written({}), written({ thought: 3 })]]]), { seed: 1 }).rankCorrelation,
      undefined,
    );
  });

  test("nothing right costs no known number of tokens", () => {
    assert.equal(points({ 4: [{ verdict: scored(0) }] })[0]!.tokensPerCorrect, undefined);
  });
});

describe("measureBudgets", () => {
  test("asks every task under every budget with the same stream, whatever budget the task has of its own", async () => {
    const seen: SampleRequest[] = [];
    const prompts: Task[] = [];
    const policy = {
      async *sample(requests: readonly SampleRequest[]) {
        seen.push(...requests);
        for (const { group, thinkingBudget = 50 } of requests.toReversed())
          yield aRollout({ group, thinking: { tokens: thinkingBudget, closedBy: "policy" } });
      },
    } as unknown as PolicyBackend; // measuring needs no other verb
    const measuring: Measuring = {
      policy,
      promptTokens: (task) => {
        prompts.push(task);
        return Int32Array.of(1);
      },
      score: async () => ({ verdicts: { exact: scored(1) }, reward: { kind: "unscorable", failures: [] } }),
      seed: 5,
      temperature: 1,
      maxNewTokens: 90,
    };
    const tasks = [aTask({ id: "a", thinkingBudget: 3 }), aTask({ id: "b" })];
    const { points } = await measureBudgets(tasks, { ...measuring, budgets: [8, "auto"] }, never);
    assert.deepEqual(
      points.map(({ budget, thinkingTokens }) => [budget, thinkingTokens.mean.value]),
      [
        [8, 8],
        ["auto", 50],
      ],
    );
    assert.deepEqual(
      prompts.map(({ thinkingBudget }) => thinkingBudget),
      [8, 8, undefined, undefined],
    );
    assert.deepEqual([seen[0]!.seed, seen[1]!.seed], [seen[2]!.seed, seen[3]!.seed]);
  });
});
