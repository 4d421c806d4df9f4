// The promise of a run: killed with -9 at any moment and resumed, it ends as if nothing had happened. Two recipes have between them every
// option of reinforcement learning that carries something from step to step, as many at once as the schema allows; each run is killed at ten
// moments, one in each tenth of the time that an undisturbed run takes.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { RecipeInput } from "../../src/index.ts";
import { assertSame, type Outcome, outcomeIn, randomMoments, type Timeline, trainKilled, trainUndisturbed } from "./disturbed.ts";
import { workFolder } from "./whetstone.ts";

/** Another number draws other moments. */
const seed = 1;
const numKills = 10;

const sums = (maxTerms: number) => ({
  kind: "families" as const,
  families: [{ family: "arithmetic-chain" as const, settings: { maxTerms, maxDigits: 1 } }],
});

/** Half a point for an answer that is nearly right, so that some groups differ and others do not; `task` is left to the radar. */
const nearVerifier = `import { defineVerifier } from "whetstone";
import { z } from "zod";
export default defineVerifier({
  id: "near",
  version: 1,
  checks: "form",
  reference: z.strictObject({ answer: z.string() }),
  verify({ answer, reference }) {
    const distance = Math.abs(Number.parseInt(answer, 10) - Number(reference.answer));
    return { kind: "scored", score: distance === 0 ? 1 : distance <= 3 ? 0.5 : 0, evidence: answer };
  },
});
`;

/** A verdict that a busy machine is late with would be another one. */
const deadlineMs = 60_000;

const inCommon = {
  model: {
    kind: "new",
    architecture: { width: 32, numLayers: 2, numHeads: 2, numKvHeads: 1, headWidth: 16, numExperts: 4, expertWidth: 32, maxPositions: 64 },
  },
  data: {
    demonstrations: { ...sums(3), budgets: { grid: [0, 4, 8], autonomousShare: 0.5 } },
    training: { ...sums(3), poolTasks: 24 },
    evaluation: sums(3),
    evaluationBeyond: sums(4),
  },
  rewards: {
    verifiers: [
      { use: "numeric", deadlineMs },
      { use: "./near.ts", deadlineMs },
    ],
    terms: [{ verifier: "near", weight: 1 }],
  },
  sft: { steps: 60, batch: 32, learningRate: 1e-2, decay: { kind: "linear" } },
  eval: { everySteps: 4, tasks: 16, finalTasks: 32 },
} satisfies Partial<RecipeInput>;

/** Levels that are passed now and then: alarms slow the run down, the guard skips updates and sends it back. */
const watched = {
  radar: { verifier: "task", windowSteps: 3, maxLengthRatio: 1.2 },
  alarms: {
    entropy: { dropSteps: 10, maxDrop: 0.05 },
    hack: { action: "slow" },
    slowFactor: 0.9,
    repeatSteps: 3,
    calmSteps: 2,
  },
  stability: { maxGradNormRatio: 1.5, historySteps: 12, maxSkippedInARow: 2, rollbackRateFactor: 0.8, maxRollbacks: 20 },
} satisfies Partial<NonNullable<RecipeInput["rl"]>>;

/** Groups are sampled ahead, refilled and chosen by a curriculum, and learned from twice. */
const ahead: RecipeInput = {
  ...inCommon,
  name: "ahead",
  rl: {
    steps: 30,
    tasksPerStep: 6,
    minibatchTasks: 3,
    innerEpochs: 2,
    learningRate: 2e-3,
    warmupSteps: 2,
    decay: { kind: "cosine", floor: 0.2 },
    maxNewTokens: 20,
    advantages: { kind: "grpo", groupSize: 4 },
    objective: { kind: "clip", dual: 3 },
    entropy: { kind: "clip-cov", share: 0.02, min: 0.1, max: 5 },
    kl: { kind: "loss", estimator: "unbiased", weight: 0.01 },
    aggregation: { kind: "sequence-mean" },
    correction: { kind: "truncated", level: "token", max: 1.5, veto: { min: 0.01, max: 20 } },
    sampling: { lag: 2, refill: { maxRounds: 2, overdraw: 1.5 }, curriculum: { kind: "pass-rate", retireAt: 0.3, revisitShare: 0.2 } },
    thinking: { kind: "budgets", grid: [0, 4, 8], autonomousShare: 0.3 },
    routingReplay: "rollout",
    ...watched,
    // Groups that a checkpoint carries are the same after going back; how far the policy is from who sampled them is not.
    alarms: { ...watched.alarms, mismatch: { action: "go-back", maxFactor: 1.2 } },
    stability: { ...watched.stability, maxSkippedInARow: 3 },
  },
  checkpoints: { everySteps: 2 },
};

