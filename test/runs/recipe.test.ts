import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { practiceTerms, Recipe, type RecipeInput, withoutDerived } from "../../src/runs/recipe.ts";

const chains = { kind: "families" as const, families: [{ family: "arithmetic-chain" as const }] };

function resolved(rl: Partial<RecipeInput["rl"]>): Recipe {
  return Recipe.parse({
    name: "sums",
    data: { demonstrations: chains, training: chains, evaluation: chains },
    rewards: { verifiers: [{ use: "numeric" }] },
    sft: { steps: 4, learningRate: 1e-3 },
    rl: { steps: 6, learningRate: 1e-4, maxNewTokens: 64, ...rl },
  });
}

describe("withoutDerived", () => {
  test("gives a recipe that resolves to the same", () => {
    for (const rl of [{}, { minibatchTasks: 8, warmupSteps: 2 }]) {
      const recipe = resolved(rl);
      assert.deepEqual(Recipe.parse(withoutDerived(recipe)), recipe);
    }
  });

  test("lets derived keys follow a change, and keeps those that were written", () => {
    const changed = (recipe: Recipe) => {
      const { sft, rl, ...rest } = withoutDerived(recipe);
      return Recipe.parse({ ...rest, sft: { ...sft!, steps: 2 }, rl: { ...rl!, tasksPerStep: 64, steps: 40 } });
    };
    const followed = changed(resolved({}));
    assert.deepEqual([followed.sft?.warmupSteps, followed.rl?.warmupSteps, followed.rl?.minibatchTasks], [2, 10, 64]);
    const kept = changed(resolved({ minibatchTasks: 8, warmupSteps: 3 }));
    assert.deepEqual([kept.rl?.warmupSteps, kept.rl?.minibatchTasks], [3, 8]);
  });
});

describe("Recipe", () => {
  test("refuses to replay the experts of a policy that has none", () => {
    const { model: _, ...recipe } = resolved({ routingReplay: "rollout" });
    const dense = { ...recipe, model: { kind: "new", architecture: { numExperts: 0 } } };
    assert.deepEqual(
      Recipe.safeParse(dense).error!.issues.map(({ path, message }) => [path.join("."), message]),
      [["rl.routingReplay", 'must be "off" when model.architecture.numExperts is 0, since there is nothing to replay']],
    );
    assert.ok(Recipe.safeParse({ ...dense, model: { kind: "new" } }).success);
  });

  test("refuses a radar that watches with what the reward is made of", () => {
    const recipe = resolved({});
    const watchedBy = (verifier: unknown, terms: unknown) =>
      Recipe.safeParse({ ...recipe, rewards: { ...recipe.rewards, terms }, rl: { ...recipe.rl, radar: { verifier } } });
    const message = 'must not be one that rewards.terms weighs or gates, or it sees no hole in them, got "exact"';
    for (const term of [
      { verifier: "exact", weight: 1 },
      { verifier: "exact", weight: 0, gate: { atLeast: 1 } },
    ]) {
      const { error } = watchedBy({ first: ["numeric", "exact"] }, [{ verifier: "task", weight: 1 }, term]);
      assert.deepEqual(
        error!.issues.map((issue) => [issue.path.join("."), issue.message]),
        [["rl.radar.verifier", message]],
      );
    }
    const watched = watchedBy("exact", [
      { verifier: "task", weight: 1 },
      { verifier: "exact", weight: 0 },
    ]);
    assert.ok(watched.success);
  });
});

describe("practiceTerms", () => {
  test("are the reward's, and the radar's verifier watched beside them", () => {
    const own = { verifier: "task", weight: 1 };
    assert.deepEqual(practiceTerms(resolved({})), [own]);
    assert.deepEqual(practiceTerms(resolved({ radar: { verifier: "exact" } })), [own, { verifier: "exact", weight: 0 }]);
  });
});
