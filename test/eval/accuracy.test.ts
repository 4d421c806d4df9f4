// Accuracy with a policy that answers from a list: what is counted, what is left out, and that luck is the same every time.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Rollout } from "../../src/data/rollout.ts";
import type { Task } from "../../src/data/task.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import { type Measuring, measureAccuracy } from "../../src/eval/accuracy.ts";
import type { PolicyBackend, SampleRequest } from "../../src/policy/backend.ts";

const never = new AbortController().signal;

function task(id: string, family: string): Task {
  return { id, family, messages: [{ role: "user", content: id }], verifier: "own", reference: null };
}

function answer(request: SampleRequest): Rollout {
  const { id, taskId, group, index, seed, promptTokens, temperature } = request;
  const tokens = Int32Array.from({ length: group + 1 });
  const numbers = { promptTokens, tokens, chosen: new Uint8Array(tokens.length), logProbs: new Float32Array(tokens.length), temperature };
  const thinking = { tokens: 0, closedBy: "none" } as const;
  return { id, taskId, group, index, policy: [], seed, ...numbers, thinking, finish: "stop", thinkingText: "", answerText: taskId };
}

/** Answers in reverse order; verdicts by task id. */
function measuring(verdicts: Readonly<Record<string, Verdict>>, seen: SampleRequest[] = []): Measuring {
  const policy = {
    async *sample(requests: readonly SampleRequest[]) {
      seen.push(...requests);
      for (const request of requests.toReversed()) yield answer(request);
    },
  } as unknown as PolicyBackend; // measuring needs no other verb
  const score: Measuring["score"] = async ({ rollout }) => ({
    verdicts: { own: verdicts[rollout.answerText]!, other: { kind: "scored", score: 1, evidence: "" } },
    reward: { kind: "unscorable", failures: [] },
  });
  return { policy, score, promptTokens: () => Int32Array.of(1), seed: 5, temperature: 0.5, maxNewTokens: 9 };
}

const scored = (score: number): Verdict => ({ kind: "scored", score, evidence: "" });
const unscorable: Verdict = { kind: "unscorable", failure: "timeout", reason: "" };

describe("measureAccuracy", () => {
  test("is the share of full scores by the task's own verifier; unscorable answers are left out and counted", async () => {
    const tasks = [task("a", "sums"), task("b", "sums"), task("c", "sums"), task("d", "chains")];
    const verdicts = { a: scored(1), b: scored(0.9), c: unscorable, d: scored(1) };
    const {
      accuracy,
      byFamily,
      unscorable: left,
      meanResponseTokens,
      tasks: count,
    } = await measureAccuracy(tasks, measuring(verdicts), never);
    assert.equal(accuracy, 2 / 3);
    assert.deepEqual(byFamily, { chains: 1, sums: 1 / 2 });
    assert.deepEqual([left, count, meanResponseTokens], [1, 4, (1 + 2 + 3 + 4) / 4]);
  });

  test("says why most answers could not be scored, and has no number where none could", async () => {
    const failed = (failure: "timeout" | "crash", reason: string): Verdict => ({ kind: "unscorable", failure, reason });
    const verdicts = { a: failed("timeout", "slow"), b: failed("crash", "boom"), c: failed("crash", "boom again") };
    const measured = await measureAccuracy([task("a", "x"), task("b", "x"), task("c", "y")], measuring(verdicts), never);
    // Answers come in reverse order.
    const mostFailed = { failure: "crash", count: 2, example: "boom again" };
    assert.deepEqual(measured, { byFamily: {}, tasks: 3, unscorable: 3, mostFailed, meanResponseTokens: 2 });
  });

  test("gives a task the same random stream whatever else is measured", async () => {
    const [alone, together]: SampleRequest[][] = [[], []];
    const verdicts = { a: scored(1), b: scored(1) };
    await measureAccuracy([task("b", "x")], measuring(verdicts, alone), never);
    await measureAccuracy([task("a", "x"), task("b", "x")], measuring(verdicts, together), never);
    assert.equal(alone![0]!.seed, together![1]!.seed);
    assert.notEqual(together![0]!.seed, together![1]!.seed);
    assert.deepEqual([alone![0]!.temperature, alone![0]!.maxNewTokens], [0.5, 9]);
  });

  test("aborted, it is no measurement", async () => {
    await assert.rejects(measureAccuracy([task("a", "x")], measuring({ a: scored(1) }), AbortSignal.abort()), /abort/i);
  });
});
