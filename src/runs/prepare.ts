// From a recipe to what its run works with: tokenizer, architecture, tasks, verifier files. Everything a user can get wrong in them is
// told here, before a run exists.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import { ConfigError, DataError, VerifierError } from "../base/errors.ts";
import { type BudgetMix, largestBudget } from "../data/budgets.ts";
import type { DataSource } from "../data/config.ts";
import { evaluationTasks, openDemonstrations, openTasks } from "../data/source.ts";
import type { DemonstrationStream, TaskStream } from "../data/stream.ts";
import type { Task } from "../data/task.ts";
import { byteTokenizerJson, characterTokenizerJson } from "../policy/alphabets.ts";
import type { PolicyConfig } from "../policy/architecture.ts";
import { encodePrompt } from "../policy/chat.ts";
import { loadCheckpoint } from "../policy/checkpoint.ts";
import { sizeRule } from "../policy/config.ts";
import { loadTokenizer, type Tokenizer } from "../policy/tokenizer.ts";
import { namesOf, ownVerifier, rewardingVerifiers, verifiersOf } from "../rewards/compose.ts";
import type { VerifierPool } from "../rewards/pool.ts";
import { locateVerifiers, openVerifierPool } from "../rewards/verifiable/open.ts";
import { checkOptimizer } from "../train/backend.ts";
import type { InputFile } from "./fingerprint.ts";
import { brokenPositionRules } from "./positions.ts";
import type { Recipe } from "./recipe.ts";

/** A recipe made concrete. */
export interface Preparation {
  readonly architecture: PolicyConfig;
  readonly tokenizer: Tokenizer;
  /** Where the policy starts from; undefined: from random parameters. */
  readonly checkpoint: string | undefined;
  readonly demonstrations: DemonstrationStream | undefined;
  readonly tasks: TaskStream | undefined;
  readonly heldOut: readonly Task[];
  readonly heldOutBeyond: readonly Task[];
  /** Files that the recipe names and that decide what is computed. */
  readonly inputs: readonly InputFile[];
}

/** `folder` is where the recipe's file lies. */
export async function prepare(recipe: Recipe, folder: string): Promise<Preparation> {
  const { seed, data } = recipe;
  const count = Math.max(recipe.eval.tasks, recipe.eval.finalTasks);
  const source = <Source extends DataSource>(written: Source): Source =>
    written.kind === "file" ? { ...written, path: resolve(folder, written.path) } : written;
  const heldOut = await evaluationTasks(source(data.evaluation), { seed, count });
  const heldOutBeyond = data.evaluationBeyond === undefined ? [] : await evaluationTasks(source(data.evaluationBeyond), { seed, count });
  const training = { seed, heldOut: [...heldOut, ...heldOutBeyond] };
  const model = prepareModel(recipe, folder);
  checkPositions(recipe, model);
  const demonstrations = data.demonstrations === undefined ? undefined : await openDemonstrations(source(data.demonstrations), training);
  const tasks = data.training === undefined ? undefined : await openTasks(source(data.training), training);
  for (const task of [...training.heldOut, ...practised(recipe, tasks)]) checkPrompt(task, model);
  for (const [task, budgets] of budgeted(recipe, { demonstrations, tasks })) {
    checkPrompt({ ...task, thinkingBudget: largestBudget(budgets) }, model);
  }
  if (recipe.sft !== undefined) demonstrations!.batch(0, recipe.sft.batch); // a file that is too small says so
  return { ...model, demonstrations, tasks, heldOut, heldOutBeyond, inputs: inputFiles(recipe, folder) };
}

/** What a new run starts from beside the policy; one that goes on has its own. */
export function checkStart({ model }: Recipe, { architecture, checkpoint }: Preparation): void {
  if (model.kind === "checkpoint" && model.optimizer === "checkpoint") checkOptimizer(checkpoint!, architecture);
}

/** What can be known of the tasks that are practised: all of a file's, those of the first step where families make them. */
function practised({ rl }: Recipe, tasks: TaskStream | undefined): readonly Task[] {
  if (rl === undefined) return [];
  const first = tasks!.batch(0, rl.tasksPerStep); // a file that is too small for a step says so
  return tasks!.all ?? first;
}

