// The quickstart beside its control, for several seeds: whole runs through the command line, one after another, each in a folder of
// its own. The control is supervised training that goes on from the same checkpoint for as long as reinforcement learning took.
// Takes about a quarter of an hour a seed. Options: --seeds=1,2,3.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { BenchOptions } from "./main.ts";

const whetstone = resolve(import.meta.dirname, "../bin/whetstone.js");
const recipes = resolve(import.meta.dirname, "../examples");

interface Stage {
  readonly accuracy: number;
  readonly accuracyBeyond: number;
}

interface Report {
  readonly seconds: number;
  readonly peakRssMiB: number;
  readonly sft: Stage;
  readonly rl: Stage;
}

export async function run({ seeds = "1,2,3" }: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  const results = seeds.split(",").map((seed) => compare(Number(seed)));
  const least = (gain: (result: (typeof results)[number]) => number): number => Math.min(...results.map(gain));
  return {
    results,
    leastGain: least(({ rl, sft }) => rl.accuracy - sft.accuracy),
    leastGainBeyond: least(({ rl, sft }) => rl.accuracyBeyond - sft.accuracyBeyond),
    leastGainOverControl: least(({ rl, control }) => rl.accuracy - control.accuracy),
    mostSeconds: Math.max(...results.map(({ seconds }) => seconds)),
    mostRssMiB: Math.max(...results.map(({ peakRssMiB }) => peakRssMiB)),
  };
}

function compare(seed: number): Report & { readonly seed: number; readonly control: Stage; readonly controlSteps: number } {
  const runs = mkdtempSync(join(tmpdir(), "whetstone-quickstart-"));
  const report = train(runs, { recipe: "quickstart", options: [`seed=${seed}`] }) as Report;
  console.error(`seed ${seed}: ${JSON.stringify(report)}`);
  const shown = execFileSync(process.execPath, [whetstone, "runs", "show", "quickstart-1", "--runs", runs, "--json"], {
    maxBuffer: 2 ** 28,
  });
  const { controlSteps, checkpoint } = controlPlan(JSON.parse(shown.toString()) as RunJson);
  const options = [`seed=${seed}`, `model.path=${checkpoint}`, `sft.steps=${controlSteps}`];
  const control = (train(runs, { recipe: "quickstart-control", options }) as Report).sft;
  console.error(`seed ${seed}: control of ${controlSteps} steps ${JSON.stringify(control)}`);
  return { seed, ...report, control, controlSteps };
}

/** Steps of a control that takes as long as reinforcement learning did, and the checkpoint it starts from. */
function controlPlan(run: RunJson): { readonly controlSteps: number; readonly checkpoint: string } {
  const secondsOf = (stage: string): number => {
    const own = run.steps.filter((step) => step.stage === stage);
    return own
      .flatMap(({ metrics }) => Object.entries(metrics))
      .reduce((sum, [name, value]) => (name.startsWith("seconds/") ? sum + value : sum), 0);
  };
  const numSteps = run.steps.filter(({ stage }) => stage === "sft").length;
  const checkpoint = run.checkpoints.findLast(({ name }) => name.startsWith("sft-"))!.folder;
  return { controlSteps: Math.round((secondsOf("rl") / secondsOf("sft")) * numSteps), checkpoint: resolve(checkpoint) };
}

/** The parts of `runs show --json` that are read here. */
interface RunJson {
  readonly steps: readonly { readonly stage: string; readonly metrics: Readonly<Record<string, number>> }[];
  readonly checkpoints: readonly { readonly name: string; readonly folder: string }[];
}

/** A whole run in the folder `runs`; resolves to its report. */
function train(runs: string, { recipe, options }: { recipe: string; options: readonly string[] }): unknown {
  const settings = options.flatMap((option) => ["--set", option]);
  execFileSync(process.execPath, [whetstone, "train", join(recipes, `${recipe}.ts`), "--runs", runs, ...settings], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return JSON.parse(readFileSync(join(runs, `${recipe}-1`, "report.json"), "utf8"));
}
