// `whetstone train RECIPE.ts`: starts a run, or with --dry-run says what it would do.
// Everything that can be wrong with the recipe is said before a run exists.

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { fingerprintHere } from "../runs/fingerprint.ts";
import { asJson, createRun } from "../runs/openRun.ts";
import { type Plan, planRun } from "../runs/plan.ts";
import { checkStart, openRewards, prepare } from "../runs/prepare.ts";
import { type LoadedRecipe, loadRecipe } from "../runs/recipeFile.ts";
import { RunStore } from "../runs/store.ts";
import { collect, runsFolder } from "./options.ts";
import { print, printJson, table } from "./output.ts";
import { superviseRun } from "./superviseRun.ts";

interface Options {
  readonly runs: string;
  readonly set: readonly string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export function addTrain(whetstone: Command): void {
  whetstone
    .command("train")
    .description("start a run")
    .argument("<recipe>", "a TypeScript module that exports defineRecipe({...})")
    .option(...runsFolder)
    .option("--set <key=value>", "set one key of the recipe, such as rl.steps=50; may be given several times", collect, [])
    .option("--dry-run", "check everything and say what the run would do, without starting it")
    .option("--json", "print the result as JSON")
    .action(async (file: string, options: Options) => {
      const loaded = await loadRecipe(file, options.set);
      if (options.dryRun) await showPlan(loaded, options);
      else await train(loaded, options);
    });
}

async function showPlan(loaded: LoadedRecipe, { json }: Options): Promise<void> {
  const plan = await planRun(loaded);
  if (json) printJson(plan);
  else print(planText(plan));
}

async function train(loaded: LoadedRecipe, { runs, json }: Options): Promise<void> {
  const { recipe, folder, file } = loaded;
  const prepared = await prepare(recipe, folder);
  checkStart(recipe, prepared);
  await using pool = await openRewards(recipe, { folder, prepared });
  const fingerprint = fingerprintHere(asJson(recipe), prepared.inputs);
  using store = new RunStore(runs, systemClock);
  using run = createRun({ recipe, recipeFile: file }, { store, clock: systemClock, fingerprint });
  await superviseRun(run, { prepared, pool, json: json === true });
}

function planText({ recipe, numParameters, vocabSize, stages, verifiers }: Plan): string {
  const rows = stages.map(({ stage, steps, sequencesPerStep, tokensPerStep }) => {
    const most = stage === "rl" ? "up to " : "about ";
    return [
      stage,
      `${steps} steps`,
      `${sequencesPerStep} sequences a step`,
      `${most}${tokensPerStep.toLocaleString("en-US")} tokens a step`,
    ];
  });
  return [
    JSON.stringify(recipe, null, 2),
    "",
    `policy     ${numParameters.toLocaleString("en-US")} parameters, ${vocabSize} tokens in the vocabulary`,
    ...table(rows).split("\n"),
    ...verifiers.map(({ id, version, file }) => `verifier   ${id}, version ${version}, ${file}`),
  ].join("\n");
}
