import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConfigError } from "../../src/base/errors.ts";
import { initialGuard } from "../../src/optim/guard.ts";
import type { Checkpoint } from "../../src/runs/checkpoints.ts";
import { checkFork } from "../../src/runs/fork.ts";
import { type RecipeInput, withoutDerived } from "../../src/runs/recipe.ts";
import { parseRecipe } from "../../src/runs/recipeFile.ts";
import { sampleRecipe } from "./samples.ts";

const parentRecipe = sampleRecipe({
  rl: { steps: 6, learningRate: 1e-4, maxNewTokens: 64, sampling: { partial: { tokensPerStep: 16 } } },
});

function checkpointAt(stage: string, { nextStep, rollouts }: { nextStep: number; rollouts?: number }): Checkpoint {
  const carried = rollouts === undefined ? {} : { carried: { source: { rollouts } } };
  const guard = { ...initialGuard, gradNorms: [] };
  return { folder: "", trainer: { version: 2, run: "sums-1", stage, nextStep, hash: "h", guard, files: {}, ...carried } };
}

const supervised = checkpointAt("sft", { nextStep: 4 });
const start = checkpointAt("rl", { nextStep: 0 });
const inFlight = checkpointAt("rl", { nextStep: 4, rollouts: 24 });

/** Plans a fork whose recipe has these keys set. */
function plan(
  overrides: readonly string[],
  { of = parentRecipe, checkpoint = inFlight, others = [supervised, start, inFlight] } = {},
): void {
  const recipe = parseRecipe(withoutDerived(of) satisfies RecipeInput, { file: "recipe of run sums-1", overrides });
  checkFork({ parent: "sums-1", parentRecipe: of, checkpoint, others, recipe });
}

describe("checkFork of a checkpoint that carries rollouts", () => {
  for (const [override, told] of [
    ["seed=1", "seed must stay as it was in sums-1, .* got 1 instead of 0"],
    ['data.evaluation={"kind":"families","families":[{"family":"countdown"}]}', "data\\.evaluation\\.families\\.0\\.family must stay"],
    ['rewards.verifiers=[{"use":"numeric","deadlineMs":9}]', "rewards\\.verifiers\\.0\\.deadlineMs must stay .* got 9 instead of 2000"],
    ['rewards.terms=[{"verifier":"task","weight":2}]', "rewards\\.terms\\.0\\.weight must stay .* got 2 instead of 1"],
    ["rl.advantages.groupSize=4", "rl\\.advantages\\.groupSize must stay .* got 4 instead of 8"],
    ['rl.sampling={"lag":1}', "rl\\.sampling\\.lag must stay .* got 1 instead of 0"],
    ["rl.sampling.partial.tokensPerStep=8", "rl\\.sampling\\.partial\\.tokensPerStep must stay .* got 8 instead of 16"],
    ['rl.thinking={"kind":"budgets","grid":[0]}', 'rl\\.thinking\\.kind must stay .* got "budgets" instead of "autonomous"'],
    ["rl.tasksPerStep=16", "rl\\.tasksPerStep must stay .* got 16 instead of 32"],
    ["rl.routingReplay=rollout", 'rl\\.routingReplay must stay .* got "rollout" instead of "off"'],
    ["rl.temperature=0.5", "rl\\.temperature must stay .* got 0\\.5 instead of 1"],
    ["rl.maxNewTokens=32", "rl\\.maxNewTokens must stay .* got 32 instead of 64"],
    ['rl.radar={"verifier":"exact"}', 'rl\\.radar\\.verifier must stay .* got "exact" instead of nothing'],
  ] as const) {
    test(`refuses ${override}, and names checkpoints that allow it`, () => {
      const why = "since rl-000004 of sums-1 carries 24 rollouts made with it that are still to be learned from, got";
      const cure = "leave it out, or fork from a checkpoint that carries none with --from sft:4 or rl:0";
      assert.throws(
        () => plan([override]),
        (error) =>
          error instanceof ConfigError &&
          new RegExp(`^runs fork: ${told}`).test(error.message) &&
          error.message.includes(why) &&
          error.message.endsWith(cure),
      );
      plan([override], { checkpoint: start });
      plan([override], { checkpoint: supervised });
    });
  }

  test("takes what is done with rollouts once they are there", () =>
    plan([
      ...["rl.steps=9", "rl.learningRate=1e-3", "rl.innerEpochs=2", "rl.minibatchTasks=8", 'rl.advantages={"kind":"rloo"}'],
      ...['rl.objective={"kind":"gspo"}', 'rl.kl={"kind":"loss","weight":0.1}', 'rl.overlong={"kind":"filter"}', "rl.alarms.repeatSteps=3"],
      ...["rewards.numWorkers=1", "eval.finalTasks=8", "checkpoints.everySteps=1", "engine.numThreads=1", "name=others"],
    ]));

  test("refuses to hold out more or fewer tasks of a file, since one of them could be carried", () => {
    const { data } = parentRecipe;
    const of = sampleRecipe({
      data: { ...data, evaluation: { kind: "file", path: "held.jsonl" } },
      eval: { everySteps: 2, tasks: 4, finalTasks: 8 },
    });
    assert.throws(
      () => plan(["eval.finalTasks=9"], { of }),
      /^ConfigError: runs fork: eval\.finalTasks must stay .* got 9 instead of 8; leave/,
    );
    assert.throws(() => plan(["eval.finalTasks=5"], { of }), /eval\.finalTasks must stay .* got 5 instead of 8; leave/);
    assert.throws(() => plan(["eval.tasks=9"], { of }), /eval\.tasks must stay .* got 9 instead of 4; leave/);
    plan(["eval.tasks=8"], { of });
    plan(["eval.finalTasks=9"], { of, checkpoint: start });
  });

  test("says to start another run where every checkpoint carries some", () =>
    assert.throws(() => plan(["seed=1"], { others: [inFlight] }), /; leave it out, or start another run with whetstone train$/));
});
