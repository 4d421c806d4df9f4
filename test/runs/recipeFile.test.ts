// Recipes as users write and misspell them: real files, real imports.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { ConfigError } from "../../src/base/errors.ts";
import { loadRecipe } from "../../src/runs/recipeFile.ts";
import { tempFolder } from "../support/tempFolder.ts";

const chains = `{ kind: "families", families: [{ family: "arithmetic-chain" }] }`;
const good = `{ name: "sums", data: { training: ${chains}, evaluation: ${chains} }, rewards: { verifiers: [{ use: "numeric" }] }, rl: { steps: 100, learningRate: 1e-4, maxNewTokens: 64 } }`;

function recipeFile(t: TestContext, source: string): string {
  const file = join(tempFolder(t), "recipe.ts");
  writeFileSync(file, source);
  return file;
}

/** A recipe that differs from the good one by the JavaScript statement `change` on `r`. */
function changed(t: TestContext, change: string): string {
  return recipeFile(t, `const r: any = ${good};\n${change};\nexport default r;\n`);
}

async function messageOf(file: string, overrides: readonly string[] = []): Promise<string> {
  try {
    await loadRecipe(file, overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `got ${error}`);
    assert.equal(error.exitCode, 2);
    return error.message;
  }
  assert.fail("the recipe was accepted");
}

