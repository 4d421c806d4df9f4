// `whetstone runs show RUN`: where a run stands, what it measured, what happened to it.
// With --json, everything that was recorded of every step.

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { withRuns } from "../runs/commandText.ts";
import type { EventRow } from "../runs/rows.ts";
import { openStore } from "../runs/store.ts";
import { type RunSummary, type StageSummary, summariseRun } from "../runs/summary.ts";
import { accuracyText } from "./accuracyText.ts";
import { runsFolder } from "./options.ts";
import { print, printJson, shortNumber, table, timestamp } from "./output.ts";

export function addShow(runs: Command): void {
  runs
    .command("show")
    .description("show one run: progress, measurements, events, checkpoints")
    .argument("<run>", "id of the run")
    .option(...runsFolder)
    .option("--json", "print JSON, with the metrics of every step")
    .action((id: string, { runs: folder, json }: { runs: string; json?: true }) => {
      using store = openStore(folder, systemClock);
      const summary = summariseRun(store, id);
      if (json) printJson({ ...summary, steps: store.steps(id) });
      else print(description(summary, folder));
    });
}

function description(run: RunSummary, runs: string): string {
  const { id, state, createdMs, recipeFile, parent, hash, fingerprint, stages, checkpoints, damaged, evaluations, events } = run;
  const sections = [
    `${id}: ${state}, started ${timestamp(createdMs)} UTC from ${recipeFile}`,
    ...(parent === undefined ? [] : [`forked from ${parent.run} after ${parent.step} steps of ${parent.stage}`]),
    `hash ${hash}`,
    `code ${fingerprint.code}, Node ${fingerprint.node}, ONNX Runtime ${fingerprint.onnxRuntime}`,
    ...section("stages", stages.map(stageLine)),
    ...section(
      "measurements",
      evaluations.map(({ stage, step, name, result }) => [`${name} after ${step} steps of ${stage}`, accuracyText(result)]),
    ),
    ...section(
      "checkpoints",
      checkpoints.map(({ name, accuracy, folder }) => [name, accuracy === undefined ? "" : `accuracy ${shortNumber(accuracy)}`, folder]),
    ),
    ...section(
      "damaged checkpoints",
      damaged.map((message) => [message]),
    ),
    ...section("events", events.map(eventLine)),
  ];
  const resumable = state === "interrupted" || state === "stopped" || state === "failed";
  return [...sections, ...(resumable ? ["", `go on with: ${withRuns(`whetstone runs resume ${id}`, runs)}`] : [])].join("\n");
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [
    "",
    title,
    ...table(rows)
      .split("\n")
      .map((line) => `  ${line}`),
  ];
}

function stageLine({ stage, done, steps, metrics }: StageSummary): string[] {
  const shown = ["loss", "reward", "accuracy", "heldOut/accuracy", "radar/heldOut", "gradNorm", "learningRate"];
  const numbers = shown.flatMap((name) => (metrics[name] === undefined ? [] : [`${name} ${shortNumber(metrics[name])}`]));
  return [stage, `${done} of ${steps} steps`, numbers.join(", ")];
}

function eventLine({ atMs, stage, step, kind, detail }: EventRow): string[] {
  return [timestamp(atMs), stage === undefined ? "" : `${stage}${step === undefined ? "" : ` after ${step} steps`}`, `${kind}: ${detail}`];
}
