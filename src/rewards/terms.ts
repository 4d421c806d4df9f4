// Ways to write the terms of a reward in a recipe. Each returns plain terms, which may be spread into one list:
//
//     terms: gated({ verifier: "thinking-format", atLeast: 1 }, weighted({ task: 1, length: 0.1 }))
//     terms: [...first(["exact", "math"]), ...weighted({ length: 0 })]
//
// What terms mean is said in compose.ts.

import type { RewardTerm } from "./compose.ts";

/** The sum of each verifier's score times its weight. Weight 0: only recorded. */
export function weighted(weights: Readonly<Record<string, number>>): RewardTerm[] {
  return Object.entries(weights).map(([verifier, weight]) => ({ verifier, weight }));
}

/** `terms` count only where `verifier` scores at least `atLeast`; below it the whole reward is 0. */
export function gated(
  { verifier, atLeast }: { readonly verifier: string; readonly atLeast: number },
  terms: readonly RewardTerm[],
): RewardTerm[] {
  const gate = { atLeast };
  if (terms.some((term) => term.verifier === verifier)) {
    return terms.map((term) => (term.verifier === verifier ? { ...term, gate } : term));
  }
  return [{ verifier, weight: 0, gate }, ...terms];
}

/** The score of the first of `verifiers` that gives one decides: what could not be told falls through to the next. */
export function first(verifiers: readonly string[], weight = 1): RewardTerm[] {
  return [{ verifier: { first: verifiers }, weight }];
}
