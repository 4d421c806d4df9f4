// Rollouts and tasks with what a test cares about, and something ordinary for the rest.

import type { Rollout } from "../../src/data/rollout.ts";
import type { Task } from "../../src/data/task.ts";
import type { Verdict } from "../../src/data/verdict.ts";
import type { RewardedRollout } from "../../src/rl/rollout.ts";

export function aTask(about: Partial<Task> = {}): Task {
  return { id: "task", family: "echo", messages: [], verifier: "exact", reference: null, ...about };
}

export function aRollout(about: Partial<Rollout> = {}): Rollout {
  const tokens = about.tokens ?? Int32Array.of(5, 6);
  return {
    id: "rollout",
    taskId: "task",
    group: 0,
    index: 0,
    policy: [{ version: "v", from: 0 }],
    seed: "0".repeat(48),
    promptTokens: Int32Array.of(3, 4),
    tokens,
    chosen: new Uint8Array(tokens.length).fill(1),
    logProbs: new Float32Array(tokens.length).fill(-0.5),
    temperature: 1,
    thinking: { tokens: 0, closedBy: "none" },
    finish: "stop",
    thinkingText: "",
    answerText: "",
    ...about,
  };
}

export const scored = (score: number): Verdict => ({ kind: "scored", score, evidence: "" });
export const unscorable = (failure: "timeout" | "crash"): Verdict => ({ kind: "unscorable", failure, reason: "died" });

/** A rollout scored by the task's verifier alone. */
export function aScoredRollout(
  verdict: Verdict,
  { task = aTask(), rollout = aRollout() }: { task?: Task; rollout?: Rollout } = {},
): RewardedRollout {
  return { task, rollout, verdicts: { [task.verifier]: verdict }, reward: verdict.kind === "scored" ? verdict.score : undefined };
}
