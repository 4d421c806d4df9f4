// Steps of reinforcement learning that `rl-step` times: the quickstart's recipe, wired as `src/runs/execute.ts` wires a run, with a backend that
// measures its verbs. Sampling and the wait for verdicts are the loop's own metrics.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import quickstart from "../../examples/quickstart.ts";
import { systemClock } from "../../src/base/clock.ts";
import { initialParameters } from "../../src/policy/architecture.ts";
import type { PolicyBackend } from "../../src/policy/backend.ts";
import { encodeDemonstration, encodePrompt } from "../../src/policy/chat.ts";
import { scoreRollout } from "../../src/rewards/score.ts";
import { trainPolicy } from "../../src/rl/loop.ts";
import type { RlRecord } from "../../src/rl/record.ts";
import { fingerprintHere } from "../../src/runs/fingerprint.ts";
import { asJson, createRun } from "../../src/runs/openRun.ts";
import { openRewards, prepare } from "../../src/runs/prepare.ts";
import { Recipe } from "../../src/runs/recipe.ts";
import { RunStore } from "../../src/runs/store.ts";
import { trainSupervised } from "../../src/sft/loop.ts";
import { EmbeddedBackend } from "../../src/train/backend.ts";

/** Where the time of one step went; what is in none of the parts is the rest. */
export interface StepTimes {
  readonly totalMs: number;
  readonly samplingMs: number;
  /** From the last rollout to the last verdict. */
  readonly scoringTailMs: number;
  readonly forwardBackwardMs: number;
  readonly optimizerMs: number;
  readonly sampledTokens: number;
}

const recipeFile = resolve(import.meta.dirname, "../../examples/quickstart.ts");
const folder = resolve(recipeFile, "..");
const never = new AbortController().signal;
/** Graphs are compiled and workers start in the first. */
const numWarmupSteps = 3;

/** Times of `steps` steps after the warm-up. No step is measured on held-out tasks, and none but the first writes a checkpoint. */
export async function timeRlSteps({ steps, sftSteps }: { readonly steps: number; readonly sftSteps: number }): Promise<StepTimes[]> {
  const runs = mkdtempSync(join(tmpdir(), "whetstone-rl-step-"));
  try {
    return await timed(runs, { steps, sftSteps });
  } finally {
    rmSync(runs, { recursive: true });
  }
}

async function timed(runs: string, { steps, sftSteps }: { steps: number; sftSteps: number }): Promise<StepTimes[]> {
  const recipe = Recipe.parse({
    ...quickstart,
    sft: { ...quickstart.sft, steps: sftSteps },
    rl: { ...quickstart.rl, steps: numWarmupSteps + steps },
    checkpoints: { everySteps: 1_000_000 },
  });
  const prepared = await prepare(recipe, folder);
  await using pool = await openRewards(recipe, { folder, prepared });
  using store = new RunStore(runs, systemClock);
  using run = createRun(
    { recipe, recipeFile },
    { store, clock: systemClock, fingerprint: fingerprintHere(asJson(recipe), prepared.inputs) },
  );
  const parameters = initialParameters(prepared.architecture, [recipe.seed]);
  await using policy = new EmbeddedBackend(
    { config: prepared.architecture, parameters, tokenizerJson: prepared.tokenizer.json },
    recipe.engine,
  );
  const common = { clock: systemClock, stop: never, evaluate: async () => ({}) };
  const demonstrations = (step: number, count: number) =>
    prepared.demonstrations!.batch(step, count).map((each) => encodeDemonstration(each, prepared.tokenizer));
  await trainSupervised(recipe.sft!, { ...common, policy, demonstrations, record: run.stageRecord("sft") }, never);
  const watch = stopwatch(
    policy,
    run.stageRecord("rl", Object.fromEntries([...pool.verifiers.values()].map(({ id, version }) => [id, version]))),
  );
  const { terms } = recipe.rewards;
  const scoring = { pool, terms, seedWords: [recipe.seed] };
  await trainPolicy(
    recipe.rl!,
    {
      ...common,
      ...watch,
      seed: recipe.seed,
      tasks: prepared.tasks!,
      promptTokens: (task) => encodePrompt(task, prepared.tokenizer),
      terms,
      score: (asked, signal) => scoreRollout(asked, scoring, signal),
    },
    never,
  );
  return watch.times.slice(numWarmupSteps);
}

/** The same policy and record, which note how long each step took and its parts. */
function stopwatch(
  policy: PolicyBackend,
  record: RlRecord,
): { readonly policy: PolicyBackend; readonly record: RlRecord; readonly times: StepTimes[] } {
  const times: StepTimes[] = [];
  let [startMs, forwardBackwardMs, optimizerMs] = [systemClock.elapsedMs(), 0, 0];
  const measured = async <T>(work: Promise<T>, add: (ms: number) => void): Promise<T> => {
    const fromMs = systemClock.elapsedMs();
    const result = await work;
    add(systemClock.elapsedMs() - fromMs);
    return result;
  };
  const verbs: PolicyBackend = {
    sample: (requests, signal) => policy.sample(requests, signal),
    forward: (samples) => policy.forward(samples),
    forwardBackward: (batch, loss) => measured(policy.forwardBackward(batch, loss), (ms) => (forwardBackwardMs += ms)),
    optimStep: (settings) => measured(policy.optimStep(settings), (ms) => (optimizerMs += ms)),
    discardGradient: () => policy.discardGradient(),
    save: (path) => policy.save(path),
    load: (path) => policy.load(path),
    digests: () => policy.digests(),
    [Symbol.asyncDispose]: () => policy[Symbol.asyncDispose](),
  };
  const recordStep: RlRecord["recordStep"] = async (step) => {
    await record.recordStep(step);
    const { metrics, rollouts } = step;
    const endMs = systemClock.elapsedMs();
    times.push({
      totalMs: endMs - startMs,
      samplingMs: 1000 * metrics["seconds/sampling"]!,
      scoringTailMs: 1000 * metrics["seconds/scoring"]!,
      forwardBackwardMs,
      optimizerMs,
      sampledTokens: rollouts.reduce((sum, { rollout }) => sum + rollout.tokens.length, 0),
    });
    console.error(JSON.stringify(times.at(-1)));
    [startMs, forwardBackwardMs, optimizerMs] = [endMs, 0, 0];
  };
  return { policy: verbs, record: { ...record, recordStep }, times };
}
