// The accuracy of a checkpoint, outside of any run: on the held-out tasks of a recipe, or on the tasks of a file.
// The checkpoint may be of another program; the recipe may be of another policy.

import { dirname, join, resolve } from "node:path";

import type { Clock } from "../base/clock.ts";
import { ConfigError } from "../base/errors.ts";
import { parseWith } from "../base/parse.ts";
import { blockTokens } from "../data/budgets.ts";
import { Columns } from "../data/columns.ts";
import { readTasks } from "../data/readers.ts";
import type { Task } from "../data/task.ts";
import { type Accuracy, type Measuring, measureAccuracy } from "../eval/accuracy.ts";
import { type Budget, type BudgetReport, measureBudgets } from "../eval/budgets.ts";
import { encodePrompt } from "../policy/chat.ts";
import { watchingOwn } from "../rewards/compose.ts";
import { RewardConfig } from "../rewards/config.ts";
import { scoreRollout } from "../rewards/score.ts";
import { describeVerifier, openVerifierPool } from "../rewards/verifiable/open.ts";
import { policyFromCheckpoint } from "../train/backend.ts";
import { EngineConfig } from "../train/config.ts";
import type { RunObserver } from "./execute.ts";
import { prepare } from "./prepare.ts";
import type { Recipe } from "./recipe.ts";
import { parseRecipe } from "./recipeFile.ts";
import { RunStore, storeExists } from "./store.ts";

/** What to measure on. Verifier files are relative to `folder`. */
export interface Examination {
  readonly sets: Readonly<Record<string, readonly Task[]>>;
  readonly rewards: RewardConfig;
  readonly folder: string;
  readonly seed: number;
  readonly temperature: number;
  /** Absent: all that the policy has room for. */
  readonly maxNewTokens?: number;
}

type Watched = Examination & Pick<RunObserver, "measuring">;

/** By name of the set. */
export function evaluateCheckpoint(checkpoint: string, examination: Watched, signal: AbortSignal): Promise<Record<string, Accuracy>> {
  return examine(checkpoint, examination, ({ tasks, measuring }) => measureAccuracy(tasks, measuring, signal));
}

/** As `evaluateCheckpoint`, under each of several thinking budgets. */
export function evaluateBudgets(
  checkpoint: string,
  { budgets, ...examination }: Watched & { readonly budgets: readonly Budget[] },
  signal: AbortSignal,
): Promise<Record<string, BudgetReport>> {
  return examine(
    checkpoint,
    examination,
    ({ tasks, measuring }) => {
      checkBudgets(budgets, measuring.maxNewTokens);
      return measureBudgets(tasks, { ...measuring, budgets }, signal);
    },
    budgets.length,
  );
}

/** A budget that leaves no room for its close and an answer would measure the length of responses instead. */
function checkBudgets(budgets: readonly Budget[], maxNewTokens: number): void {
  const largest = Math.max(0, ...budgets.filter((budget) => budget !== "auto"));
  if (largest + blockTokens < maxNewTokens) return;
  throw new ConfigError(
    `eval: a budget must leave room for an answer in the longest response, got --budgets with ${largest} and responses of at most ${maxNewTokens} tokens; raise --max-tokens, or leave that budget out`,
  );
}

async function examine<Result>(
  checkpoint: string,
  { sets, rewards, folder, maxNewTokens, measuring: watch, ...settings }: Watched,
  measure: (asked: { readonly tasks: readonly Task[]; readonly measuring: Measuring }) => Promise<Result>,
  timesEachTask = 1,
): Promise<Record<string, Result>> {
  await using policy = policyFromCheckpoint(checkpoint, EngineConfig.parse({}));
  await using pool = await openVerifierPool(rewards, folder);
  const scoring = { pool, terms: watchingOwn(rewards.terms), seedWords: [settings.seed] };
  const common = {
    ...settings,
    policy,
    promptTokens: (task: Task) => encodePrompt(task, policy.tokenizer),
    score: (asked: Parameters<typeof scoreRollout>[0], abort: AbortSignal) => scoreRollout(asked, scoring, abort),
    maxNewTokens: maxNewTokens ?? policy.config.maxPositions,
  };
  const results: Record<string, Result> = {};
  for (const [set, tasks] of Object.entries(sets)) {
    let answers = 0;
    const onAnswer = (): void => watch({ set, answers: ++answers, tasks: timesEachTask * tasks.length });
    results[set] = await measure({ tasks, measuring: { ...common, onAnswer } });
  }
  return results;
}

/** The held-out tasks of a recipe. */
export async function examinationOfRecipe(recipe: Recipe, folder: string): Promise<Examination> {
  const { heldOut, heldOutBeyond } = await prepare(recipe, folder);
  const { finalTasks, temperature, maxNewTokens } = recipe.eval;
  const longest = maxNewTokens ?? recipe.rl?.maxNewTokens;
  const beyond = heldOutBeyond.length === 0 ? {} : { heldOutBeyond: heldOutBeyond.slice(0, finalTasks) };
  const sets = { heldOut: heldOut.slice(0, finalTasks), ...beyond };
  return {
    sets,
    rewards: recipe.rewards,
    folder,
    seed: recipe.seed,
    temperature,
    ...(longest === undefined ? {} : { maxNewTokens: longest }),
  };
}

export interface FileExamination {
  /** Id of a built-in verifier, or the file that exports one; whatever verifier a task names. */
  readonly verifier: string;
  readonly folder: string;
  /** How the columns of a foreign file become tasks, as in a recipe; undefined: the file is in this project's own form. */
  readonly columns: Readonly<Record<string, string>> | undefined;
  /** What holds the programs that the verifier runs. */
  readonly sandbox: RewardConfig["sandbox"];
}

/** All tasks of a file, checked by one verifier. */
export async function examinationOfFile(file: string, { verifier, folder, columns, sandbox }: FileExamination): Promise<Examination> {
  const rewards = RewardConfig.parse({ verifiers: [{ use: verifier }], sandbox });
  const { id } = await describeVerifier(verifier, folder);
  const tasks = await readTasks(file, columns && parseColumns({ ...columns, verifier: id }));
  return { sets: { [file]: tasks.map((task) => ({ ...task, verifier: id })) }, rewards, folder, seed: 0, temperature: 1 };
}

function parseColumns(written: Readonly<Record<string, string>>): Columns {
  const parsed = parseWith(Columns, written);
  if (parsed.success) return parsed.data;
  throw new ConfigError(`--column: ${parsed.path === "" ? "it" : parsed.path} ${parsed.rule}; for example --column question=prompt`);
}

/** The recipe of the run that a checkpoint lies in; undefined where it lies in none. */
export function recipeOfCheckpoint(
  checkpoint: string,
  { clock, overrides }: { clock: Clock; overrides: readonly string[] },
): { readonly recipe: Recipe; readonly folder: string } | undefined {
  const runFolder = dirname(dirname(resolve(checkpoint)));
  const runs = dirname(runFolder);
  if (!storeExists(runs)) return undefined;
  using store = new RunStore(runs, clock);
  const row = store.runs().find(({ id }) => join(runs, id) === runFolder);
  if (row === undefined) return undefined;
  return { recipe: parseRecipe(row.recipe, { file: `recipe of run ${row.id}`, overrides }), folder: dirname(row.recipeFile) };
}