/** Tasks of the first step with the mix of budgets that they are asked for: a tokenizer that cannot write a budget says so. */
function budgeted(
  { data, sft, rl }: Recipe,
  { demonstrations, tasks }: Pick<Preparation, "demonstrations" | "tasks">,
): readonly (readonly [Task, BudgetMix])[] {
  const shown = data.demonstrations?.kind === "families" ? data.demonstrations.budgets : undefined;
  const demonstrated =
    sft === undefined || shown === undefined ? [] : demonstrations!.batch(0, sft.batch).map(({ task }) => [task, shown] as const);
  const thinking = rl?.thinking;
  if (thinking?.kind !== "budgets") return demonstrated;
  return [...demonstrated, ...tasks!.batch(0, rl!.tasksPerStep).map((task) => [task, thinking] as const)];
}

/** The pool that scores for a run. Everything about verifiers that a user can get wrong is told before it resolves. */
export async function openRewards(recipe: Recipe, { folder, prepared }: { folder: string; prepared: Preparation }): Promise<VerifierPool> {
  const pool = await openVerifierPool(recipe.rewards, folder);
  try {
    checkTaskVerifiers(recipe, { pool, prepared });
    checkRadar(recipe, { pool, prepared });
    await checkReferences(recipe, { pool, prepared });
    return pool;
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
}

interface RewardParts {
  readonly pool: VerifierPool;
  readonly prepared: Preparation;
}

function checkTaskVerifiers(recipe: Recipe, { pool, prepared }: RewardParts): void {
  const { heldOut, heldOutBeyond } = prepared;
  const missing = [...heldOut, ...heldOutBeyond, ...practised(recipe, prepared.tasks)].find(
    ({ verifier }) => !pool.verifiers.has(verifier),
  );
  if (missing === undefined) return;
  throw new VerifierError(
    `rewards.verifiers: must hold the verifier of every task, got none for "${missing.verifier}" of family "${missing.family}"; known: ${[...pool.verifiers.keys()].join(", ")}`,
  );
}

/** The radar's verifier runs, and for no task is it one that the reward is made of: the schema knows only the words, not the tasks. */
function checkRadar(recipe: Recipe, { pool, prepared }: RewardParts): void {
  const { rl, rewards } = recipe;
  if (rl?.radar === undefined) return;
  const unknown = namesOf(rl.radar).find((name) => name !== ownVerifier && !pool.verifiers.has(name));
  if (unknown !== undefined) {
    const known = [ownVerifier, ...pool.verifiers.keys()].join(", ");
    throw new VerifierError(`rl.radar.verifier: must be one of rewards.verifiers, got "${unknown}"; known: ${known}`);
  }
  const heldOut = [{ verifier: rl.radar.verifier, weight: 0 }];
  for (const { verifier, family } of practised(recipe, prepared.tasks)) {
    const learned = rewardingVerifiers(rewards.terms, verifier);
    const both = verifiersOf(heldOut, verifier).find((id) => learned.includes(id));
    if (both === undefined) continue;
    const byOwn = namesOf(rl.radar).includes(ownVerifier)
      ? `"${ownVerifier}", which is "${both}"`
      : `"${both}", which is their own verifier,`;
    const got = both === verifier ? byOwn : `"${both}"`;
    throw new VerifierError(
      `rl.radar.verifier: must not be one that the reward is made of, got ${got} for tasks of family "${family}"; hold another one out`,
    );
  }
}

/** Of a reference that is shown in a message. */
const maxReferenceChars = 80;

/** References of files, which people write; those of families fit their verifiers. Demonstrations are not checked by one. */
async function checkReferences({ data, rl }: Recipe, { pool, prepared }: RewardParts): Promise<void> {
  const sources: readonly (readonly [DataSource | undefined, readonly Task[]])[] = [
    [data.evaluation, prepared.heldOut],
    [data.evaluationBeyond, prepared.heldOutBeyond],
    [rl === undefined ? undefined : data.training, prepared.tasks?.all ?? []],
  ];
  const own = ({ verifier }: Task): boolean => pool.verifiers.get(verifier)?.reference === undefined; // else the recipe's, which takes its place
  const written = sources.flatMap(([source, tasks]) =>
    source?.kind === "file" ? tasks.filter(own).map((task) => ({ file: source.path, task })) : [],
  );
  if (written.length === 0) return;
  const refused = await pool.refusedReference(written.map(({ task: { verifier, reference } }) => ({ verifier, reference })));
  if (refused === undefined) return;
  const { file, task } = written[refused.index]!;
  throw new DataError(
    `${file}: the reference of task "${task.id}" must be one that its verifier "${task.verifier}" takes, got ${JSON.stringify(task.reference).slice(0, maxReferenceChars)} (${refused.reason}); correct the row`,
  );
}

/** The schema has judged a policy that the recipe makes itself. */
function checkPositions(recipe: Recipe, { architecture: { maxPositions }, checkpoint }: ModelParts): void {
  if (checkpoint === undefined) return;
  const broken = brokenPositionRules(recipe, { maxPositions, name: `the positions of the checkpoint "${checkpoint}"` });
  if (broken.length === 0) return;
  throw new ConfigError(broken.map(({ path, message }) => `${path.join(".")} ${message}`).join("\n"));
}

/** A prompt that the policy cannot read would end the run at its first measurement. */
function checkPrompt(task: Task, { tokenizer, architecture }: ModelParts): void {
  const { length } = encodePrompt(task, tokenizer);
  if (length < architecture.maxPositions) return;
  throw new DataError(
    `task "${task.id}": a prompt must leave room in the policy's ${architecture.maxPositions} positions, got ${length} tokens; shorten it or raise model.architecture.maxPositions`,
  );
}

type ModelParts = Pick<Preparation, "architecture" | "tokenizer" | "checkpoint">;

function prepareModel({ model }: Recipe, folder: string): ModelParts {
  switch (model.kind) {
    case "new": {
      const tokenizer = openTokenizer(model.tokenizer, folder);
      const architecture = { ...model.architecture, vocabSize: tokenizer.vocabSize };
      const tooLarge = sizeRule(architecture); // the schema did not know the vocabulary
      if (tooLarge !== undefined) throw new ConfigError(`model.architecture.width ${tooLarge}`);
      return { architecture, tokenizer, checkpoint: undefined };
    }
    case "checkpoint": {
      const path = resolve(folder, model.path);
      const { config, tokenizer } = loadCheckpoint(path);
      return { architecture: config, tokenizer, checkpoint: path };
    }
    default:
      return model satisfies never;
  }
}

type TokenizerConfig = Extract<Recipe["model"], { kind: "new" }>["tokenizer"];

function openTokenizer(config: TokenizerConfig, folder: string): Tokenizer {
  switch (config.kind) {
    case "character":
      return loadTokenizer(characterTokenizerJson(config.alphabet));
    case "byte":
      return loadTokenizer(byteTokenizerJson());
    case "file": {
      const path = resolve(folder, config.path);
      if (!existsSync(path))
        throw new ConfigError(`${path}: no such file; model.tokenizer.path must be a tokenizer.json, relative to the recipe`);
      return loadTokenizer(readFileSync(path, "utf8"), path);
    }
    default:
      return config satisfies never;
  }
}

/** A checkpoint's parameters are not among them: their digest is in every step. */
function inputFiles({ data, rewards, model }: Recipe, folder: string): InputFile[] {
  const sources = Object.values(data).flatMap((source) => (source.kind === "file" ? [source.path] : []));
  const tokenizer = model.kind === "new" && model.tokenizer.kind === "file" ? [model.tokenizer.path] : [];
  return [
    ...[...sources, ...tokenizer].map((name) => ({ name, path: resolve(folder, name) })),
    ...locateVerifiers(rewards.verifiers, folder).map((path, i) => ({ name: rewards.verifiers[i]!.use, path })),
  ];
}
