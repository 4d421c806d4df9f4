// A whole run: stages in order, a measurement at the end of each, the report. Everything is recorded as it happens, so that killed
// at any moment and executed again it goes on where its newest checkpoint is.

import { existsSync } from "node:fs";
import { join } from "node:path";

import type { Clock } from "../base/clock.ts";
import { DataError, StorageError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";
import type { Demonstration, Task } from "../data/task.ts";
import { type Measuring, measureAccuracy, type ScoredAnswer } from "../eval/accuracy.ts";
import { initialParameters } from "../policy/architecture.ts";
import type { StepMetrics } from "../policy/backend.ts";
import { encodeDemonstration, encodePrompt } from "../policy/chat.ts";
import { type RewardTerm, watchingOwn } from "../rewards/compose.ts";
import type { VerifierPool } from "../rewards/pool.ts";
import { scoreRollout } from "../rewards/score.ts";
import { criticFolder, trainPolicy } from "../rl/loop.ts";
import type { RlRecord } from "../rl/record.ts";
import { trainSupervised } from "../sft/loop.ts";
import type { EncodedDemonstration } from "../sft/loss.ts";
import { backendFromCheckpoint, copyOf, criticOf, EmbeddedBackend, policyFromCheckpoint } from "../train/backend.ts";
import { referenceOf } from "./checkpoints.ts";
import { type MemoryWatch, watchMemory } from "./memory.ts";
import type { Preparation } from "./prepare.ts";
import { practiceTerms } from "./recipe.ts";
import { type RunReport, reportFile, runReport } from "./report.ts";
import type { StoredRollout } from "./rows.ts";
import { hasReference, heldOutAccuracy, type Run, type Stage, stages } from "./run.ts";

/** Whoever watches. Steps and notes are told once they are recorded; `step` counts those before, as in the record. */
export interface RunObserver {
  step(done: { readonly stage: Stage; readonly step: number; readonly steps: number; readonly metrics: StepMetrics }): void;
  /** While a set of held-out tasks is measured at the end of a stage. */
  measuring(progress: MeasuringProgress): void;
  note(text: string): void;
}

/** How far the measurement of a set of tasks is. */
export interface MeasuringProgress {
  readonly set: string;
  readonly answers: number;
  readonly tasks: number;
}

/** What a run is executed with. */
export interface ExecuteDeps {
  readonly prepared: Preparation;
  readonly pool: VerifierPool;
  readonly observer: RunObserver;
  readonly clock: Clock;
  /** When aborted, the step is finished and saved, and the run ends. `signal` ends it at once. */
  readonly stop: AbortSignal;
}

/** How it ended. */
export type RunOutcome = { readonly kind: "finished"; readonly report: RunReport } | { readonly kind: "stopped" };

/** Takes `run` to its end, or to where `stop` finds it. */
export async function executeRun(run: Run, deps: ExecuteDeps, signal: AbortSignal): Promise<RunOutcome> {
  const { latest } = run;
  run.store.addEvent(run.id, { kind: latest === undefined ? "started" : "resumed", detail: latest?.folder ?? "from the beginning" });
  run.setState("running");
  try {
    const outcome = await work(run, deps, signal);
    run.setState(outcome.kind);
    return outcome;
  } catch (error) {
    // A store that could not be written will not take this either; a run that is "running" without a process counts as interrupted.
    if (error instanceof StorageError) throw error;
    if (!signal.aborted) run.store.addEvent(run.id, { kind: "failed", detail: error instanceof Error ? error.message : String(error) });
    run.setState(signal.aborted ? "stopped" : "failed");
    throw error;
  }
}

async function work(run: Run, deps: ExecuteDeps, signal: AbortSignal): Promise<RunOutcome> {
  await using policy = openPolicy(run, deps.prepared);
  const at: Workplace = { ...deps, run, policy, memory: watchMemory() };
  if (run.recipe.sft === undefined && (run.latest === undefined || run.latest.trainer.nextStep === 0))
    await measureStage("start", at, signal);
  for (const stage of stages.slice(stages.indexOf((run.latest?.trainer.stage ?? "sft") as Stage))) {
    if (run.recipe[stage] === undefined) continue;
    await trainStage(stage, at, signal);
    if (deps.stop.aborted) return { kind: "stopped" };
    await measureStage(stage, at, signal);
  }
  const report = runReport(run.store, { id: run.id, nowMs: deps.clock.nowMs(), peakRssMiB: at.memory.peakRssMiB() });
  writeFileAtomic(join(run.folder, reportFile), [`${JSON.stringify(report, null, 2)}\n`]);
  return { kind: "finished", report };
}

interface Workplace extends ExecuteDeps {
  readonly run: Run;
  readonly policy: EmbeddedBackend;
  readonly memory: MemoryWatch;
}

/** The policy as the newest checkpoint has it; for a new run, as the recipe says. */
function openPolicy({ recipe, latest }: Run, { architecture, tokenizer, checkpoint }: Preparation): EmbeddedBackend {
  const { model, engine } = recipe;
  if (latest !== undefined) return backendFromCheckpoint(latest.folder, engine);
  if (model.kind === "checkpoint") {
    return model.optimizer === "checkpoint" ? backendFromCheckpoint(checkpoint!, engine) : policyFromCheckpoint(checkpoint!, engine);
  }
  const parameters = initialParameters(architecture, [recipe.seed]);
  return new EmbeddedBackend({ config: architecture, parameters, tokenizerJson: tokenizer.json }, recipe.engine);
}

async function trainStage(stage: Stage, at: Workplace, signal: AbortSignal): Promise<void> {
  const { run, policy, clock, stop, prepared } = at;
  const record = observed(stage, at);
  const common = { policy, clock, stop, record, evaluate: (nextStep: number, abort: AbortSignal) => measureStep(nextStep, at, abort) };
  switch (stage) {
    case "sft": {
      const demonstrations = (step: number, count: number) =>
        prepared.demonstrations!.batch(step, count).map((item) => encoded(item, prepared));
      await trainSupervised(run.recipe.sft!, { ...common, demonstrations }, signal);
      return;
    }
    case "rl": {
      const { terms } = run.recipe.rewards;
      const rl = run.recipe.rl!;
      await using critic = rl.advantages.kind === "gae" ? openCritic(at) : undefined;
      const own = {
        seed: run.recipe.seed,
        tasks: prepared.tasks!,
        promptTokens: promptTokens(prepared),
        terms,
        score: scoringBy(practiceTerms(run.recipe), at),
      };
      await using reference = hasReference(run.recipe) ? openReference(at) : undefined;
      const others = { ...(critic === undefined ? {} : { critic }), ...(reference === undefined ? {} : { reference }) };
      await trainPolicy(rl, { ...common, ...own, ...others }, signal);
      return;
    }
    default:
      stage satisfies never;
  }
}

/** The critic as the newest checkpoint has it; where that has none, one that starts from the policy. */
function openCritic({ run, policy }: Workplace): EmbeddedBackend {
  const { engine } = run.recipe;
  const folder = run.latest === undefined ? undefined : criticFolder(run.latest.folder);
  return folder !== undefined && existsSync(folder) ? backendFromCheckpoint(folder, engine) : criticOf(policy, engine);
}

/** The policy as the stage found it, which its first checkpoint keeps. */
function openReference({ run: { recipe, latest }, policy }: Workplace): EmbeddedBackend {
  const first = latest && referenceOf(latest);
  return first === undefined ? copyOf(policy, recipe.engine) : policyFromCheckpoint(first.folder, recipe.engine);
}

/** The stage's record, which also tells the observer. */
function observed(stage: Stage, { run, pool, observer, memory }: Workplace): RlRecord {
  const record = run.stageRecord(stage, versionsOf(pool));
  const { steps } = run.recipe[stage]!;
  return {
    ...record,
    recordStep: async (done) => {
      memory.look();
      await record.recordStep({ ...done, metrics: { ...done.metrics, rssMiB: memory.rssMiB(), peakRssMiB: memory.peakRssMiB() } });
      for (const note of done.notes) observer.note(`${stage} after ${done.step} steps: ${note}`);
      observer.step({ stage, step: done.step, steps, metrics: done.metrics });
    },
    goBack: async (cause) => {
      const checkpoint = await record.goBack(cause);
      observer.note(`${stage} after ${cause.step} steps: ${cause.reason}; back to ${checkpoint.nextStep} steps with a lower learning rate`);
      return checkpoint;
    },
  };
}

function versionsOf(pool: VerifierPool): Record<string, number> {
  return Object.fromEntries([...pool.verifiers.values()].map(({ id, version }) => [id, version]));
}

/** A demonstration that does not fit would be learned without its end. */
function encoded(demonstration: Demonstration, { tokenizer, architecture }: Preparation): EncodedDemonstration {
  const result = encodeDemonstration(demonstration, tokenizer);
  if (result.tokens.length <= architecture.maxPositions) return result;
  throw new DataError(
    `demonstration of task "${demonstration.task.id}": must fit into the policy's ${architecture.maxPositions} positions, got ${result.tokens.length} tokens; shorten it or raise model.architecture.maxPositions`,
  );
}

function promptTokens({ tokenizer }: Preparation): (task: Task) => Int32Array {
  return (task) => encodePrompt(task, tokenizer);
}

function scoringBy(terms: readonly RewardTerm[], { run, pool }: Workplace): Measuring["score"] {
  const scoring = { pool, terms, seedWords: [run.recipe.seed] };
  return (asked, signal) => scoreRollout(asked, scoring, signal);
}

function measuring(at: Workplace): Measuring {
  const { run, policy, prepared } = at;
  const { seed, rewards, rl, eval: evaluation } = run.recipe;
  const { maxPositions } = prepared.architecture;
  return {
    policy,
    promptTokens: promptTokens(prepared),
    score: scoringBy(watchingOwn(rewards.terms), at),
    seed,
    temperature: evaluation.temperature,
    maxNewTokens: evaluation.maxNewTokens ?? rl?.maxNewTokens ?? maxPositions,
  };
}

/** Held-out metrics after a step, where the recipe wants them. */
async function measureStep(nextStep: number, at: Workplace, signal: AbortSignal): Promise<StepMetrics> {
  const { everySteps, tasks } = at.run.recipe.eval;
  if (nextStep % everySteps !== 0) return {};
  const { accuracy, byFamily } = await measureAccuracy(at.prepared.heldOut.slice(0, tasks), measuring(at), signal);
  const families = Object.entries(byFamily).map(([family, share]) => [`${heldOutAccuracy}/${family}`, share]);
  return { ...(accuracy === undefined ? {} : { [heldOutAccuracy]: accuracy }), ...Object.fromEntries(families) };
}

/** What a stage led to, on all held-out tasks; once, so that a resumed run does not measure it again. */
async function measureStage(name: Stage | "start", at: Workplace, signal: AbortSignal): Promise<void> {
  const { run, prepared, observer } = at;
  const stage = name === "start" ? "rl" : name;
  const step = name === "start" ? 0 : run.recipe[name]!.steps;
  const sets: readonly (readonly [string, readonly Task[]])[] = [
    ["heldOut", prepared.heldOut],
    ["heldOutBeyond", prepared.heldOutBeyond],
  ];
  const known = run.store.evaluations(run.id);
  for (const [set, tasks] of sets) {
    const isKnown = known.some((row) => row.name === set && row.stage === stage && row.step === step);
    if (tasks.length === 0 || isKnown) continue;
    const chosen = tasks.slice(0, run.recipe.eval.finalTasks);
    const answers: ScoredAnswer[] = [];
    const onAnswer = (answer: ScoredAnswer): void => {
      answers.push(answer);
      observer.measuring({ set, answers: answers.length, tasks: chosen.length });
    };
    const result = await measureAccuracy(chosen, { ...measuring(at), onAnswer }, signal);
    const rollouts = answers.toSorted((a, b) => a.rollout.group - b.rollout.group).map(storedAnswer);
    run.store.addEvaluation(run.id, { stage, step, name: set, result, rollouts, verifierVersions: versionsOf(at.pool) });
    const share = result.accuracy?.toFixed(3) ?? `none, no answer could be scored: ${result.mostFailed!.example}`;
    observer.note(`${set} accuracy after ${step} steps of ${stage}: ${share} (${result.tasks} tasks)`);
  }
}

function storedAnswer({ task, rollout, verdicts, reward }: ScoredAnswer): StoredRollout {
  return { task, rollout, verdicts, reward: reward.kind === "scored" ? reward.reward : undefined, advantage: undefined };
}
