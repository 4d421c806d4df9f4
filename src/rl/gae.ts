// Credit for each token by a critic: generalised advantages for the policy, and the returns that the critic learns. Pure.
//
// An episode is the decisions of one rollout, the tokens that the policy chose, in order. A forced token is no decision: it is part of what
// comes after the decision before it, as an environment's answer would be. It has no value, no reward and no advantage; the state
// that follows a decision is the one before the next decision, whatever was forced in between. A response ends with its last
// decision, also where it was cut off at its longest: what it was cut off for is part of its reward. Rewards are not discounted, since
// a token is no delay.
// Dimension key:  B episodes, T decisions of each.

/** One number for each decision: both are [T]. */
export interface Episode {
  readonly rewards: ArrayLike<number>;
  /** Of the state before each decision. */
  readonly values: ArrayLike<number>;
}

/**
 * How much better each decision was than its state promised [T].
 *
 *     A_t = delta_t + lambda A_{t+1},  delta_t = r_t + V_{t+1} - V_t,  V_T = A_T = 0
 *
 * GAE eq. 16 with gamma = 1 (arXiv:1506.02438). lambda 1 is the return minus the value, without bias; lambda 0 the error of one step,
 * with little variance and all of the critic's bias.
 */
export function generalizedAdvantages({ rewards, values }: Episode, lambda: number): Float64Array {
  const advantages = new Float64Array(values.length);
  let [nextValue, nextAdvantage] = [0, 0];
  for (let t = values.length - 1; t >= 0; t--) {
    const delta = rewards[t]! + nextValue - values[t]!;
    nextAdvantage = delta + lambda * nextAdvantage;
    nextValue = values[t]!;
    advantages[t] = nextAdvantage;
  }
  return advantages;
}

/**
 * What a critic learns [T]: the advantage under its own lambda, plus the value it had.
 *
 *     G_t = r_t + (1 - lambda) V_{t+1} + lambda G_{t+1},  V_T = G_T = 0
 *
 * TD(lambda). lambda 1 is the Monte-Carlo return, the sum of the rewards from t on, exactly: with a smaller one the reward at the end of
 * a long response does not reach its beginning (VC-PPO, arXiv:2503.01491), so critic and policy have a lambda each.
 */
export function lambdaReturns({ rewards, values }: Episode, lambda: number): Float64Array {
  const returns = new Float64Array(values.length);
  let [nextValue, nextReturn] = [0, 0];
  for (let t = values.length - 1; t >= 0; t--) {
    nextReturn = rewards[t]! + (1 - lambda) * nextValue + lambda * nextReturn;
    nextValue = values[t]!;
    returns[t] = nextReturn;
  }
  return returns;
}

/** The policy's lambda: a number, or one that grows with the response. */
export type PolicyLambda =
  | { readonly kind: "constant"; readonly lambda: number }
  | { readonly kind: "length-adaptive"; readonly alpha: number };

/**
 * The policy's lambda for an episode of l decisions.
 *
 *     lambda = 1 - 1 / (alpha l), at least 0
 *
 * Length-adaptive GAE of VAPO (arXiv:2504.05118): the weights of the deltas, 1 / (1 - lambda) in sum, then grow as alpha l. Below
 * l = 1 / alpha the formula is negative, and what is left is the error of one step.
 */
export function policyLambda(setting: PolicyLambda, numDecisions: number): number {
  switch (setting.kind) {
    case "constant":
      return setting.lambda;
    case "length-adaptive":
      return Math.max(0, 1 - 1 / (setting.alpha * numDecisions));
    default:
      return setting satisfies never;
  }
}

/** Rewards [T] of an episode: that of the rollout at its last decision, on top of one for each decision where there are such. */
export function decisionRewards(
  reward: number,
  { numDecisions, perDecision }: { readonly numDecisions: number; readonly perDecision?: ArrayLike<number> },
): Float64Array {
  const rewards = perDecision === undefined ? new Float64Array(numDecisions) : Float64Array.from(perDecision);
  if (numDecisions > 0) rewards[numDecisions - 1]! += reward;
  return rewards;
}

/** Under the square root, so that advantages without spread become 0. verl's value. */
const epsilon = 1e-8;

/**
 * Advantages [B][T] of a step with mean 0 and standard deviation 1 over all decisions, so that the size of an update does not depend on
 * that of the rewards. Variance with n - 1, as verl's `masked_whiten`; fewer than two decisions have none and come back as 0.
 */
export function whiten(advantages: readonly Float64Array[]): Float64Array[] {
  const numDecisions = advantages.reduce((sum, { length }) => sum + length, 0);
  const total = (of: (advantage: number) => number): number =>
    advantages.reduce((sum, episode) => episode.reduce((part, advantage) => part + of(advantage), sum), 0);
  const mean = total((advantage) => advantage) / numDecisions;
  const variance = numDecisions < 2 ? 0 : total((advantage) => (advantage - mean) ** 2) / (numDecisions - 1);
  return advantages.map((episode) => episode.map((advantage) => (advantage - mean) / Math.sqrt(variance + epsilon)));
}
