// Verdicts become one reward: a weighted sum behind gates, as data. Pure.
//
//     reward = 0                                 when a gate is closed: its verifier scored below `atLeast`
//     reward = sum over terms of weight * score  otherwise
//
// A closed gate decides alone, whatever else could not be told. Otherwise a term that weighs or gates and could not be told makes the
// reward unscorable, never 0. A term with weight 0 and no gate is only watched: recorded, and of no consequence. The score of a term
// with several verifiers is that of the first which gives one; what the others said is recorded beside it.

import { VerifierError } from "../base/errors.ts";
import type { Task } from "../data/task.ts";
import type { FailureKind, Verdict } from "../data/verdict.ts";

/** The word for the task's own verifier, `Task.verifier`, which differs from task to task. */
export const ownVerifier = "task";

/** Who gives a term its score: an id, "task" for the task's own verifier, or several in order, of which the first that can tell decides. */
export type TermVerifier = string | { readonly first: readonly string[] };

/** One part of the reward. */
export interface RewardTerm {
  readonly verifier: TermVerifier;
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
  return [...new Set(terms.flatMap((term) => idsOf(term, taskVerifier)))];
}

/** `verdicts` holds one for each of `verifiersOf(terms, taskVerifier)`. */
export function composeReward(
  verdicts: Verdicts,
  { terms, taskVerifier }: { readonly terms: readonly RewardTerm[]; readonly taskVerifier: string },
): Reward {
  const judged = terms.map((term) => ({ ...term, ...judgeTerm(idsOf(term, taskVerifier), verdicts) }));
  const scores = verifiersOf(terms, taskVerifier).flatMap((id) => {
    const verdict = verdicts[id]!;
    return verdict.kind === "scored" ? [[id, verdict.score] as const] : [];
  });
  const components = Object.fromEntries(scores);
  if (judged.some(isGateClosed)) return { kind: "scored", reward: 0, components };
  const needed = judged.filter(isLearnedFrom);
  const failures = needed.flatMap((term) => term.failures);
  if (failures.length > 0) return { kind: "unscorable", failures };
  return { kind: "scored", reward: judged.reduce((sum, { weight, score = 0 }) => sum + weight * score, 0), components };
}

/** A term's part of a reward: the weights times the scores add up to it. */
export interface TermScore {
  readonly weight: number;
  readonly score: number;
}

/** What the terms that weigh gave to a reward that could be scored, in their order: nothing where a gate was closed. */
export function termScores(
  verdicts: Verdicts,
  { terms, taskVerifier }: { readonly terms: readonly RewardTerm[]; readonly taskVerifier: string },
): TermScore[] {
  const judged = terms.map((term) => ({ ...term, ...judgeTerm(idsOf(term, taskVerifier), verdicts) }));
  const isClosed = judged.some(isGateClosed);
  return judged
    .filter(({ weight }) => weight > 0)
    .map(({ weight, score }) => ({ weight, score: isClosed || score === undefined ? 0 : score }));
}

/** The score that a verifier gives by itself, as a term would; undefined where none of its names could tell or was asked. */
export function termScore(
  verdicts: Verdicts,
  { verifier, taskVerifier }: { readonly verifier: TermVerifier; readonly taskVerifier: string },
): number | undefined {
  const ids = idsOf({ verifier }, taskVerifier);
  return ids.every((id) => id in verdicts) ? judgeTerm(ids, verdicts).score : undefined;
}

/** The terms with `verifier` among them, watched where it neither weighs nor gates: its verdict is wanted whatever the reward needs. */
export function watching(terms: readonly RewardTerm[], verifier: TermVerifier): readonly RewardTerm[] {
  const asked = new Set(terms.flatMap(namesOf));
  return namesOf({ verifier }).every((name) => asked.has(name)) ? terms : [...terms, { verifier, weight: 0 }];
}

/** The terms with the task's own verifier among them: what measures accuracy needs its verdict. */
export function watchingOwn(terms: readonly RewardTerm[]): readonly RewardTerm[] {
  return watching(terms, ownVerifier);
}

/** Terms name only verifiers that run. The config cannot know this: a file's id is known once it is loaded. */
export function checkTerms(terms: readonly RewardTerm[], verifiers: ReadonlyMap<string, unknown>): void {
  const known = [ownVerifier, ...verifiers.keys()];
  for (const name of terms.flatMap(namesOf)) {
    if (known.includes(name)) continue;
    throw new VerifierError(`rewards.terms: a term must name one of the verifiers, got "${name}"; known: ${known.join(", ")}`);
  }
}

/** The names in a term, as they are written. */
export function namesOf({ verifier }: Pick<RewardTerm, "verifier">): readonly string[] {
  return typeof verifier === "string" ? [verifier] : verifier.first;
}

function idsOf(term: Pick<RewardTerm, "verifier">, taskVerifier: string): string[] {
  return [...new Set(namesOf(term).map((name) => (name === ownVerifier ? taskVerifier : name)))];
}

/** Ids of the verifiers that a reward of the task is made of: those of terms that weigh or gate. */
export function rewardingVerifiers(terms: readonly RewardTerm[], taskVerifier: string): string[] {
  return verifiersOf(terms.filter(isLearnedFrom), taskVerifier);
}

/** Whether a term has a part in the reward; the others are only watched. */
export function isLearnedFrom({ weight, gate }: Pick<RewardTerm, "weight" | "gate">): boolean {
  return weight > 0 || gate !== undefined;
}

function isGateClosed({ gate, score }: Pick<RewardTerm, "gate"> & { readonly score: number | undefined }): boolean {
  return gate !== undefined && score !== undefined && score < gate.atLeast;
}

/** The score of the first that gives one; where none does, what kept each. */
function judgeTerm(
  ids: readonly string[],
  verdicts: Verdicts,
): { readonly score: number | undefined; readonly failures: readonly RewardFailure[] } {
  const failures: RewardFailure[] = [];
  for (const verifier of ids) {
    const verdict = verdicts[verifier]!;
    if (verdict.kind === "scored") return { score: verdict.score, failures: [] };
    failures.push({ verifier, failure: verdict.failure, reason: verdict.reason });
  }
  return { score: undefined, failures };
}

/**
 * Whether an answer is right: its task's own verifier gave the full score, whatever the reward. Undefined where it could not tell, or was not
 * asked since no term names it.
 */
export function isRight({ task, verdicts }: { readonly task: Pick<Task, "verifier">; readonly verdicts: Verdicts }): boolean | undefined {
  const own = verdicts[task.verifier];
  return own?.kind === "scored" ? own.score === 1 : undefined;
}
