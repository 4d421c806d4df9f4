// Verdicts become one reward: a weighted sum behind gates, as data. Pure.
//
//     reward = 0                                 when a gate is closed: its verifier scored below `atLeast`
//     reward = sum over terms of weight * score  otherwise
//
// A closed gate decides alone, whatever else could not be told. Otherwise a term that weighs or gates and could not be told makes the
// reward unscorable, never 0. A term with weight 0 and no gate is only watched: recorded, and of no consequence.

import { VerifierError } from "../base/errors.ts";
import type { FailureKind, Verdict } from "../data/verdict.ts";

/** The word for the task's own verifier, `Task.verifier`, which differs from task to task. */
export const ownVerifier = "task";

/** One verifier's part in the reward. */
export interface RewardTerm {
  /** An id, or "task" for the task's own verifier. */
  readonly verifier: string;
  readonly weight: number;
  /** A score below it makes the whole reward 0. */
  readonly gate?: { readonly atLeast: number };
}

/** What a rollout is worth, or why nobody can tell. */
export type Reward =
  /** `components` are the scores by verifier id, unweighted. */
  | { readonly kind: "scored"; readonly reward: number; readonly components: Readonly<Record<string, number>> }
  | { readonly kind: "unscorable"; readonly failures: readonly RewardFailure[] };

/** A verdict that was needed and could not be given. */
export interface RewardFailure {
  readonly verifier: string;
  readonly failure: FailureKind;
  readonly reason: string;
}

/** Verdicts by verifier id. */
export type Verdicts = Readonly<Record<string, Verdict>>;

/** Ids of the verifiers whose verdicts the reward of a task needs, each once. */
export function verifiersOf(terms: readonly RewardTerm[], taskVerifier: string): string[] {
  return [...new Set(terms.map((term) => idOf(term, taskVerifier)))];
}

/** `verdicts` holds one for each of `verifiersOf(terms, taskVerifier)`. */
export function composeReward(
  verdicts: Verdicts,
  { terms, taskVerifier }: { readonly terms: readonly RewardTerm[]; readonly taskVerifier: string },
): Reward {
  const judged = terms.map((term) => ({ ...term, verifier: idOf(term, taskVerifier), verdict: verdicts[idOf(term, taskVerifier)]! }));
  const scores = judged.flatMap(({ verifier, verdict }) => (verdict.kind === "scored" ? [[verifier, verdict.score] as const] : []));
  const components = Object.fromEntries(scores);
  const isClosed = judged.some(({ gate, verdict }) => gate !== undefined && verdict.kind === "scored" && verdict.score < gate.atLeast);
  if (isClosed) return { kind: "scored", reward: 0, components };
  const failures = judged.flatMap(({ verifier, weight, gate, verdict }) => {
    const counts = weight > 0 || gate !== undefined;
    return counts && verdict.kind === "unscorable" ? [{ verifier, failure: verdict.failure, reason: verdict.reason }] : [];
  });
  if (failures.length > 0) return { kind: "unscorable", failures };
  const reward = judged.reduce((sum, { weight, verdict }) => (verdict.kind === "scored" ? sum + weight * verdict.score : sum), 0);
  return { kind: "scored", reward, components };
}

/** Terms name only verifiers that run. The config cannot know this: a file's id is known once it is loaded. */
export function checkTerms(terms: readonly RewardTerm[], verifiers: ReadonlyMap<string, unknown>): void {
  for (const { verifier } of terms) {
    if (verifier === ownVerifier || verifiers.has(verifier)) continue;
    const known = [ownVerifier, ...verifiers.keys()].join(", ");
    throw new VerifierError(`rewards.terms: a term must name one of the verifiers, got "${verifier}"; known: ${known}`);
  }
}

function idOf({ verifier }: RewardTerm, taskVerifier: string): string {
  return verifier === ownVerifier ? taskVerifier : verifier;
}
