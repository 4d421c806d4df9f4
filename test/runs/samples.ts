// Nouns with every field set, for tests of the store.

import type { Clock } from "../../src/base/clock.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import type { Task } from "../../src/data/task.ts";
import type { Fingerprint } from "../../src/runs/chain.ts";
import type { Recipe } from "../../src/runs/recipe.ts";
import { parseRecipe } from "../../src/runs/recipeFile.ts";
import type { NewStep, StoredRollout } from "../../src/runs/rows.ts";

export const fingerprint: Fingerprint = {
  recipe: "r",
  inputs: { "./pal.ts": "0".repeat(64), numeric: "1".repeat(64) },
  code: "1",
  node: "24",
  onnxRuntime: "1",
  cpu: "x64",
};

/** Time stands still until it is moved. */
export function stoppedClock(nowMs = 1_000_000): Clock & { nowMs(): number } {
  return { nowMs: () => nowMs, elapsedMs: () => nowMs };
}

const families = { kind: "families", families: [{ family: "arithmetic-chain" }] };

export function sampleRecipe(change: object = {}): Recipe {
  const recipe = {
    name: "sums",
    data: { demonstrations: families, training: families, evaluation: families },
    rewards: { verifiers: [{ use: "numeric" }] },
    sft: { steps: 4, learningRate: 1e-3 },
    rl: { steps: 6, learningRate: 1e-4, maxNewTokens: 64 },
    checkpoints: { everySteps: 2, keepLast: 2 },
  };
  return parseRecipe({ ...recipe, ...change }, { file: "recipe.ts" });
}

export function sampleTask(family = "arithmetic-chain"): Task {
  return {
    id: `task-${family}`,
    family,
    messages: [{ role: "user", content: "17+25=?" }],
    verifier: "numeric",
    reference: { answer: "42" },
  };
}

export function sampleRollout({ step = 0, group = 0, index = 0 }: { step?: number; group?: number; index?: number } = {}): Rollout {
  return {
    id: `${step}.${group}.${index}`,
    taskId: "task-arithmetic-chain",
    group,
    index,
    policy: [{ version: "abc", from: 0 }],
    seed: "0".repeat(48),
    promptTokens: Int32Array.of(1, 2, 300),
    tokens: Int32Array.of(7, 8, 9, 70000),
    chosen: Uint8Array.of(1, 1, 0, 1),
    logProbs: Float32Array.of(-0.25, -1e-8, Number.NaN, -3),
    temperature: 0.75,
    thinking: { tokens: 2, budget: 2, closedBy: "budget" },
    finish: "stop",
    thinkingText: "17+25=42",
    answerText: "42 \u{1f600}",
  };
}

export function sampleScored(change: Partial<StoredRollout> = {}): StoredRollout {
  const verdict = { kind: "scored", score: 1, evidence: "42 is 42", components: { exact: 1 } } as const;
  return { task: sampleTask(), rollout: sampleRollout(), verdicts: { numeric: verdict }, reward: 1, advantage: 0.5, ...change };
}

export function sampleStep(change: Partial<NewStep> = {}): NewStep {
  return {
    stage: "rl",
    step: 0,
    previousHash: "start",
    hash: "first",
    digests: { parameters: "p" },
    metrics: { reward: 0.5, gradNorm: Number.POSITIVE_INFINITY, loss: Number.NaN },
    rollouts: [sampleScored()],
    verifierVersions: { numeric: 3 },
    notes: [],
    ...change,
  };
}