describe("loadRecipe", () => {
  test("fills in defaults and derives what can be derived", async (t) => {
    const { recipe, folder, file } = await loadRecipe(recipeFile(t, `export default ${good}`));
    assert.equal(join(folder, "recipe.ts"), file);
    assert.equal(recipe.rl?.minibatchTasks, recipe.rl?.tasksPerStep);
    assert.deepEqual(recipe.rl?.objective, { kind: "clip", below: 0.2, above: 0.28 });
    assert.equal(recipe.model.kind, "new");
    assert.equal(recipe.sft, undefined);
  });

  test("reads a module in a folder that npm init made, whose files Node takes for CommonJS", async (t) => {
    const file = recipeFile(
      t,
      `import { name } from "./name.ts";\nimport { defineRecipe } from "whetstone";\nexport default defineRecipe({ ...${good}, name });\n`,
    );
    writeFileSync(join(dirname(file), "name.ts"), 'export const name: string = "elsewhere";\n');
    writeFileSync(join(dirname(file), "package.json"), '{ "type": "commonjs" }');
    assert.equal((await loadRecipe(file)).recipe.name, "elsewhere");
  });

  test("names the nearest key for a misspelt one", async (t) => {
    assert.equal(await messageOf(changed(t, "r.rl.stpes = 3")), 'recipe.ts: unknown key "rl.stpes"; did you mean "rl.steps"');
    assert.equal(await messageOf(changed(t, "r.evl = {}")), 'recipe.ts: unknown key "evl"; did you mean "eval"');
  });

  test("finds the place of a key that is spelt right but stands elsewhere", async (t) => {
    assert.equal(
      await messageOf(changed(t, "r.rl.groupSize = 4")),
      'recipe.ts: unknown key "rl.groupSize"; did you mean "rl.advantages.groupSize"',
    );
  });

  test("lists the known keys where nothing is near", async (t) => {
    const message = await messageOf(changed(t, "r.checkpoints = { zzzzzz: 1 }"));
    assert.equal(message, 'recipe.ts: unknown key "checkpoints.zzzzzz"; known here: everySteps, keepLast, keepBest, keepEverySteps');
  });

  test("says path, rule and value for values out of range, every one of them", async (t) => {
    const message = await messageOf(changed(t, `r.rl.steps = 0; r.rl.temperature = 11; r.rl.maxNewTokens = "many"; r.name = "My run"`));
    assert.deepEqual(message.split("\n"), [
      'recipe.ts: name must be lower-case letters, digits and dashes, since folders are named after it, got "My run"',
      "recipe.ts: rl.steps must be greater than 0, got 0",
      "recipe.ts: rl.temperature must be at most 10, got 11",
      'recipe.ts: rl.maxNewTokens must be a number, got "many"',
    ]);
  });

  test("shortens a default warm-up to a short stage, and leaves a long one its ten steps", async (t) => {
    const { recipe } = await loadRecipe(changed(t, "r.rl.steps = 4"));
    assert.equal(recipe.rl?.warmupSteps, 4);
    assert.equal((await loadRecipe(changed(t, "r.rl.steps = 400"))).recipe.rl?.warmupSteps, 10);
  });

  test("says which key is missing", async (t) => {
    assert.equal(await messageOf(changed(t, "delete r.rl.learningRate")), "recipe.ts: rl.learningRate is required");
  });

  test("rejects a union member that does not exist", async (t) => {
    assert.equal(
      await messageOf(changed(t, `r.rl.objective = { kind: "ppo" }`)),
      'recipe.ts: rl.objective.kind must be one of "clip", "gspo", "cispo", "sapo", "reinforce", got "ppo"',
    );
  });

  test("keeps rules across fields", async (t) => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["r.rl.minibatchTasks = 5", /^recipe\.ts: rl\.minibatchTasks must divide tasksPerStep, .*, got 5 and 32$/],
      [
        'r.rl.advantages = { kind: "gae", valuePretrainingSteps: 100 }',
        /^recipe\.ts: rl\.advantages\.valuePretrainingSteps must be less than steps, .*, got 100 and 100$/,
      ],
      ["r.rl.warmupSteps = 101", /^recipe\.ts: rl\.warmupSteps must not exceed steps, .*, got 101 and 100$/],
      [
        "r.rl.maxNewTokens = 1024",
        /^recipe\.ts: rl\.maxNewTokens must be less than model\.architecture\.maxPositions, .*, got 1024 and 1024; give a smaller number, or take a policy with more positions$/,
      ],
      [
        'r.rl.sampling = { curriculum: { kind: "pass-rate" } }',
        /^recipe\.ts: rl\.sampling\.curriculum\.kind must be "none" where the tasks never end, .*; set data\.training\.poolTasks, got "pass-rate"$/,
      ],
      [
        'r.rl.sampling = { refill: {} }; r.rl.advantages = { kind: "gae" }',
        /^recipe\.ts: rl\.sampling\.refill must not be there with "gae" advantages, since a critic learns from every group; leave it out/,
      ],
      [
        "r.rl.sampling = { partial: { tokensPerStep: 8 }, lag: 1 }",
        /^recipe\.ts: rl\.sampling\.partial must not be there with a lag, .*, got lag 1; leave out either/,
      ],
      [
        "r.rl.sampling = { partial: { tokensPerStep: 8 }, refill: {} }",
        /^recipe\.ts: rl\.sampling\.partial must not be there with refill, .*; leave out either/,
      ],
      [
        "r.rl.sampling = { partial: { tokensPerStep: 96 } }; r.rl.maxNewTokens = 96",
        /^recipe\.ts: rl\.sampling\.partial\.tokensPerStep must be less than maxNewTokens, .*, got 96 and 96$/,
      ],
      [
        'r.rl.overlong = { kind: "shape", cacheTokens: 97 }; r.rl.maxNewTokens = 96',
        /^recipe\.ts: rl\.overlong\.cacheTokens must be at most maxNewTokens, .*, got 97 and 96$/,
      ],
      [
        'r.rl.overlong = { kind: "shape", cacheTokens: 9 }; r.rl.advantages = { kind: "max-rl" }',
        /^recipe\.ts: rl\.overlong\.kind must not be "shape" with "max-rl" advantages: it divides .*; take "filter", or other advantages, got "shape"$/,
      ],
      [
        "r.eval = { maxNewTokens: 1024 }",
        /^recipe\.ts: eval\.maxNewTokens must be less than model\.architecture\.maxPositions, .*, got 1024 and 1024; give a smaller number, or take a policy with more positions$/,
      ],
      [
        "r.data.demonstrations = { ...r.data.training, budgets: { grid: { from: 1024, to: 2048 } } }",
        /^recipe\.ts: data\.demonstrations\.budgets\.grid must hold a budget below model\.architecture\.maxPositions, .*, got 1024 at least and 1024; give a smaller number, or take a policy with more positions$/,
      ],
      [
        "r.data.demonstrations = { ...r.data.training, budgets: { grid: [16], autonomousShare: 1 } }",
        /^recipe\.ts: data\.demonstrations\.budgets\.autonomousShare must be less than 1, or no demonstration gets a budget; .*, got 1$/,
      ],
      [
        "r.rl.alarms = { unscorable: { above: 0.2, stopAbove: 0.1 } }",
        /^recipe\.ts: rl\.alarms\.unscorable\.above must be at most stopAbove, or the run stops before the alarm is raised, got 0\.2$/,
      ],
      [
        'r.rl.alarms = { hack: { action: "stop" } }',
        /^recipe\.ts: rl\.alarms\.hack\.action must be left out where there is no radar .*; name a held-out verifier as rl\.radar\.verifier, got "stop"$/,
      ],
      [
        'r.rl.sampling = { lag: 1 }; r.rl.correction = { kind: "masked", level: "token", min: 1, max: 1 }',
        /^recipe\.ts: rl\.correction\.min must be below max, .*, got 1 and 1; lower min or raise max$/,
      ],
      ["r.rl.sampling = { lag: 4 }; r.rl.steps = 4", /^recipe\.ts: rl\.sampling\.lag must be less than steps, .*, got 4 and 4$/],
      ["delete r.rl", /^recipe\.ts: rl or sft must be there/],
      ["delete r.data.training", /^recipe\.ts: data\.training must be there when there is an rl stage$/],
    ];
    for (const [change, expected] of cases) assert.match(await messageOf(changed(t, change)), expected);
  });

  test("takes what is on the right side of these rules, and defaults beside them", async (t) => {
    for (const change of [
      "r.eval = { maxNewTokens: 1023 }",
      "r.data.demonstrations = { ...r.data.training, budgets: { grid: [16, 4096], autonomousShare: 0.9 } }",
      "r.rl.alarms = { unscorable: { above: 0.1, stopAbove: 0.1 } }",
      "r.rl.alarms = { unscorable: { stopAbove: 0 } }",
      'r.rl.alarms = { hack: { action: "off" } }',
      'r.rl.alarms = { hack: { action: "stop" } }; r.rl.radar = { verifier: "exact" }',
      'r.rl.sampling = { lag: 1 }; r.rl.correction = { kind: "masked", level: "token", min: 1, max: 1.01 }',
      "r.rl.sampling = { lag: 3 }; r.rl.steps = 4",
    ])
      assert.ok(await loadRecipe(changed(t, change)), change);
  });

  test("says what is wrong with the file itself", async (t) => {
    const folder = tempFolder(t);
    assert.match(await messageOf(join(folder, "nowhere.ts")), /nowhere\.ts: no such file; give the path of a recipe/);
    assert.match(await messageOf(folder), /must be a file, got a folder/);
    assert.match(await messageOf(recipeFile(t, "export const recipe = {}")), /recipe\.ts: has no default export; end it with/);
    assert.match(
      await messageOf(recipeFile(t, "export default 3")),
      /^recipe\.ts: the default export must be a recipe object, got a number/,
    );
    assert.match(await messageOf(recipeFile(t, "export default [1]")), /recipe\.ts: /);
    assert.match(await messageOf(recipeFile(t, `throw new TypeError("no luck")`)), /recipe\.ts: could not be loaded: TypeError: no luck/);
    assert.match(await messageOf(recipeFile(t, "export default {")), /recipe\.ts: could not be loaded: SyntaxError/);
    assert.match(
      await messageOf(recipeFile(t, `export default { ...${good}, seed: () => 3 }`)),
      /^recipe\.ts: seed must be data, got a function; /,
    );
  });
});

