// Whether a long run stayed sound: it came to its end, the last measurement near the best, no NaN, entropy above its floor, memory flat,
// in time. Judges a run that is there; with --ablate it first forks it where reinforcement learning starts, shortened, once as it is and
// once with each stabiliser off. With --hard the forks have nearly seven times the learning rate and four updates a step, so that there is
// something to be stable against.
// Options: --run=long-run-1, --runs=runs, --ablate, --hard, --steps=300. scripts/stepCurves.ts draws what the forks recorded.

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

import { ConfigError, TrainingError } from "../src/base/errors.ts";
import { nameOddNumbers } from "../src/base/json.ts";
import { ShownRun } from "../src/runs/shown.ts";
import type { BenchOptions } from "./main.ts";
import { judgeLongRun, type LongRunJudgement, leavesResult } from "./subject/longRun.ts";

const whetstone = resolve(import.meta.dirname, "../bin/whetstone.js");

/** What each stabiliser is switched off by. The router's losses are part of the checkpoint: they cannot be changed in a fork. */
const ablations: Readonly<Record<string, readonly string[]>> = {
  "all on": [],
  "clip of the ratio": ['rl.objective={"kind":"reinforce"}'],
  "clip of the gradient": ["rl.maxGradNorm=1e9"],
  "guard against spikes": ["rl.stability.maxGradNormRatio=1e9"],
  "division by the group's deviation": ['rl.advantages={"kind":"dr-grpo"}'],
  "warm-up": ["rl.warmupSteps=0"],
  "decay of the learning rate": ['rl.decay={"kind":"constant"}'],
};

const hard = ["rl.learningRate=1e-3", "rl.innerEpochs=2"];

export async function run({ run = "long-run-1", runs = "runs", steps = "300", ...flags }: BenchOptions): Promise<object> {
  if (!("ablate" in flags)) return judgementOf(run, runs);
  const shortened = [`rl.steps=${steps}`, `eval.everySteps=${Math.ceil(Number(steps) / 3)}`, ...("hard" in flags ? hard : [])];
  return Object.fromEntries(
    Object.entries(ablations).map(([name, settings]) => {
      const fork = forkOf(run, { runs, settings: [...shortened, ...settings] });
      const exitCode = trained(fork, runs);
      const judgement = { fork, ...judgementOf(fork, runs) };
      if (!leavesResult(exitCode, judgement))
        throw new TrainingError(`long-run: ${fork} must be trained, got exit code ${exitCode}; see what it said`);
      console.error(`${name}: ${JSON.stringify(judgement, nameOddNumbers)}`);
      return [name, judgement];
    }),
  );
}

function forkOf(run: string, { runs, settings }: { readonly runs: string; readonly settings: readonly string[] }): string {
  const sets = settings.flatMap((setting) => ["--set", setting]);
  const made = command(["runs", "fork", run, "--runs", runs, "--from", "sft", ...sets, "--no-start", "--json"]) as { readonly run: string };
  return made.run;
}

/** To its end or to where an alarm or the guard ends it; what it says goes to standard error. */
function trained(run: string, runs: string): number | null {
  return spawnSync(process.execPath, [whetstone, "runs", "resume", run, "--runs", runs], { stdio: ["ignore", "ignore", "inherit"] }).status;
}

function judgementOf(run: string, runs: string): LongRunJudgement {
  const { recipe, steps, events } = ShownRun.parse(command(["runs", "show", run, "--runs", runs, "--json"]));
  if (recipe.rl === undefined)
    throw new ConfigError(`long-run: --run must name a run with reinforcement learning, got ${run}; name another one`);
  return judgeLongRun({ steps, events, wantedSteps: recipe.rl.steps });
}

/** What a command printed as JSON; what it refuses is refused here, in its words. */
function command(args: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, [whetstone, ...args], { maxBuffer: 2 ** 30, encoding: "utf8" });
  if (status === 2) throw new ConfigError(`long-run: ${stderr.trim()}`);
  if (status !== 0) throw new TrainingError(`long-run: whetstone ${args.join(" ")} must come to its end, got ${stderr.trim()}`);
  return JSON.parse(stdout);
}
