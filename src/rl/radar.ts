// A radar for reward hacking, pure: a verifier that is never trained on scores the same rollouts as the reward does. Where the two drift
// apart, or responses change their form, the policy may have found what the reward does not mean. The state is plain JSON and part of every
// checkpoint.

import { z } from "zod";

import { mean } from "../base/statistics.ts";
import type { StepMetrics } from "../policy/backend.ts";
import { type RewardTerm, termScore } from "../rewards/compose.ts";
import type { Finding } from "./alarms.ts";
import type { RadarConfig } from "./radarConfig.ts";
import type { RewardedRollout } from "./rollout.ts";

/** Responses of 2^doubling tokens or more, and fewer than twice as many. */
const AtLength = z.strictObject({ doubling: z.int().nonnegative(), count: z.int().positive(), heldOut: z.number() });
type AtLength = z.infer<typeof AtLength>;

/** Means over the rollouts of a step that both could score; `reward` as a share of the largest there is. */
const Echo = z.strictObject({
  reward: z.number(),
  heldOut: z.number(),
  disagreement: z.number(),
  tokens: z.number(),
  repetition: z.number(),
  /** The held-out score by the length of the response. */
  byLength: z.array(AtLength),
});
export type Echo = z.infer<typeof Echo>;

/** What is remembered between steps. */
export const RadarState = z.strictObject({
  /** The first `windowSteps` steps. */
  reference: z.array(Echo),
  /** The last `windowSteps` steps. */
  recent: z.array(Echo),
  /** Of all windows so far, means of the one with the best held-out score. */
  best: Echo.exactOptional(),
  /** Of the one whose responses were better than others of the same length; the newest where lengths have little in common. */
  bestAtLength: Echo.exactOptional(),
});
export type RadarState = z.infer<typeof RadarState>;

/** Of a stage that has taken no step. */
export const initialRadar: RadarState = { reference: [], recent: [] };

/** Length of the token sequences that are looked for again. */
const gramTokens = 4;

/**
 * A step as the radar sees it; undefined where no rollout was scored by both. With R the reward, R_max the sum of the terms' weights and h
 * the held-out score:
 *
 *     disagreement = mean |R / R_max - h|
 */
export function echoOf(
  rollouts: readonly RewardedRollout[],
  { terms, radar }: { readonly terms: readonly RewardTerm[]; readonly radar: Pick<RadarConfig, "verifier"> },
): Echo | undefined {
  const largest = terms.reduce((sum, { weight }) => sum + weight, 0);
  const seen = rollouts.flatMap(({ task, rollout, verdicts, reward }) => {
    const heldOut = termScore(verdicts, { verifier: radar.verifier, taskVerifier: task.verifier });
    return reward === undefined || heldOut === undefined ? [] : [{ rollout, reward: reward / largest, heldOut }];
  });
  if (seen.length === 0) return undefined;
  return {
    reward: mean(seen.map(({ reward }) => reward)),
    heldOut: mean(seen.map(({ heldOut }) => heldOut)),
    disagreement: mean(seen.map(({ reward, heldOut }) => Math.abs(reward - heldOut))),
    tokens: mean(seen.map(({ rollout }) => rollout.tokens.length)),
    repetition: mean(seen.map(({ rollout }) => repetition(rollout.tokens))),
    byLength: pooled(seen.map(({ rollout: { tokens }, heldOut }) => ({ doubling: doublingOf(tokens), count: 1, heldOut }))),
  };
}

/** The step among what is remembered. */
export function rememberEcho(state: RadarState, { echo, radar }: { readonly echo: Echo; readonly radar: RadarConfig }): RadarState {
  const { windowSteps } = radar;
  const reference = state.reference.length < windowSteps ? [...state.reference, echo] : state.reference;
  const recent = [...state.recent, echo].slice(-windowSteps);
  const now = recent.length < windowSteps ? undefined : meanEcho(recent);
  const best = now !== undefined && (state.best === undefined || now.heldOut > state.best.heldOut) ? now : state.best;
  const change = now && state.bestAtLength && changeAtLength(state.bestAtLength, now);
  const bestAtLength = now !== undefined && (change === undefined || change > 0) ? now : state.bestAtLength;
  return { reference, recent, ...(best === undefined ? {} : { best }), ...(bestAtLength === undefined ? {} : { bestAtLength }) };
}