/** Responses are sampled over several steps, valued by a critic that learns first, and held near a reference; every checkpoint is kept. */
const partial: RecipeInput = {
  ...inCommon,
  name: "partial",
  rl: {
    steps: 30,
    tasksPerStep: 8,
    minibatchTasks: 4,
    learningRate: 2e-3,
    warmupSteps: 2,
    maxNewTokens: 20,
    advantages: { kind: "gae", groupSize: 2, lambdaCritic: 0.98, valuePretrainingSteps: 4, critic: { passes: 2 } },
    objective: { kind: "cispo", maxRatio: 1.05 },
    entropy: { kind: "kl-cov", share: 0.02 },
    kl: { kind: "reward", weight: 0.02 },
    aggregation: { kind: "prompt-mean" },
    correction: { kind: "masked", level: "geometric", min: 0.95, max: 1.05 },
    sampling: { partial: { tokensPerStep: 6 }, curriculum: { kind: "pass-rate", retireAt: 0.3, revisitShare: 0.2 } },
    thinking: { kind: "budgets", grid: { from: 2, to: 10 }, autonomousShare: 0.3 },
    overlong: { kind: "shape", cacheTokens: 8 },
    routingReplay: "rollout",
    ...watched,
    // Two steps fill the window.
    alarms: { ...watched.alarms, flatGroups: { action: "go-back", above: 0.55, windowGroups: 16 } },
  },
  checkpoints: { everySteps: 3, keepEverySteps: 3 },
};

/** By these metrics the options are seen at work: in some step each is neither 0 nor, where that is what it is without, 1. */
const atWork: Readonly<Record<string, string>> = {
  ahead: `stalenessMax refill/rounds curriculum/retired curriculum/returned closedByBudget budget/closedInTime kl/last klRef routingAgreement
    correction/truncated clippedBelow clippedAbove alarm/hack alarm/entropy alarm/mismatch radar/heldOut skippedUpdates heldOut/accuracy`,
  partial: `partial/groupsPaused partial/groupsWaiting stalenessMax curriculum/retired curriculum/returned closedByBudget overlong/penalty klRef
    critic/clipped correction/masked clippedAbove routingAgreement alarm/hack alarm/flatGroups radar/heldOut heldOut/accuracy`,
};
const oneWithout = ["budget/closedInTime", "routingAgreement"];

for (const recipe of [ahead, partial]) {
  describe(`a run with the options of "${recipe.name}"`, () => {
    const folder = workFolder();
    after(() => rmSync(folder, { recursive: true, force: true }));
    let undisturbed: { readonly outcome: Outcome; readonly timeline: Timeline };
    before(async () => {
      undisturbed = await trainUndisturbed(folderFor("undisturbed"), "recipe.ts");
    });

    /** A folder of its own, with the recipe and its verifier. */
    function folderFor(name: string): string {
      const path = join(folder, name);
      mkdirSync(path);
      writeFileSync(join(path, "recipe.ts"), `export default ${JSON.stringify(recipe)};\n`);
      writeFileSync(join(path, "near.ts"), nearVerifier);
      return path;
    }

    const practised = () => undisturbed.outcome.steps.filter(({ stage }) => stage === "rl");

    test("has every option at work", () => {
      for (const name of atWork[recipe.name]!.split(/\s+/)) {
        const without = oneWithout.includes(name) ? 1 : 0;
        const seen = practised().some(({ metrics }) => metrics[name] !== undefined && metrics[name] !== without);
        assert.ok(seen, name);
      }
      if (recipe !== ahead) return;
      for (const cause of ["gradient norm", 'alarm "mismatch"']) {
        assert.ok(
          undisturbed.outcome.told.some((text) => text.includes(`, went back: ${cause}`)),
          cause,
        );
      }
    });

    test("recomputes in every step what it sampled, in every bit", () =>
      assert.deepEqual(new Set(practised().map(({ metrics }) => metrics["mismatchMax"])), new Set([0])));

    test("repeats to the bit", async () =>
      assertSame((await trainUndisturbed(folderFor("again"), "recipe.ts")).outcome, undisturbed.outcome));

    test(`ends like one that was not disturbed when it is killed ${numKills} times and goes on`, async (t) => {
      const moments = randomMoments(undisturbed.timeline, { count: numKills, rng: rngFor("kills", seed, recipe.name) });
      const kills = await trainKilled(folderFor("killed"), "recipe.ts", moments);
      const told = kills.map(
        ({ steps, afterMs, workers }) => `${steps} steps recorded, alive for ${Math.round(afterMs)} ms, ${workers} workers`,
      );
      t.diagnostic(`seed ${seed}, an undisturbed run takes ${undisturbed.timeline.endedMs} ms; killed with\n${told.join("\n")}`);
      assert.ok(
        kills.some(({ workers }) => workers > 0),
        "no kill found workers, which could have stayed behind",
      );
      assertSame(await outcomeIn(join(folder, "killed")), undisturbed.outcome);
    });
  });
}
