// `whetstone runs ls`: every run, newest first. Reads the store, touches nothing.
// A run that was killed shows as interrupted.

import { statSync } from "node:fs";

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { RunError } from "../base/errors.ts";
import { RunStore, storeExists } from "../runs/store.ts";
import { type RunSummary, summariseRun } from "../runs/summary.ts";
import { runsFolder } from "./options.ts";
import { print, printError, printJson, shortNumber, table, timestamp } from "./output.ts";

export function addLs(runs: Command): void {
  runs
    .command("ls")
    .description("list runs, newest first")
    .option(...runsFolder)
    .option("--json", "print JSON")
    .action(({ runs: folder, json }: { runs: string; json?: true }) => {
      const summaries = summariesIn(folder);
      if (json) printJson(summaries.map(listed));
      else if (summaries.length === 0) print(`no runs in "${folder}" yet; start one with: whetstone train RECIPE.ts`);
      else print(table([["run", "state", "started (UTC)", "progress", "reward", "accuracy"], ...summaries.map(row)]));
      for (const { id, damaged } of summaries) for (const message of damaged) printError(`run ${id}: ${message}`);
    });
}

function summariesIn(folder: string): RunSummary[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new RunError(`run store "${folder}": must be a folder, got a file; give the folder that holds the runs with --runs`);
  if (!storeExists(folder)) return [];
  using store = new RunStore(folder, systemClock);
  return store.runs().map((run) => summariseRun(store, run.id));
}

function listed({ id, state, createdMs, stages, hash, parent, damaged }: RunSummary): Partial<RunSummary> {
  return { id, state, createdMs, stages, hash, ...(parent === undefined ? {} : { parent }), damaged };
}

function row({ id, state, createdMs, stages }: RunSummary): string[] {
  const progress = stages.map(({ stage, done, steps }) => `${stage} ${done}/${steps}`).join(", ");
  const metrics = stages.findLast(({ done }) => done > 0)?.metrics ?? {};
  const shown = (name: string) => (metrics[name] === undefined ? "" : shortNumber(metrics[name]));
  return [id, state, timestamp(createdMs), progress, shown("reward"), shown("accuracy")];
}
