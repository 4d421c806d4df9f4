// A run whose training is made up; store, lock and checkpoints are real.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { initialGuard } from "../../src/optim/guard.ts";
import type { RunPlace } from "../../src/runs/openRun.ts";
import { heldOutAccuracy, type Run } from "../../src/runs/run.ts";
import { RunStore } from "../../src/runs/store.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { fingerprint, sampleRecipe, sampleRollout, sampleScored, stoppedClock } from "./samples.ts";

export function place(t: TestContext): RunPlace {
  const clock = stoppedClock();
  const store = new RunStore(tempFolder(t), clock);
  t.after(() => store[Symbol.dispose]());
  return { store, clock, fingerprint };
}

export const created = { recipe: sampleRecipe(), recipeFile: "/recipes/sums.ts" };
export const heldNearStart = sampleRecipe({ rl: { steps: 6, learningRate: 1e-4, maxNewTokens: 64, kl: { kind: "loss", weight: 0.1 } } });
export const asRecorded = { id: "sums-1", recipe: created.recipe, allowNewChain: false };

export async function save(folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), "weights");
}

/** Takes rl steps as a loop would: `parameters` stands for what the step learned. */
export async function takeSteps(
  run: Run,
  {
    until,
    parameters = (step) => `p${step}`,
    updates = () => 1,
  }: { until: number; parameters?: (step: number) => string; updates?: (step: number) => number },
): Promise<string[]> {
  const record = run.stageRecord("rl", { numeric: 3 });
  const hashes: string[] = [];
  let step = record.start.nextStep;
  if (step === 0) await record.checkpoint({ nextStep: 0, guard: initialGuard }, save);
  while (step < until) {
    const rollouts = [{ ...sampleScored({ rollout: sampleRollout({ step }) }), advantage: 0.5 }];
    const metrics = { reward: step, updates: updates(step), [heldOutAccuracy]: step / 10 };
    await record.recordStep({ step, metrics, digests: { parameters: parameters(step) }, guard: initialGuard, notes: [], rollouts });
    hashes.push(run.hash);
    step++;
    if (record.checkpointDue(step)) await record.checkpoint({ nextStep: step, guard: initialGuard }, save);
  }
  return hashes;
}
