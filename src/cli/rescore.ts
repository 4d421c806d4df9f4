// `whetstone rescore RUN`: what a run's rollouts would earn with today's verifiers, and what of that differs from the record. Reads the
// store and changes nothing. Exit code 0 when nothing differs, 1 when something does.

import { dirname, resolve } from "node:path";

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { RunError } from "../base/errors.ts";
import { openVerifierPool } from "../rewards/verifiable/open.ts";
import { parseRecipe } from "../runs/recipeFile.ts";
import { checkVerifiers, type Rescore, type RescoredVerdict, rescoreRun, type VerifierRescore } from "../runs/rescore.ts";
import { openStoreToRead } from "../runs/store.ts";
import { catchInterrupts, interruptedExitCode } from "./interrupts.ts";
import { runsFolder } from "./options.ts";
import { print, printError, printJson, shortNumber, table, weakContainmentWarning } from "./output.ts";
import { verdictText } from "./verdictText.ts";

interface Options {
  readonly runs: string;
  readonly folder?: string;
  readonly all?: true;
  readonly json?: true;
}

export function addRescore(whetstone: Command): void {
  whetstone
    .command("rescore")
    .description("recompute a run's rewards with today's verifiers and say what differs; exit code 1 if something does")
    .argument("<run>", "id of the run")
    .option(...runsFolder)
    .option("--folder <folder>", "where the recipe's verifier files lie (default: as when the run was started)")
    .option("--all", "list every verdict that differs")
    .option("--json", "print JSON")
    .action(rescore);
}

async function rescore(id: string, { runs, folder, all, json }: Options): Promise<void> {
  using interrupts = catchInterrupts(() => printError("stopping"));
  const { store: opened, unchanged } = openStoreToRead(runs, systemClock);
  using store = opened;
  const row = store.run(id);
  const recipe = parseRecipe(row.recipe, { file: `recipe of run ${id}` });
  const here = folder === undefined ? dirname(row.recipeFile) : resolve(folder);
  checkVerifiers(id, recipe, here);
  await using pool = await openVerifierPool(recipe.rewards, here);
  if (pool.containment === "weak") printError(weakContainmentWarning);
  const changed: RescoredVerdict[] = [];
  const tell = (verdict: RescoredVerdict) => {
    if (json && all) changed.push(verdict);
    else if (all) print(changeText(verdict));
  };
  try {
    const found = await rescoreRun({ store, id, recipe, pool, tell }, interrupts.stop);
    if (!unchanged())
      throw new RunError(`run store "${runs}": must stay as it is while it is read, but another process wrote to it; try again`);
    if (json) printJson(all ? { ...found, changed } : found);
    else print(rescoreText(found, { all: all === true }));
    if (found.differs) process.exitCode = 1;
  } catch (error) {
    if (!interrupts.stop.aborted) throw error;
    process.exitCode = interruptedExitCode;
  }
}

function rescoreText({ run, rollouts, verifiers, rewards }: Rescore, { all }: { all: boolean }): string {
  if (rollouts === 0) return `run ${run}: no rollouts were scored, so that nothing can differ`;
  const { differ, unscorableThen, meanThen, meanNow } = rewards;
  const means = meanThen === undefined ? "" : `; mean ${shortNumber(meanThen)} then, ${shortNumber(meanNow!)} now`;
  return [
    `run ${run}: ${rollouts.toLocaleString("en-US")} rollouts`,
    table([
      ["verifier", "version then", "now", "verdicts", "differ", "unscorable now", "unscorable then", "of these scored now"],
      ...verifiers.map(verifierRow),
    ]),
    `rewards: ${differ} differ, ${unscorableThen} could not be told then${means}`,
    ...verifiers.flatMap(notes),
    ...(verifiers.some(({ differ }) => differ > 0) && !all ? ["--all lists every verdict that differs"] : []),
  ].join("\n");
}

function verifierRow({ id, versionsThen, versionNow, ...counts }: VerifierRescore): string[] {
  const { verdicts, differ, unscorableNow, unscorableThen, scoredNow } = counts;
  return [id, versionsThen.join(", "), String(versionNow), ...[verdicts, differ, unscorableNow, unscorableThen, scoredNow].map(String)];
}

function notes({ id, versionsThen, versionNow, differ, unscorableNow, reworded }: VerifierRescore): string[] {
  const isSame = versionsThen.length === 1 && versionsThen[0] === versionNow;
  return [
    ...(isSame && differ > unscorableNow ? [`${id} gives other scores under the same version ${versionNow}; raise its version`] : []),
    ...(reworded > 0 ? [`${id} gives ${reworded} scores the same with other evidence`] : []),
  ];
}

function changeText({ stage, step, rollout, task, verifier, old, now, rewardOld, rewardNow }: RescoredVerdict): string {
  const reward = (value: number | undefined) => (value === undefined ? "none" : shortNumber(value));
  return [
    `-- ${stage} after ${step} steps, rollout ${rollout}, task ${task}: ${verifier}, reward ${reward(rewardOld)} then, ${reward(rewardNow)} now`,
    `  then ${verdictText(old)}`,
    `  now  ${verdictText(now)}`,
  ].join("\n");
}
