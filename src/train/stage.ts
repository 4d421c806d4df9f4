// What supervised and policy-gradient stages have in common: an update that is only applied when its gradient can be trusted, and
// the record that a stage keeps with the run. Written against the `PolicyBackend` contract: any backend will do.

import type { Clock } from "../base/clock.ts";
import { TrainingError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { AdamConfig, StabilityConfig } from "../optim/config.ts";
import { type GuardRefusal, type GuardState, guardUpdate, refuseUpdate, sendBack, slowedDown } from "../optim/guard.ts";
import { learningRateAt, type Schedule } from "../optim/schedule.ts";
import type { Loss, OptimSettings, PolicyBackend, StepMetrics, TrainBatch } from "../policy/backend.ts";

export { type GuardState, slowedDown };

/** What a stage says about one finished step. */
export interface StepRecord {
  /** Counted from 0 within the stage. */
  readonly step: number;
  readonly metrics: StepMetrics;
  /** Digests of everything that the step took in and left behind, by name: the links of the run's hash chain. */
  readonly digests: Readonly<Record<string, string>>;
  readonly guard: GuardState;
  /** What a person should know of: skipped updates and why. */
  readonly notes: readonly string[];
}

/** Where a stage starts or goes on: the step to take next and the guard as it was. */
export interface StagePoint {
  readonly nextStep: number;
  readonly guard: GuardState;
  /** What else the next step depends on and the policy does not hold, as the stage wants it kept. Absent at the start. */
  readonly carried?: Json;
}

/** A checkpoint that a stage went back to. */
export type SavedPoint = Omit<StagePoint, "guard"> & { readonly folder: string };

/** Where a stage starts, with the folder of the checkpoint that it goes on from; a new one has none. */
export type StageStart = StagePoint & { readonly folder?: string };

/** A stage's record with its run. `runs` keeps it on disk; the loops know only this. */
export interface StageRecord<Step extends StepRecord> {
  /** Step 0 and a fresh guard for a new run; for one that goes on, those of the checkpoint that the policy was loaded from. */
  readonly start: StageStart;
  recordStep(step: Step): Promise<void>;
  /** Whether the recipe wants a checkpoint here. */
  checkpointDue(nextStep: number): boolean;
  checkpoint(point: StagePoint, save: (folder: string) => Promise<void>): Promise<void>;
  /** Drops what was recorded after the last checkpoint, keeps `guard` as that checkpoint's guard, and says where the checkpoint is. */
  goBack(cause: { readonly step: number; readonly reason: string; readonly guard: GuardState }): Promise<SavedPoint>;
}

/** The optimizer's part of a stage's configuration. */
export interface OptimizerConfig extends Schedule {
  readonly maxGradNorm: number;
  readonly adam: AdamConfig;
}

/** One update and what decides whether it is applied. */
export interface GuardedUpdate {
  readonly batch: TrainBatch;
  readonly loss: Loss;
  readonly optimizer: OptimSettings;
  readonly guard: GuardState;
  readonly stability: StabilityConfig;
  /** Looks at what the gradient's computation reported, once the guard trusts it; an objection keeps the update from being applied. */
  readonly inspect?: (metrics: StepMetrics) => Objection | undefined;
}

/** Why an update must not be applied, whatever its gradient looks like, and what is to follow. */
export interface Objection {
  readonly wants: "skip" | "go-back";
  readonly reason: string;
  /** What helps where the run ends for it. */
  readonly cure: string;
  /** Nothing was learned since the last checkpoint, so that going back would repeat the step: it is skipped, or the run ends. */
  readonly isRepeated: boolean;
}

/** `metrics` are those of the backend. After "untrusted" the stage has to go back to its last checkpoint. */
export type UpdateOutcome = ({ readonly kind: "applied"; readonly guard: GuardState } | Refusal) & { readonly metrics: StepMetrics };

/** An update that was not applied, and why. */
export type Refusal =
  | { readonly kind: "skipped"; readonly guard: GuardState; readonly reason: string }
  | { readonly kind: "untrusted"; readonly guard: GuardState; readonly reason: string };

/** Computes the gradient of `loss` over `batch` and applies it, or leaves the policy as it was when the guard objects. */
export async function guardedUpdate(
  policy: PolicyBackend,
  { batch, loss, optimizer, guard, stability, inspect = () => undefined }: GuardedUpdate,
): Promise<UpdateOutcome> {
  const metrics = await policy.forwardBackward(batch, loss);
  const decision = guardUpdate(guard, { loss: metrics["loss"]!, gradNorm: metrics["gradNorm"]!, settings: stability });
  const objection = decision.action === "apply" ? inspect(metrics) : undefined;
  if (decision.action === "apply" && objection === undefined) {
    const applied = await policy.optimStep(optimizer);
    return { kind: "applied", guard: decision.state, metrics: { ...metrics, ...applied } };
  }
  await policy.discardGradient();
  const refused =
    decision.action === "apply" ? refusedUpdate({ ...objection!, guard, stability }) : refusal(decision, { stability, cure: usualCure });
  return { ...refused, metrics };
}

/** An update that is not applied, since what it is made of cannot be trusted. */
export function refusedUpdate({
  wants,
  reason,
  guard,
  stability,
  cure,
  isRepeated,
}: Pick<GuardedUpdate, "guard" | "stability"> & Objection): Refusal {
  const refuse = wants === "skip" || isRepeated ? refuseUpdate : sendBack;
  const refused = refuse(guard, { reason, settings: stability });
  if (isRepeated && refused.action !== "skip") {
    const { maxSkippedInARow } = stability;
    const allowed = maxSkippedInARow === 1 ? "no step" : `fewer than ${maxSkippedInARow} steps in a row`;
    throw new TrainingError(
      `training: ${allowed} may be skipped where nothing was learned since the last checkpoint, as going back would take the same ones again, got another cause: ${reason}; ${cure}`,
    );
  }
  return refusal(refused, { stability, cure });
}

/** What helps where gradients cannot be trusted. */
export const usualCure = "lower the learning rate";

function refusal(
  { action, state, reason }: GuardRefusal,
  { stability, cure }: Pick<GuardedUpdate, "stability"> & Pick<Objection, "cure">,
): Refusal {
  switch (action) {
    case "skip":
      return { kind: "skipped", guard: state, reason };
    case "rollback":
      return { kind: "untrusted", guard: state, reason };
    case "abort":
      throw new TrainingError(`training: a run may go back at most ${stability.maxRollbacks} times, got another cause: ${reason}; ${cure}`);
    default:
      return action satisfies never;
  }
}

/** Settings of one update: the scheduled rate, lowered as often as the run went back. */
export function optimSettings(config: OptimizerConfig, { step, guard }: { step: number; guard: GuardState }): OptimSettings {
  return { ...config.adam, learningRate: learningRateAt(step, config) * guard.learningRateScale, maxGradNorm: config.maxGradNorm };
}

/** Seconds and tokens per second of one phase of a step. No rate where no time passed, as with a clock that stands still. */
export function phaseSpeed(phase: string, { numTokens, elapsedMs }: { numTokens: number; elapsedMs: number }): StepMetrics {
  const seconds = elapsedMs / 1000;
  return { [`seconds/${phase}`]: seconds, ...(seconds > 0 ? { [`tokensPerSecond/${phase}`]: numTokens / seconds } : {}) };
}

/** Work with the seconds that it took, as a metric of its phase. */
export async function timed<Result>(
  phase: string,
  { clock, work }: { readonly clock: Clock; readonly work: () => Promise<Result> },
): Promise<readonly [Result, StepMetrics]> {
  const startMs = clock.elapsedMs();
  const result = await work();
  return [result, { [`seconds/${phase}`]: (clock.elapsedMs() - startMs) / 1000 }];
}

/**
 * After the last step and when stopping, always; otherwise when the recipe wants one, but not between skipped updates: what made
 * them untrusted may be the parameters, and going back to those would not help.
 */
export function isCheckpointWanted(
  nextStep: number,
  {
    guard,
    record,
    stop,
    steps,
  }: { guard: GuardState; record: Pick<StageRecord<never>, "checkpointDue">; stop: AbortSignal; steps: number },
): boolean {
  if (nextStep === steps || stop.aborted) return true;
  return guard.skippedInARow === 0 && record.checkpointDue(nextStep);
}
