// What responses near the limit of their length earn. A response that was cut off has no answer, and a reward of 0 for it says that its
// reasoning was wrong, which nobody knows. Either the last stretch before the limit costs ever more, or cut responses teach nothing.
// Recorded rewards stay what the verdicts give; this is what is learned from instead. Pure.

import type { OverlongConfig } from "./samplingConfig.ts";

/** What a rollout's length and ending decide. */
export interface Ending {
  /** Undefined where the rollout could not be scored. */
  readonly reward: number | undefined;
  readonly rollout: { readonly tokens: { readonly length: number }; readonly finish: string };
}

/** The rewards that a group is learned from; undefined: not learned from, and no part of the baseline. */
export function overlongRewards(
  members: readonly Ending[],
  { overlong, maxNewTokens }: { readonly overlong: OverlongConfig; readonly maxNewTokens: number },
): (number | undefined)[] {
  switch (overlong.kind) {
    case "none":
      return members.map(({ reward }) => reward);
    case "shape": {
      const limits = { maxNewTokens, cacheTokens: overlong.cacheTokens };
      return members.map(({ reward, rollout }) =>
        reward === undefined ? undefined : reward + lengthPenalty(rollout.tokens.length, limits),
      );
    }
    case "filter":
      return members.map(({ reward, rollout }) => (rollout.finish === "length" ? undefined : reward));
    default:
      return overlong satisfies never;
  }
}

/**
 * Soft overlong punishment of a response of |y| tokens, with L the longest response and C the stretch before it that costs:
 *
 *     R_length(y) =  0                    |y| <= L - C
 *                    ((L - C) - |y|) / C  L - C < |y| <= L
 *                   -1                    L < |y|
 *
 * DAPO eq. 13 (arXiv:2503.14476), where L = 20480 and C = 4096.
 */
export function lengthPenalty(
  numTokens: number,
  { maxNewTokens: L, cacheTokens: C }: { readonly maxNewTokens: number; readonly cacheTokens: number },
): number {
  if (numTokens <= L - C) return 0;
  return numTokens <= L ? (L - C - numTokens) / C : -1;
}

/** Numbers of a step: the mean penalty of what could be scored, or the share of rollouts that taught nothing since they were cut. */
export function overlongMetrics(
  members: readonly Ending[],
  { overlong, maxNewTokens }: { readonly overlong: OverlongConfig; readonly maxNewTokens: number },
): Readonly<Record<string, number>> {
  if (overlong.kind === "none" || members.length === 0) return {};
  const scored = members.filter(({ reward }) => reward !== undefined);
  if (overlong.kind === "filter") {
    return { "overlong/filtered": scored.filter(({ rollout }) => rollout.finish === "length").length / members.length };
  }
  const limits = { maxNewTokens, cacheTokens: overlong.cacheTokens };
  const total = scored.reduce((sum, { rollout }) => sum + lengthPenalty(rollout.tokens.length, limits), 0);
  return scored.length === 0 ? {} : { "overlong/penalty": total / scored.length };
}
