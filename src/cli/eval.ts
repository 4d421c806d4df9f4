// `whetstone eval CHECKPOINT`: how many held-out tasks a checkpoint answers right, on request under each of several thinking budgets.
// Records nothing: measurements that belong to a run are made by the run.

import { existsSync } from "node:fs";

import type { Command } from "commander";

import type { Containment } from "../../sandbox/client.ts";
import { systemClock } from "../base/clock.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import type { Accuracy } from "../eval/accuracy.ts";
import type { Budget, BudgetReport } from "../eval/budgets.ts";
import {
  type Examination,
  evaluateBudgets,
  evaluateCheckpoint,
  examinationOfFile,
  examinationOfRecipe,
  recipeOfCheckpoint,
} from "../runs/evaluateCheckpoint.ts";
import { loadRecipe } from "../runs/recipeFile.ts";
import { accuracyText } from "./accuracyText.ts";
import { budgetPicture } from "./budgetPicture.ts";
import { budgetText } from "./budgetText.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { atLeastOne, budgetList, collect, notNegative, refuseTogether, refuseWithout, sandboxOption } from "./options.ts";
import { print, printError, printJson, shortNumber, table, weakContainmentWarning } from "./output.ts";
import { progressObserver } from "./progress.ts";

interface Options {
  readonly recipe?: string;
  readonly set: readonly string[];
  readonly input?: string;
  readonly verifier?: string;
  readonly column: readonly string[];
  readonly sandbox?: Containment;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly budgets?: readonly Budget[];
  readonly svg?: string;
  readonly json?: true;
}

export function addEval(whetstone: Command): void {
  whetstone
    .command("eval")
    .description("measure a checkpoint on held-out tasks: of its run, of a recipe, or of a file")
    .argument("<checkpoint>", "checkpoint folder")
    .option("--recipe <file>", "measure on this recipe's held-out tasks (default: the recipe of the checkpoint's run)")
    .option("--set <key=value>", "set one key of that recipe, such as eval.finalTasks=64", collect, [])
    .option("--input <file>", "measure on the tasks of this file instead; needs --verifier")
    .option("--verifier <use>", "id of a built-in verifier, or the file that exports one")
    .option("--column <key=name>", "read a foreign file: question=NAME, answer=NAME; may be given several times", collect, [])
    // Without a default: beside a recipe, which says this itself, it is refused.
    .addOption(sandboxOption().default(undefined))
    .option("--temperature <t>", "0 takes the most likely token", notNegative)
    .option("--max-tokens <count>", "longest response", atLeastOne)
    .option("--budgets <list>", "measure under each of these thinking budgets, such as 0,16,32,64,128,auto", budgetList)
    .option("--svg <file>", "draw accuracy over budgets into this file; needs --budgets")
    .option("--json", "print JSON")
    .action(evaluate);
}

async function evaluate(checkpoint: string, options: Options): Promise<void> {
  const { temperature, maxTokens, budgets, svg } = options;
  refuseWithout({ command: "eval", options: { "--budgets": budgets, "--svg": svg } }, ["--budgets", "--svg"]);
  const examination = {
    ...(await findExamination(checkpoint, options)),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { maxNewTokens: maxTokens }),
  };
  const progress = progressObserver(process.stderr, systemClock);
  if (examination.rewards.sandbox === "weak") progress.note(weakContainmentWarning);
  using interrupts = catchInterrupts(() => progress.note("stopping"));
  const watched = { ...examination, measuring: progress.measuring };
  try {
    const isScored =
      budgets === undefined
        ? printAccuracies(await evaluateCheckpoint(checkpoint, watched, interrupts.stop), { options, done: progress.done })
        : printBudgets(await evaluateBudgets(checkpoint, { ...watched, budgets }, interrupts.stop), { options, done: progress.done });
    if (!isScored) {
      printError("eval: nothing could be scored, so that there is no accuracy; whetstone score tries the verifier on one answer");
      process.exitCode = 1;
    }
  } catch (error) {
    progress.done();
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
}

interface Printing {
  readonly options: Options;
  /** Ends the line of progress. */
  readonly done: () => void;
}

/** Whether anything could be scored. */
function printAccuracies(results: Readonly<Record<string, Accuracy>>, { options, done }: Printing): boolean {
  done();
  if (options.json) printJson(results);
  else print(Object.entries(results).map(resultText).join("\n"));
  return Object.values(results).some(({ accuracy }) => accuracy !== undefined);
}

/** Whether anything could be scored. */
function printBudgets(results: Readonly<Record<string, BudgetReport>>, { options: { json, svg }, done }: Printing): boolean {
  done();
  if (svg !== undefined) writeFileAtomic(svg, [budgetPicture(results)]);
  if (json) printJson(results);
  else
    print(
      Object.entries(results)
        .map(([name, report]) => budgetText(name, report))
        .join("\n\n"),
    );
  return Object.values(results).some(({ points }) => points.some(({ accuracy }) => accuracy !== undefined));
}

async function findExamination(checkpoint: string, options: Options): Promise<Examination> {
  const { recipe, set, input, verifier, column, sandbox } = options;
  const ofFile = { "--input": input, "--verifier": verifier, "--column": column, "--sandbox": sandbox };
  const named = { "--recipe": recipe, "--set": set, ...ofFile };
  const given = { command: "eval", options: named };
  refuseTogether(given, ["--input", "--recipe", "--set"]);
  refuseWithout(given, ["--input", "--verifier", "--column", "--sandbox"]);
  if (!existsSync(checkpoint))
    throw new CheckpointError(`checkpoint "${checkpoint}": no such folder; give the folder that holds config.json`);
  if (input !== undefined) {
    if (verifier === undefined) throw new ConfigError("eval: --input needs --verifier, an id or a file that exports one");
    const columns = column.length === 0 ? undefined : pairs(column);
    return examinationOfFile(input, { verifier, folder: process.cwd(), columns, sandbox: sandbox ?? "jail" });
  }
  if (recipe !== undefined) {
    const loaded = await loadRecipe(recipe, set);
    return examinationOfRecipe(loaded.recipe, loaded.folder);
  }
  const own = recipeOfCheckpoint(checkpoint, { clock: systemClock, overrides: set });
  if (own !== undefined) return examinationOfRecipe(own.recipe, own.folder);
  throw new ConfigError(
    `eval: "${checkpoint}" lies in no run, so that its held-out tasks are not known; give --recipe, or --input and --verifier`,
  );
}

/** ["question=prompt", "answer"] is { question: "prompt", answer: "answer" }. */
function pairs(columns: readonly string[]): Record<string, string> {
  return Object.fromEntries(columns.map((text) => [text.split("=", 1)[0]!, text.slice(text.indexOf("=") + 1)]));
}

function resultText([name, measured]: [string, Accuracy]): string {
  const rows = Object.entries(measured.byFamily).map(([family, share]) => [`  ${family}`, shortNumber(share)]);
  return [`${name}: ${accuracyText(measured)}`, ...(rows.length === 0 ? [] : [table(rows)])].join("\n");
}
