// Recomputes what a run's rollouts earned, with today's verifiers and the run's own seeds and terms, and says what differs from the
// record. Verdicts that could not be given then are counted apart: that they can be given now, or not again, is no change of a score.

import { VerifierError } from "../base/errors.ts";
import { inOrder } from "../base/inOrder.ts";
import type { Verdict } from "../data/verdict.ts";
import { sameScore } from "../rewards/audit.ts";
import type { VerifierPool } from "../rewards/pool.ts";
import { type RolloutScore, scoreRollout } from "../rewards/score.ts";
import { locateVerifier } from "../rewards/verifiable/open.ts";
import { practiceTerms, type Recipe } from "./recipe.ts";
import type { ScoredRollout } from "./rows.ts";
import type { RunStore } from "./store.ts";

/** What one verifier says now of what it said then. */
export interface VerifierRescore {
  readonly id: string;
  readonly file: string;
  /** Each that is stored with one of its verdicts, in order. */
  readonly versionsThen: readonly number[];
  readonly versionNow: number;
  readonly verdicts: number;
  /** Another score, or a verdict that cannot be given any more. */
  readonly differ: number;
  /** Of those that differ: could be told then, cannot be told now. */
  readonly unscorableNow: number;
  /** Not among those that differ. */
  readonly unscorableThen: number;
  /** Of those: can be told now. */
  readonly scoredNow: number;
  /** The same score with other evidence. */
  readonly reworded: number;
}

/** A verdict that differs, and the rewards of its rollout. */
export interface RescoredVerdict {
  readonly stage: string;
  readonly step: number;
  readonly rollout: string;
  readonly task: string;
  readonly verifier: string;
  readonly old: Verdict;
  readonly now: Verdict;
  /** Absent: could not be scored. */
  readonly rewardOld?: number;
  readonly rewardNow?: number;
}

/** What a run's record says against what today's verifiers say. */
export interface Rescore {
  readonly run: string;
  readonly rollouts: number;
  readonly verifiers: readonly VerifierRescore[];
  readonly rewards: {
    /** Another reward, or one that cannot be given any more. */
    readonly differ: number;
    /** Not among those that differ. */
    readonly unscorableThen: number;
    /** Over the rollouts that have a reward then and now; absent where there is none. */
    readonly meanThen?: number;
    readonly meanNow?: number;
  };
  /** Whether any verdict or reward differs. */
  readonly differs: boolean;
}

/** Rollouts that are being scored at the same time. */
const numAhead = 64;

/** Refuses a recipe whose verifiers cannot be found, all of them in one message. `folder` is where its relative paths start. */
export function checkVerifiers(id: string, { rewards }: Recipe, folder: string): void {
  const missing = rewards.verifiers.flatMap(({ use }) => {
    try {
      locateVerifier(use, folder);
      return [];
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      return [`"${use}"`];
    }
  });
  if (missing.length === 0) return;
  throw new VerifierError(
    `rescore ${id}: the verifiers of its recipe must be there, got nothing for ${missing.join(", ")} in "${folder}"; put them back, or give the folder that holds them with --folder`,
  );
}

/** What was recorded in `store` for run `id` against what `pool` says now. `tell` hears of each verdict that differs, in order. */
export async function rescoreRun({ store, id, recipe, pool, tell }: RescoreDeps, signal: AbortSignal): Promise<Rescore> {
  const counts = new Map(store.verifierIds(id).map((verifier) => [verifier, newCount(id, { verifier, pool })]));
  const scoring = { pool, terms: practiceTerms(recipe), seedWords: [recipe.seed] };
  const rewards = { differ: 0, unscorableThen: 0, told: 0, sumThen: 0, sumNow: 0 };
  let rollouts = 0;
  const work = async (stored: ScoredRollout) => ({ stored, score: await scoreRollout(stored, scoring, signal) });
  for await (const { stored, score } of inOrder(store.scoredRollouts(id), { work, numAhead })) {
    rollouts++;
    countReward(rewards, { old: stored.reward, now: rewardOf(score) });
    for (const [verifier, old] of Object.entries(stored.verdicts)) {
      const now = score.verdicts[verifier]!;
      const count = counts.get(verifier)!;
      count.versionsThen.add(stored.verifierVersions[verifier]!);
      if (countVerdict(count, old, now)) tell(changed({ stored, score, verifier, old, now }));
    }
  }
  const verifiers = [...counts].map(([verifier, count]) => rescoreOf(verifier, { count, pool }));
  const { differ, unscorableThen, told, sumThen, sumNow } = rewards;
  const means = told === 0 ? {} : { meanThen: sumThen / told, meanNow: sumNow / told };
  const differs = differ > 0 || verifiers.some((verifier) => verifier.differ > 0);
  return { run: id, rollouts, verifiers, rewards: { differ, unscorableThen, ...means }, differs };
}

