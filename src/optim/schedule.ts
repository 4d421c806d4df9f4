// Learning rate as a pure function of the step: linear warm-up, then what the decay says. Nothing is remembered, so a resumed
// run is at the right rate by construction.

import type { LearningRateDecay } from "./config.ts";

/** Everything that the rate of a step depends on. */
export interface Schedule {
  /** The peak. */
  readonly learningRate: number;
  /** Step t < warmupSteps has rate peak (t + 1) / warmupSteps: the first step already moves. */
  readonly warmupSteps: number;
  /** The floor of a decay is the rate of the last one. */
  readonly steps: number;
  readonly decay: LearningRateDecay;
}

/** Learning rate of `step`, counted from 0. */
export function learningRateAt(step: number, { learningRate, warmupSteps, steps, decay }: Schedule): number {
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - 1 - warmupSteps));
  return learningRate * shareLeft(progress, decay);
}

/** Share of the peak after `progress` (0 to 1) of the decay. Cosine: SGDR eq. 5 (arXiv:1608.03983) without restarts. */
function shareLeft(progress: number, decay: LearningRateDecay): number {
  switch (decay.kind) {
    case "constant":
      return 1;
    case "cosine":
      return decay.floor + (1 - decay.floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
    case "linear":
      return decay.floor + (1 - decay.floor) * (1 - progress);
    default:
      return decay satisfies never;
  }
}
