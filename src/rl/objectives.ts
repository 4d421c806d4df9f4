// What an update maximises for each trained token: peers of one shape, chosen by the recipe. Pure: tensors in, tensors out. The loss
// (`losses.ts`) takes their weighted sum; advantages and recorded log-probabilities carry no gradient.
//
// Dimension key:  N trained tokens.

import { add, clip, constant, div, exp, lessOrEqual, lessThan, maximum, minimum, mul, sigmoid, stopGradient, sub } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { LossInputs } from "../policy/backend.ts";
import type { ObjectiveConfig } from "./algorithmConfig.ts";

/** What objectives are functions of. */
export interface ObjectiveInputs extends Pick<LossInputs, "logProb_N" | "sequenceMean"> {
  /** log pi - log pi_old, and its exponential. */
  readonly logRatio_N: Tensor;
  readonly ratio_N: Tensor;
  readonly advantage_N: Tensor;
}

/** What is maximised, and 1 for each token that a bound holds, by its name. */
export interface Objective {
  readonly surrogate_N: Tensor;
  readonly held: Readonly<Record<string, Tensor>>;
}

/** Trust region on a ratio: [1 - below, 1 + above]. */
export interface ClipRange {
  readonly below: number;
  readonly above: number;
}

type SettingsOf<Kind extends ObjectiveConfig["kind"]> = Omit<Extract<ObjectiveConfig, { kind: Kind }>, "kind">;

/** The objective that a recipe names. */
export function objective(config: ObjectiveConfig, inputs: ObjectiveInputs): Objective {
  switch (config.kind) {
    case "clip":
      return clippedSurrogate(config, inputs);
    case "gspo":
      return sequenceSurrogate(config, inputs);
    case "cispo":
      return cutOffWeights(config, inputs);
    case "sapo":
      return softGate(config, inputs);
    case "reinforce":
      return { surrogate_N: mul(inputs.ratio_N, inputs.advantage_N), held: {} };
    default:
      return config satisfies never;
  }
}

/**
 * The clipped surrogate, and where `dual` is given its second bound, for worse rollouts only:
 *
 *     J = min(r A, clip(r, 1 - below, 1 + above) A)
 *     J = max(that, c A)                             where A < 0
 *
 * PPO eq. 7 (arXiv:1707.06347); separate bounds follow DAPO section 3.1 (arXiv:2503.14476), `below === above` is PPO. Dual clip:
 * arXiv:1912.09729. Max with c min(A, 0) is the second line, since J is above 0 where A is.
 */
function clippedSurrogate(
  { dual, ...range }: SettingsOf<"clip">,
  { ratio_N, advantage_N }: Pick<ObjectiveInputs, "ratio_N" | "advantage_N">,
): Objective {
  const clipped = clippedBy(range, { ratio_N, advantage_N });
  if (dual === undefined) return clipped;
  const floor_N = mul(constant(dual), minimum(advantage_N, constant(0)));
  return {
    surrogate_N: maximum(clipped.surrogate_N, floor_N),
    held: { ...clipped.held, clippedDual: lessThan(clipped.surrogate_N, floor_N) },
  };
}

/**
 * The clipped surrogate of a ratio for each sequence:
 *
 *     s = (pi(y) / pi_old(y))^(1/|y|) = exp(mean over the sequence's tokens of log r)
 *     J = min(s A, clip(s, 1 - below, 1 + above) A)
 *
 * GSPO eq. 5 and 7 (arXiv:2507.18071). Every token of a sequence has the same J, so a mean over its tokens is the paper's; the gradient
 * reaches all of them through s, or none.
 */
function sequenceSurrogate(range: ClipRange, { logRatio_N, advantage_N, sequenceMean }: ObjectiveInputs): Objective {
  return clippedBy(range, { ratio_N: exp(sequenceMean(logRatio_N)), advantage_N });
}

/**
 * REINFORCE with importance weights that are cut off and carry no gradient, so that a rare token that matters keeps its own:
 *
 *     J = sg(min(r, maxRatio)) A log pi
 *
 * CISPO, MiniMax-M1 eq. 4 and 5 without a lower bound, as there (arXiv:2506.13585); ScaleRL (arXiv:2510.13786).
 */
function cutOffWeights({ maxRatio }: SettingsOf<"cispo">, { ratio_N, advantage_N, logProb_N }: ObjectiveInputs): Objective {
  const weight_N = stopGradient(minimum(ratio_N, constant(maxRatio)));
  return { surrogate_N: mul(mul(weight_N, advantage_N), logProb_N), held: { clippedAbove: lessThan(constant(maxRatio), ratio_N) } };
}

/**
 * A smooth gate of the ratio in place of the clip:
 *
 *     J = 4 / tau sigmoid(tau (r - 1)) A     tau: tauPositive where A > 0, tauNegative elsewhere
 *
 * SAPO (arXiv:2511.20347). The slope by r is A at r = 1, where sigmoid' is 1/4, and falls to both sides.
 */
function softGate({ tauPositive, tauNegative }: SettingsOf<"sapo">, { ratio_N, advantage_N }: ObjectiveInputs): Objective {
  const zero = constant(0);
  const tau_N = add(mul(constant(tauPositive), lessThan(zero, advantage_N)), mul(constant(tauNegative), lessOrEqual(advantage_N, zero)));
  const gate_N = mul(div(constant(4), tau_N), sigmoid(mul(tau_N, sub(ratio_N, constant(1)))));
  return { surrogate_N: mul(gate_N, advantage_N), held: {} };
}

/** Held are tokens without gradient: already made less likely than the bound allows, or more likely. */
function clippedBy({ below, above }: ClipRange, { ratio_N, advantage_N }: Pick<ObjectiveInputs, "ratio_N" | "advantage_N">): Objective {
  const zero = constant(0);
  const bounded_N = clip(ratio_N, 1 - below, 1 + above);
  return {
    surrogate_N: minimum(mul(ratio_N, advantage_N), mul(bounded_N, advantage_N)),
    held: {
      clippedBelow: mul(lessThan(ratio_N, bounded_N), lessThan(advantage_N, zero)),
      clippedAbove: mul(lessThan(bounded_N, ratio_N), lessThan(zero, advantage_N)),
    },
  };
}