/** What rescoring works with. */
export interface RescoreDeps {
  readonly store: RunStore;
  readonly id: string;
  readonly recipe: Recipe;
  readonly pool: VerifierPool;
  readonly tell: (changed: RescoredVerdict) => void;
}

interface Count {
  readonly versionsThen: Set<number>;
  verdicts: number;
  differ: number;
  unscorableNow: number;
  unscorableThen: number;
  scoredNow: number;
  reworded: number;
}

function newCount(id: string, { verifier, pool }: { readonly verifier: string; readonly pool: VerifierPool }): Count {
  if (pool.verifiers.has(verifier)) {
    return { versionsThen: new Set(), verdicts: 0, differ: 0, unscorableNow: 0, unscorableThen: 0, scoredNow: 0, reworded: 0 };
  }
  throw new VerifierError(
    `rescore ${id}: a verifier of that time must be there under its id, got none for "${verifier}"; today's are ${[...pool.verifiers.keys()].join(", ")}`,
  );
}

/** Whether the verdict differs. */
function countVerdict(count: Count, old: Verdict, now: Verdict): boolean {
  count.verdicts++;
  if (old.kind === "unscorable") {
    count.unscorableThen++;
    if (now.kind === "scored") count.scoredNow++;
    return false;
  }
  if (sameScore(old, now)) {
    if (now.kind === "scored" && now.evidence !== old.evidence) count.reworded++;
    return false;
  }
  count.differ++;
  if (now.kind === "unscorable") count.unscorableNow++;
  return true;
}

function countReward(
  rewards: { differ: number; unscorableThen: number; told: number; sumThen: number; sumNow: number },
  { old, now }: { readonly old: number | undefined; readonly now: number | undefined },
): void {
  if (old === undefined) {
    rewards.unscorableThen++;
    return;
  }
  if (now !== old) rewards.differ++;
  if (now === undefined) return;
  rewards.told++;
  rewards.sumThen += old;
  rewards.sumNow += now;
}

function rescoreOf(verifier: string, { count, pool }: { readonly count: Count; readonly pool: VerifierPool }): VerifierRescore {
  const { id, file, version } = pool.verifiers.get(verifier)!;
  const { versionsThen, ...numbers } = count;
  return { id, file, versionsThen: [...versionsThen].toSorted((a, b) => a - b), versionNow: version, ...numbers };
}

function changed(of: {
  readonly stored: ScoredRollout;
  readonly score: RolloutScore;
  readonly verifier: string;
  readonly old: Verdict;
  readonly now: Verdict;
}): RescoredVerdict {
  const { stored, score, verifier, old, now } = of;
  const { stage, step, rollout, task, reward } = stored;
  const rewardNow = rewardOf(score);
  return {
    stage,
    step,
    rollout: rollout.id,
    task: task.id,
    verifier,
    old,
    now,
    ...(reward === undefined ? {} : { rewardOld: reward }),
    ...(rewardNow === undefined ? {} : { rewardNow }),
  };
}

function rewardOf({ reward }: RolloutScore): number | undefined {
  return reward.kind === "scored" ? reward.reward : undefined;
}
