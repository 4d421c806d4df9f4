// Learning rate as a pure function of the step: linear warm-up, then constant or a decay to a floor. Nothing is remembered, so a
// resumed run is at the right rate by construction.

/** `floor` is a share of the peak, reached at `totalSteps`, one past the last step, so that no step is taken at less. */
export type Decay =
  | { readonly kind: "constant" }
  | { readonly kind: "cosine"; readonly floor: number }
  | { readonly kind: "linear"; readonly floor: number };

export interface Schedule {
  readonly peak: number;
  /** Step t < warmupSteps has rate peak (t + 1) / warmupSteps: the first step already moves. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
  readonly decay: Decay;
}

/** Learning rate of `step`, counted from 0. */
export function learningRateAt(step: number, { peak, warmupSteps, totalSteps, decay }: Schedule): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return peak * shareLeft(progress, decay);
}

/** Share of the peak after `progress` (0 to 1) of the decay. Cosine: SGDR eq. 5 (arXiv:1608.03983) without restarts. */
function shareLeft(progress: number, decay: Decay): number {
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
