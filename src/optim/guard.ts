// Decides, before each update, whether its gradient can be trusted: a pure state machine from what was observed to what is done.
// The state is plain JSON and part of every checkpoint, so that a resumed run decides as the undisturbed one would have.

import { median } from "../base/statistics.ts";
import type { StabilityConfig } from "./config.ts";

/** Numbers of one update, known before it is applied. */
export interface UpdateObservation {
  readonly loss: number;
  /** Euclidean norm of the gradient before clipping. */
  readonly gradNorm: number;
}

/** Spikes are looked for once the history is half as long as it may get. */
export interface GuardState {
  /** Norms of the last applied updates, oldest first. */
  readonly gradNorms: readonly number[];
  readonly skippedInARow: number;
  readonly rollbacks: number;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateScale: number;
}

/** The guard of a stage that has taken no step. */
export const initialGuard: GuardState = { gradNorms: [], skippedInARow: 0, rollbacks: 0, learningRateScale: 1 };

/** `reason` is what a person reads in the run's record. */
export type GuardDecision = { readonly action: "apply"; readonly state: GuardState } | GuardRefusal;

/** An update that is not applied, and what follows. */
export interface GuardRefusal {
  readonly action: "skip" | "rollback" | "abort";
  readonly state: GuardState;
  readonly reason: string;
}

/** What to do with an update, and the state that the next decision starts from. */
export function guardUpdate(
  state: GuardState,
  { loss, gradNorm, settings }: UpdateObservation & { readonly settings: StabilityConfig },
): GuardDecision {
  const reason = distrust(state.gradNorms, { loss, gradNorm, settings });
  if (reason === undefined) {
    const gradNorms = [...state.gradNorms, gradNorm].slice(-settings.historySteps);
    return { action: "apply", state: { ...state, gradNorms, skippedInARow: 0 } };
  }
  return refuseUpdate(state, { reason, settings });
}

/** What to do where an update cannot be trusted, whatever the reason. */
export function refuseUpdate(
  state: GuardState,
  { reason, settings }: { readonly reason: string; readonly settings: StabilityConfig },
): GuardRefusal {
  const skippedInARow = state.skippedInARow + 1;
  if (skippedInARow < settings.maxSkippedInARow) return { action: "skip", state: { ...state, skippedInARow }, reason };
  return sendBack({ ...state, skippedInARow }, { reason, settings });
}

/** Back to the last good checkpoint, however few updates were skipped; not once more than `maxRollbacks` times. */
export function sendBack(
  state: GuardState,
  { reason, settings }: { readonly reason: string; readonly settings: StabilityConfig },
): GuardRefusal {
  if (state.rollbacks === settings.maxRollbacks) return { action: "abort", state, reason };
  return { action: "rollback", state: wentBack(state, settings), reason };
}

/** The learning rate is multiplied by `factor` from the next update on. */
export function slowedDown(state: GuardState, factor: number): GuardState {
  return { ...state, learningRateScale: state.learningRateScale * factor };
}

/** The history is forgotten: it belongs to steps that will be taken again. */
function wentBack({ rollbacks, learningRateScale }: GuardState, { rollbackRateFactor }: StabilityConfig): GuardState {
  return { gradNorms: [], skippedInARow: 0, rollbacks: rollbacks + 1, learningRateScale: learningRateScale * rollbackRateFactor };
}

function distrust(
  history: readonly number[],
  { loss, gradNorm, settings }: UpdateObservation & { settings: StabilityConfig },
): string | undefined {
  if (!Number.isFinite(loss)) return `loss is ${loss}`;
  if (!Number.isFinite(gradNorm)) return `gradient norm is ${gradNorm}`;
  if (history.length < settings.historySteps / 2) return undefined;
  const usual = median(history);
  if (gradNorm <= settings.maxGradNormRatio * usual) return undefined;
  return `gradient norm ${gradNorm.toPrecision(4)} is more than ${settings.maxGradNormRatio} times ${usual.toPrecision(4)}, the median of the last ${history.length} updates`;
}
