// Numbers of one step for people to watch, from what was sampled and what the updates reported. Everything is computed here, once;
// whoever shows it draws and computes nothing.

import { mean } from "../base/statistics.ts";
import type { Verdict } from "../data/verdict.ts";
import type { StepMetrics } from "../policy/backend.ts";
import { composeReward, isRight, type RewardFailure, type RewardTerm } from "../rewards/compose.ts";
import type { GroupCredit } from "./advantages.ts";
import type { RewardedRollout } from "./rollout.ts";

/**
 * Reward, accuracy, lengths and failures of the sampled rollouts; means are over those that could be scored. Nothing where there are none.
 * `compared` tells what each group teaches (`credit.ts`).
 */
export function rolloutMetrics(
  groups: readonly (readonly RewardedRollout[])[],
  { compared, terms }: { readonly compared: readonly GroupCredit["kind"][]; readonly terms: readonly RewardTerm[] },
): StepMetrics {
  const all = groups.flat();
  if (all.length === 0) return {};
  const families = Map.groupBy(all, ({ task }) => task.family);
  return {
    ...scoreMetrics(all),
    ...Object.assign({}, ...[...families].map(([family, members]) => suffixed(scoreMetrics(members), family))),
    ...verifierScores(all),
    ...Object.assign({}, ...[...families].map(([family, members]) => suffixed(verifierScores(members), family))),
    ...componentMeans(all),
    unscorable: shareOf(all, ({ reward }) => reward === undefined),
    errored: shareOf(all, ({ verdicts }) => Object.values(verdicts).some(isFailedVerifier)),
    ...failureShares(all, terms),
    responseTokens: mean(all.map(({ rollout }) => rollout.tokens.length)),
    thinkingTokens: mean(all.map(({ rollout }) => rollout.thinking.tokens)),
    ...lengthsByOutcome(all),
    closedByBudget: shareOf(all, ({ rollout }) => rollout.thinking.closedBy === "budget"),
    truncated: shareOf(all, ({ rollout }) => rollout.finish === "length"),
    flatGroups: shareOf(compared, (kind) => kind === "flat"),
    droppedGroups: shareOf(compared, (kind) => kind === "dropped"),
  };
}

/**
 * How many steps the policy that chose a token lies behind the one that learns from it: the mean over chosen tokens, and the largest.
 * `sampledAt` holds the step of each version.
 */
export function stalenessMetrics(
  rollouts: readonly RewardedRollout[],
  { step, sampledAt }: { readonly step: number; readonly sampledAt: ReadonlyMap<string, number> },
): StepMetrics {
  let [total, numTokens, most] = [0, 0, 0];
  for (const { rollout } of rollouts) {
    rollout.policy.forEach(({ version, from }, piece) => {
      const until = rollout.policy[piece + 1]?.from ?? rollout.tokens.length;
      const numChosen = rollout.chosen.subarray(from, until).filter((isChosen) => isChosen === 1).length;
      const staleness = step - sampledAt.get(version)!;
      total += staleness * numChosen;
      numTokens += numChosen;
      if (numChosen > 0) most = Math.max(most, staleness);
    });
  }
  return numTokens === 0 ? {} : { staleness: total / numTokens, stalenessMax: most };
}

/** What one update of a step was made of and said. */
export interface UpdateReport {
  readonly numTokens: number;
  readonly metrics: StepMetrics;
}

/** Compared with what sampling recorded: before a step's first update the policy is the one that sampled, and any difference is a fault. */
const ofFirstUpdate = new Set(["mismatch", "mismatchShare", "mismatchMax", "mismatchFactor"]);

/**
 * One number for each name over the updates of a step, weighted by trained tokens. Those that compare with sampling are of the first,
 * extremes are extremes of all; `kl/last` says how far the policy had gone before the last update, where there are several.
 */
export function updateMetrics(reports: readonly UpdateReport[]): StepMetrics {
  const read = reports.map(({ numTokens, metrics }) => ({ numTokens, metrics: readMoments(metrics) }));
  const first = read[0];
  if (first === undefined) return {};
  const numTokens = read.reduce((sum, report) => sum + report.numTokens, 0);
  const values = (name: string): number[] => read.map(({ metrics }) => metrics[name]!);
  const over = (name: string): number => {
    if (ofFirstUpdate.has(name)) return first.metrics[name]!;
    if (name === "ratioMin") return Math.min(...values(name));
    if (name === "ratioMax") return Math.max(...values(name));
    return read.reduce((sum, report) => sum + report.metrics[name]! * report.numTokens, 0) / numTokens;
  };
  const kl = read.length > 1 ? read.at(-1)!.metrics["kl"] : undefined;
  return {
    ...Object.fromEntries(Object.keys(first.metrics).map((name) => [name, over(name)])),
    ...(kl === undefined ? {} : { "kl/last": kl }),
  };
}

/**
 * What people read in place of what a loss can add up: `ratioEss`, the effective sample size of the ratios as a share of the tokens, and
 * the smallest ratio.
 *
 *     ESS / N = (mean r)^2 / mean r^2     1 where all ratios are equal
 */
function readMoments({ ratioSquare, negativeRatioMax, ...metrics }: StepMetrics): StepMetrics {
  const { ratio } = metrics;
  return {
    ...metrics,
    ...(ratio === undefined || ratioSquare === undefined ? {} : { ratioEss: ratio ** 2 / ratioSquare }),
    ...(negativeRatioMax === undefined ? {} : { ratioMin: -negativeRatioMax }),
  };
}