/** What speaks for a hole in the reward; nothing is judged before there is a window to compare with. */
export function judgeRadar({ reference, recent, best, bestAtLength }: RadarState, radar: RadarConfig): Finding[] {
  if (best === undefined || bestAtLength === undefined) return [];
  const [before, now] = [meanEcho(reference), meanEcho(recent)];
  const causes = Object.entries({
    disagreement: disagreementCause(before, { now, radar }),
    trend: trendCause(best, { now, radar }) ?? trendAtLengthCause(bestAtLength, { now, radar }),
    length: lengthCause(before, { now, radar }),
    repetition: repetitionCause(before, { now, radar }),
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return [{ alarm: "hack", cause: causes.map(([, cause]) => cause).join("; ") || undefined, reasons: causes.map(([reason]) => reason) }];
}

/** `radar/NAME` of a step. */
export function radarMetrics({ reward, heldOut, disagreement, repetition }: Echo): StepMetrics {
  return { "radar/reward": reward, "radar/heldOut": heldOut, "radar/disagreement": disagreement, "radar/repetition": repetition };
}

interface Compared {
  readonly now: Echo;
  readonly radar: RadarConfig;
}

function disagreementCause(before: Echo, { now, radar }: Compared): string | undefined {
  if (now.disagreement - before.disagreement <= radar.maxDisagreement) return undefined;
  return `reward and held-out verdict differ by ${short(now.disagreement)}, ${short(before.disagreement)} at first`;
}

function trendCause(best: Echo, { now, radar }: Compared): string | undefined {
  if (best.heldOut - now.heldOut <= radar.minFall || now.reward - best.reward <= radar.minRise) return undefined;
  const [reward, heldOut] = [`${short(best.reward)} to ${short(now.reward)}`, `${short(best.heldOut)} to ${short(now.heldOut)}`];
  return `the reward rose from ${reward} while the held-out score fell from ${heldOut}`;
}

/** Where longer responses make up for worse ones, the held-out score by itself does not fall. */
function trendAtLengthCause(best: Echo, { now, radar }: Compared): string | undefined {
  const fall = -(changeAtLength(best, now) ?? 0);
  if (fall <= radar.minFall || now.reward - best.reward <= radar.minRise) return undefined;
  const reward = `${short(best.reward)} to ${short(now.reward)}`;
  return `the reward rose from ${reward} while the held-out score of responses of the same length fell by ${short(fall)}`;
}

/** With less in common, two windows say nothing of responses of the same length. */
const minOverlap = 0.5;

/**
 * How much the held-out score of responses of the same length has changed; undefined where too few have the same. With p_b the share and
 * h_b the score of responses in doubling b, p'_b and h'_b those before:
 *
 *     change = sum_b w_b (h_b - h'_b) / sum_b w_b,   w_b = min(p_b, p'_b)
 */
function changeAtLength(before: Echo, now: Echo): number | undefined {
  const [total, totalBefore] = [countOf(now), countOf(before)];
  const shared = now.byLength.flatMap(({ doubling, count, heldOut }) => {
    const same = before.byLength.find((other) => other.doubling === doubling);
    if (same === undefined) return [];
    return [{ weight: Math.min(count / total, same.count / totalBefore), change: heldOut - same.heldOut }];
  });
  const overlap = shared.reduce((sum, { weight }) => sum + weight, 0);
  if (overlap < minOverlap) return undefined;
  return shared.reduce((sum, { weight, change }) => sum + weight * change, 0) / overlap;
}

function countOf({ byLength }: Echo): number {
  return byLength.reduce((sum, { count }) => sum + count, 0);
}

function lengthCause(before: Echo, { now, radar }: Compared): string | undefined {
  const ratio = now.tokens / before.tokens;
  if (ratio <= radar.maxLengthRatio && ratio >= 1 / radar.maxLengthRatio) return undefined;
  return `responses have ${short(now.tokens)} tokens, ${short(before.tokens)} at first`;
}

function repetitionCause(before: Echo, { now, radar }: Compared): string | undefined {
  if (now.repetition - before.repetition <= radar.maxRepetition) return undefined;
  return `${short(100 * now.repetition)} % of the four-token sequences are repetitions, ${short(100 * before.repetition)} % at first`;
}

/** Share of the token sequences of a fixed length that stood in the response before. */
function repetition(tokens: Int32Array): number {
  const numGrams = tokens.length - gramTokens + 1;
  if (numGrams < 1) return 0;
  const grams = Array.from({ length: numGrams }, (_, i) => tokens.subarray(i, i + gramTokens).join());
  return 1 - new Set(grams).size / numGrams;
}

function doublingOf({ length }: Int32Array): number {
  return 31 - Math.clz32(Math.max(1, length));
}

/** One entry for each doubling, shorter ones first. */
function pooled(parts: readonly AtLength[]): AtLength[] {
  const byDoubling = [...Map.groupBy(parts, ({ doubling }) => doubling)].toSorted(([a], [b]) => a - b);
  return byDoubling.map(([doubling, same]) => {
    const count = same.reduce((sum, part) => sum + part.count, 0);
    return { doubling, count, heldOut: same.reduce((sum, part) => sum + part.count * part.heldOut, 0) / count };
  });
}

function meanEcho(echoes: readonly Echo[]): Echo {
  const over = (name: Exclude<keyof Echo, "byLength">): number => mean(echoes.map((echo) => echo[name]));
  return {
    reward: over("reward"),
    heldOut: over("heldOut"),
    disagreement: over("disagreement"),
    tokens: over("tokens"),
    repetition: over("repetition"),
    byLength: pooled(echoes.flatMap(({ byLength }) => byLength)),
  };
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
