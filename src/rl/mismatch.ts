// Whether the policy that sampled says the same of its tokens when it is asked again. With a lag the first update of a step cannot tell:
// by then the policy is another one. So it is asked at once, before it learns anything.

import type { Rollout } from "../data/rollout.ts";
import type { ForwardSample, PolicyBackend } from "../policy/backend.ts";
import { ownSample } from "./batch.ts";

/** The difference of recomputed and sampled log-probabilities: mean, share of tokens with any, largest. 0 in a sound engine. */
export interface Mismatch {
  readonly mismatch: number;
  readonly mismatchShare: number;
  readonly mismatchMax: number;
}

/** Recomputes the log-probabilities of the chosen tokens that the policy sampled as it is now: those of each rollout's last piece. */
export async function sampledMismatch(policy: Pick<PolicyBackend, "forward">, rollouts: readonly Rollout[]): Promise<Mismatch> {
  const asked = rollouts.map((rollout) => ({ rollout, positions: newestChosen(rollout) })).filter(({ positions }) => positions.length > 0);
  if (asked.length === 0) return { mismatch: 0, mismatchShare: 0, mismatchMax: 0 };
  const outputs = await policy.forward(asked.map(({ rollout, positions }) => sampleOf(rollout, positions)));
  const differences = asked.flatMap(({ rollout, positions }, i) =>
    Array.from(positions, (position, target) => Math.abs(outputs[i]!.logProb[target]! - rollout.logProbs[position]!)),
  );
  return {
    mismatch: differences.reduce((sum, difference) => sum + difference, 0) / differences.length,
    mismatchShare: differences.filter((difference) => difference !== 0).length / differences.length,
    mismatchMax: differences.reduce((most, difference) => Math.max(most, difference), 0),
  };
}

function newestChosen({ chosen, policy }: Rollout): Int32Array {
  const { from } = policy.at(-1)!;
  return Int32Array.from(chosen.keys().filter((position) => position >= from && chosen[position] === 1));
}

function sampleOf(rollout: Rollout, positions: Int32Array): ForwardSample {
  return { ...ownSample(rollout), targets: positions.map((position) => rollout.promptTokens.length + position) };
}