/**
 * How far what a step recomputes is from what was sampled, with w = exp(recomputed - sampled) over its tokens: mean of exp |log w|, KL
 * (k3), effective sample size, mean of w. 1, 0, 1 and 1 where sampling and training agree. From what the first update reported and, since
 * that is compared with the recomputed policy where an older one sampled, from the `correction`, whichever is worse. Absent where
 * nothing tells.
 */
export function mismatchLevels(first: StepMetrics, correction: StepMetrics = {}): StepMetrics {
  const { mismatchFactor, kl, ratio, ratioEss } = readMoments(first);
  const distance = (weight: number): number => Math.abs(Math.log(weight));
  const worst = (values: readonly (number | undefined)[], badness: (value: number) => number): number | undefined =>
    values.filter((value) => value !== undefined).toSorted((a, b) => badness(b) - badness(a))[0];
  const levels = {
    mismatchFactor: worst([mismatchFactor, correction["correction/factor"]], (x) => x),
    mismatchKl: worst([kl, correction["correction/kl"]], (x) => x),
    mismatchEss: worst([ratioEss, correction["correction/ess"]], (x) => -x),
    mismatchWeight: worst([ratio, correction["correction/ratio"]], distance),
  };
  return Object.fromEntries(Object.entries(levels).filter((level): level is [string, number] => level[1] !== undefined));
}

/** Absent where nothing could be scored: there is no mean of nothing. Accuracy is over those that the task's own verifier scored too. */
function scoreMetrics(members: readonly RewardedRollout[]): StepMetrics {
  const scored = members.filter(({ reward }) => reward !== undefined);
  if (scored.length === 0) return {};
  const accuracy = shareRight(scored);
  return {
    reward: mean(scored.map(({ reward }) => reward!)),
    ...(accuracy === undefined ? {} : { accuracy }),
  };
}

/** What each verifier gave by itself, whatever the reward: `score/NAME`, over the rollouts that it could score. */
function verifierScores(all: readonly RewardedRollout[]): StepMetrics {
  const scores = all.flatMap(({ verdicts }) =>
    Object.entries(verdicts).flatMap(([verifier, verdict]) => (verdict.kind === "scored" ? [{ verifier, score: verdict.score }] : [])),
  );
  const byVerifier = [...Map.groupBy(scores, ({ verifier }) => verifier)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(byVerifier.map(([verifier, given]) => [`score/${verifier}`, mean(given.map(({ score }) => score))]));
}

/** What the verifiers' verdicts are made of: `component/VERIFIER/NAME`, over the verdicts that have it. */
function componentMeans(all: readonly RewardedRollout[]): StepMetrics {
  const parts = all.flatMap(({ verdicts }) =>
    Object.entries(verdicts).flatMap(([verifier, verdict]) => {
      if (verdict.kind !== "scored") return [];
      return Object.entries(verdict.components ?? {}).map(([name, value]) => ({ name: `component/${verifier}/${name}`, value }));
    }),
  );
  const byName = [...Map.groupBy(parts, ({ name }) => name)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(byName.map(([name, given]) => [name, mean(given.map(({ value }) => value))]));
}

/** Mean lengths of right and of wrong responses, as the task's own verifier tells them apart; of what it could not tell, neither. */
function lengthsByOutcome(all: readonly RewardedRollout[]): StepMetrics {
  const told = [
    ["correct", all.filter((member) => isRight(member) === true)],
    ["wrong", all.filter((member) => isRight(member) === false)],
  ] as const;
  return Object.fromEntries(
    told
      .filter(([, members]) => members.length > 0)
      .flatMap(([name, members]) => [
        [`responseTokens/${name}`, mean(members.map(({ rollout }) => rollout.tokens.length))],
        [`thinkingTokens/${name}`, mean(members.map(({ rollout }) => rollout.thinking.tokens))],
      ]),
  );
}

/** Share of the members that are right; undefined where the task's own verifier could not tell of any. */
export function shareRight(members: readonly RewardedRollout[]): number | undefined {
  const told = members.flatMap((member) => isRight(member) ?? []);
  return told.length === 0 ? undefined : shareOf(told, (right) => right);
}

/** Share of rollouts by what kept them from being scored. */
function failureShares(all: readonly RewardedRollout[], terms: readonly RewardTerm[]): StepMetrics {
  const failures = Map.groupBy(
    all.flatMap((member) => failureOf(member, terms) ?? []),
    ({ failure }) => failure,
  );
  return Object.fromEntries([...failures].map(([kind, failed]) => [`unscorable/${kind}`, failed.length / all.length]));
}

/** What first kept a rollout from having a reward; undefined where it has one. A verifier that only watches keeps nothing. */
export function failureOf({ task, verdicts, reward }: RewardedRollout, terms: readonly RewardTerm[]): RewardFailure | undefined {
  if (reward !== undefined) return undefined;
  const composed = composeReward(verdicts, { terms, taskVerifier: task.verifier });
  return composed.kind === "unscorable" ? composed.failures[0] : undefined;
}

/** A reference that makes no sense is the task's fault; everything else that keeps a verifier from telling is the verifier's. */
function isFailedVerifier(verdict: Verdict): boolean {
  return verdict.kind === "unscorable" && verdict.failure !== "reference";
}

function suffixed(metrics: StepMetrics, suffix: string): StepMetrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${name}/${suffix}`, value]));
}

function shareOf<T>(items: readonly T[], holds: (item: T) => boolean): number {
  return items.filter(holds).length / items.length;
}
