// What a critic learns from, over the decisions of a batch, and how well its values foretell the returns. Pure. Loss and metrics are sums
// weighted by the batch's `weight` column, so that micro-batches can be put together.
//
// Dimension key:  N decisions.

import { GraphError } from "../base/errors.ts";
import { add, clip, constant, lessThan, maximum, mul, sub, sum } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Loss } from "../policy/backend.ts";

/**
 * Clipped value loss. Columns: `return`, `oldValue` (of the critic before the step's first update) and `weight`.
 *
 *     L = sum_t w_t 1/2 max[ (V_t - G_t)^2, (V_t^c - G_t)^2 ],  V^c = V^old + clip(V - V^old, -c, c)
 *
 * PPO2 of OpenAI baselines and verl's `compute_value_loss`. A value that already moved by more than c towards its return has no gradient;
 * one that moved away from it has all of it. A c that no value moves by leaves half the squared error.
 */
export function clippedValueLoss({ valueClip }: { readonly valueClip: number }): Loss {
  return {
    name: "clipped-value",
    settings: { valueClip },
    build({ value_N, column }) {
      if (value_N === undefined) throw new GraphError("clipped-value: the policy must have a value head, got none; take a critic");
      const [return_N, oldValue_N, weight_N] = [column("return"), column("oldValue"), column("weight")];
      const bounded_N = add(oldValue_N, clip(sub(value_N, oldValue_N), -valueClip, valueClip));
      const plain_N = square(sub(value_N, return_N));
      const clipped_N = square(sub(bounded_N, return_N));
      const weighted = (x_N: Tensor): Tensor => sum(mul(weight_N, x_N));
      return {
        loss: mul(constant(0.5), weighted(maximum(plain_N, clipped_N))),
        metrics: { value: weighted(value_N), squaredError: weighted(plain_N), clipped: weighted(lessThan(plain_N, clipped_N)) },
      };
    },
  };
}

function square(x_N: Tensor): Tensor {
  return mul(x_N, x_N);
}

/**
 * Share of the returns' variance that the values foretell: 1 for a perfect critic, 0 for one that says the mean, less for a misleading one.
 *
 *     1 - Var(G - V) / Var(G)
 *
 * Undefined where all returns are the same: then there is nothing to explain.
 */
export function explainedVariance(values: ArrayLike<number>, returns: ArrayLike<number>): number | undefined {
  const spread = variance(Array.from(returns));
  if (!(spread > 0)) return undefined;
  return 1 - variance(Array.from(returns, (one, i) => one - values[i]!)) / spread;
}

function variance(numbers: readonly number[]): number {
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  return numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length;
}
