// What a recipe would do, without doing it: `whetstone train RECIPE --dry-run`. Tasks are drawn and verifiers are loaded, so that
// what passes here starts.

import { dirname } from "node:path";

import { numParameters } from "../policy/architecture.ts";
import { encodeDemonstration, encodePrompt } from "../policy/chat.ts";
import { checkStart, openRewards, type Preparation, prepare } from "./prepare.ts";
import type { Recipe } from "./recipe.ts";
import type { LoadedRecipe } from "./recipeFile.ts";

/** How much work a stage is. */
export interface StagePlan {
  readonly stage: string;
  readonly steps: number;
  readonly sequencesPerStep: number;
  /** Prompts and responses. Of the first step for demonstrations; the most that rollouts can have. */
  readonly tokensPerStep: number;
}

/** What `--dry-run` shows. */
export interface Plan {
  readonly recipe: Recipe;
  readonly numParameters: number;
  readonly vocabSize: number;
  readonly stages: readonly StagePlan[];
  readonly verifiers: readonly { readonly id: string; readonly version: number; readonly file: string }[];
}

/** What `recipe` would do; refuses what a run would refuse before its first step. */
export async function planRun({ recipe, file }: LoadedRecipe): Promise<Plan> {
  const folder = dirname(file);
  const prepared = await prepare(recipe, folder);
  checkStart(recipe, prepared);
  await using pool = await openRewards(recipe, { folder, prepared });
  return {
    recipe,
    numParameters: numParameters(prepared.architecture),
    vocabSize: prepared.architecture.vocabSize,
    stages: [...sftPlan(recipe, prepared), ...rlPlan(recipe, prepared)],
    verifiers: [...pool.verifiers.values()].map(({ id, version, file }) => ({ id, version, file })),
  };
}

function sftPlan({ sft }: Recipe, { demonstrations, tokenizer }: Preparation): StagePlan[] {
  if (sft === undefined) return [];
  const first = demonstrations!.batch(0, sft.batch).map((demonstration) => encodeDemonstration(demonstration, tokenizer).tokens.length);
  return [{ stage: "sft", steps: sft.steps, sequencesPerStep: sft.batch, tokensPerStep: sum(first) }];
}

function rlPlan({ rl }: Recipe, { tasks, tokenizer }: Preparation): StagePlan[] {
  if (rl === undefined) return [];
  const { groupSize } = rl.advantages;
  const prompts = tasks!.batch(0, rl.tasksPerStep).map((task) => encodePrompt(task, tokenizer).length);
  const sequencesPerStep = rl.tasksPerStep * groupSize;
  return [{ stage: "rl", steps: rl.steps, sequencesPerStep, tokensPerStep: sum(prompts) * groupSize + sequencesPerStep * rl.maxNewTokens }];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
