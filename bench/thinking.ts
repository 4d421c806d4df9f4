// The thinking example measured whole: trained, and both of its checkpoints, after supervised training and after reinforcement learning,
// examined under thinking budgets. Reports every number and what the example has to show. Trains 2,400 supervised and 200 practised
// steps a seed. Options: --seeds=1,2, --tasks=1024.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { BudgetPoint, BudgetReport } from "../src/eval/budgets.ts";
import type { BenchOptions } from "./main.ts";

const whetstone = resolve(import.meta.dirname, "../bin/whetstone.js");
const recipe = resolve(import.meta.dirname, "../examples/thinking.ts");

/** By set of tasks: `heldOut` and `heldOutBeyond`. */
type Reports = Readonly<Record<"heldOut" | "heldOutBeyond", BudgetReport>>;

export async function run({ seeds = "1", tasks = "1024" }: BenchOptions): Promise<Readonly<Record<string, unknown>>> {
  const results = seeds.split(",").map((seed) => measure({ seed, tasks }));
  return { results };
}

function measure({ seed, tasks }: { readonly seed: string; readonly tasks: string }): Readonly<Record<string, unknown>> {
  const runs = mkdtempSync(join(tmpdir(), "whetstone-thinking-"));
  const startMs = performance.now();
  execFileSync(process.execPath, [whetstone, "train", recipe, "--runs", runs, "--set", `seed=${seed}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const seconds = (performance.now() - startMs) / 1000;
  const folder = join(runs, "thinking-1", "checkpoints");
  const examined = (stage: string): Reports => {
    const checkpoint = readdirSync(folder)
      .filter((name) => name.startsWith(`${stage}-`))
      .sort()
      .at(-1)!;
    const args = ["eval", join(folder, checkpoint), "--budgets", "0,16,32,64,128,auto", "--set", `eval.finalTasks=${tasks}`, "--json"];
    return JSON.parse(execFileSync(process.execPath, [whetstone, ...args], { maxBuffer: 2 ** 26 }).toString()) as Reports;
  };
  const [sft, rl] = [examined("sft"), examined("rl")];
  return { seed, seconds, shown: { sft: shown(sft), rl: shown(rl) }, sft, rl };
}

/** What the example has to show, as numbers. */
function shown({ heldOut, heldOutBeyond }: Reports): Readonly<Record<string, unknown>> {
  const budgeted = heldOut.points.filter(({ budget }) => budget !== "auto" && budget > 0);
  const accuracies = budgeted.map(({ accuracy }) => accuracy!.value);
  const roomy = budgeted.flatMap(({ withRoom }) => (withRoom === undefined ? [] : [withRoom]));
  return {
    accuracies,
    // Of the gains from one budget to the next; positive where each doubling helps.
    leastGain: Math.min(...accuracies.slice(1).map((accuracy, i) => accuracy - accuracies[i]!)),
    firstBelowLast: budgeted[0]!.accuracy!.high < budgeted.at(-1)!.accuracy!.low,
    rankCorrelation: heldOut.rankCorrelation!.value,
    rankCorrelationBeyond: heldOutBeyond.rankCorrelation?.value,
    leastClosedInTimeWithRoom: Math.min(...roomy.map(({ closedInTime }) => closedInTime.value)),
    mostAccuracyLostWithRoom: Math.max(...roomy.map(({ accuracy, accuracyUnforced }) => accuracyUnforced!.value - accuracy!.value)),
    escapes: escapesOf([...heldOut.points, ...heldOutBeyond.points]),
    tokensPerCorrect: Object.fromEntries(heldOut.points.map(({ budget, tokensPerCorrect }) => [budget, tokensPerCorrect?.value])),
  };
}

/** Over all forced closes. */
function escapesOf(points: readonly BudgetPoint[]): number {
  const forced = points.reduce((sum, { forcedCloses }) => sum + forcedCloses, 0);
  return points.reduce((sum, { escapes, forcedCloses }) => sum + (escapes?.value ?? 0) * forcedCloses, 0) / forced;
}