describe("--set", () => {
  test("sets keys by path, as JSON where it is JSON and as text where it is not", async (t) => {
    const overrides = ["rl.steps=50", "name=other-name", "checkpoints.keepBest=false", "data.training.families.0.weight=2.5"];
    const { recipe } = await loadRecipe(recipeFile(t, `export default ${good}`), overrides);
    assert.equal(recipe.rl?.steps, 50);
    assert.equal(recipe.name, "other-name");
    assert.equal(recipe.checkpoints.keepBest, false);
    assert.ok(recipe.data.training?.kind === "families");
    assert.equal(recipe.data.training.families[0]?.weight, 2.5);
  });

  test("reaches below a section that the recipe leaves out, starting from its default", async (t) => {
    const { recipe } = await loadRecipe(recipeFile(t, `export default ${good}`), ["rl.advantages.groupSize=4", "rl.objective.above=0.4"]);
    assert.deepEqual(recipe.rl?.advantages, { kind: "grpo", groupSize: 4 });
    assert.deepEqual(recipe.rl?.objective, { kind: "clip", below: 0.2, above: 0.4 });
  });

  test("rejects an unknown path with the nearest right one, and a value out of range as in the file", async (t) => {
    const file = recipeFile(t, `export default ${good}`);
    assert.equal(await messageOf(file, ["rl.stpes=50"]), '--set: unknown key "rl.stpes"; did you mean "rl.steps"');
    assert.equal(await messageOf(file, ["lr.steps=50"]), '--set: unknown key "lr"; did you mean "rl"');
    assert.equal(await messageOf(file, ["rl.steps=-1"]), "recipe.ts: rl.steps must be greater than 0, got -1");
    assert.match(await messageOf(file, ["rl.steps"]), /^--set: must have the form key=value, got "rl\.steps"/);
    assert.equal(await messageOf(file, ["seed.x=1"]), '--set: "seed" holds no keys, so nothing below it can be set');
  });

  test("says how to choose another kind where keys of the former one stand in the file", async (t) => {
    const file = changed(t, 'r.rl.kl = { kind: "loss", estimator: "k2", weight: 0.1 }');
    const cure = `leave it out or change rl.kl.kind; --set 'rl.kl={"kind":"none"}' sets all of rl.kl`;
    assert.deepEqual((await messageOf(file, ["rl.kl.kind=none"])).split("\n"), [
      `recipe.ts: unknown key "rl.kl.estimator"; it belongs to kind "loss", but rl.kl.kind is "none"; ${cure}`,
      `recipe.ts: unknown key "rl.kl.weight"; it belongs to kind "reward" or "loss", but rl.kl.kind is "none"; ${cure}`,
    ]);
    assert.deepEqual((await loadRecipe(file, ['rl.kl={"kind":"none"}'])).recipe.rl?.kl, { kind: "none" });
  });

  test("changes one place where the recipe uses an object twice", async (t) => {
    const file = recipeFile(t, `const r: any = ${good};\nr.data.evaluation = r.data.training;\nexport default r;\n`);
    const { training, evaluation } = (await loadRecipe(file, ["data.evaluation.families.0.weight=3"])).recipe.data;
    assert.ok(training?.kind === "families" && evaluation.kind === "families");
    assert.deepEqual([training.families[0]?.weight, evaluation.families[0]?.weight], [1, 3]);
  });

  test("leaves the recipe's own object as it was", async (t) => {
    const file = recipeFile(t, `export default ${good}`);
    await loadRecipe(file, ["rl.steps=50"]);
    assert.equal((await loadRecipe(file)).recipe.rl?.steps, 100);
  });
});
