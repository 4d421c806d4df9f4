// The alarms of one step while it goes on: first those that its rollouts raise, then those of its first update before it is applied. What
// is judged stands in `alarms.ts` and `radar.ts`; here it becomes what the step does about it.

import { TrainingError } from "../base/errors.ts";
import type { StepMetrics } from "../policy/backend.ts";
import type { RewardTerm } from "../rewards/compose.ts";
import { type GuardState, type Objection, slowedDown } from "../train/stage.ts";
import type { AlarmName, AlarmsConfig } from "./alarmConfig.ts";
import {
  type Alarm,
  type AlarmState,
  type Finding,
  judgeRollouts,
  judgeUpdate,
  raiseAlarms,
  rememberEntropy,
  rememberGroups,
  strongest,
} from "./alarms.ts";
import { type Echo, echoOf, initialRadar, judgeRadar, type RadarState, radarMetrics, rememberEcho } from "./radar.ts";
import type { RadarConfig } from "./radarConfig.ts";
import type { RewardedRollout } from "./rollout.ts";
import { isSampledEarlier, type SamplingConfig } from "./samplingConfig.ts";

/** What is remembered between steps. */
export interface Watched {
  readonly alarms: AlarmState;
  /** Absent without a radar. */
  readonly radar: RadarState | undefined;
}

/** What was found of a step so far. */
export interface StepWatch {
  readonly step: number;
  readonly config: AlarmsConfig;
  /** Whether checkpoints carry verdicts of later steps: where those failed, nobody is asked again. */
  readonly areVerdictsCarried: boolean;
  /** After the step as far as it was judged. */
  readonly state: Watched;
  readonly alarms: readonly Alarm[];
  /** What the radar saw; absent without one, and where it saw nothing. */
  readonly echo?: Echo;
}

/** A step's rollouts and what they are judged by. */
export interface WatchedRollouts {
  readonly step: number;
  readonly config: { readonly alarms: AlarmsConfig; readonly radar?: RadarConfig; readonly sampling: SamplingConfig };
  readonly terms: readonly RewardTerm[];
  readonly rollouts: readonly RewardedRollout[];
  readonly metrics: StepMetrics;
}

/** Judges the rollouts of a step. */
export function watchRollouts(before: Watched, { step, config, terms, rollouts, metrics }: WatchedRollouts): StepWatch {
  const { alarms, radar } = config;
  const count = new Set(rollouts.map(({ rollout }) => rollout.group)).size;
  const state = rememberGroups(before.alarms, { count, flatShare: metrics["flatGroups"], config: alarms });
  const areVerdictsCarried = isSampledEarlier(config.sampling);
  const plain = { step, config: alarms, areVerdictsCarried, state: { ...before, alarms: state }, alarms: [] };
  const findings = judgeRollouts(metrics, { state, config: alarms });
  const echo = radar === undefined ? undefined : echoOf(rollouts, { terms, radar });
  if (radar === undefined || echo === undefined) return judged(plain, findings);
  const seen = rememberEcho(before.radar ?? initialRadar, { echo, radar });
  return judged({ ...plain, state: { alarms: state, radar: seen }, echo }, [...findings, ...judgeRadar(seen, radar)]);
}

/** Judges what the step's first update reported before it is applied; the mismatch is among `metrics`. */
export function watchUpdate(watch: StepWatch, metrics: StepMetrics): StepWatch {
  const { config } = watch;
  const alarms = rememberEntropy(watch.state.alarms, { entropy: metrics["entropy"], config });
  return judged({ ...watch, state: { ...watch.state, alarms } }, judgeUpdate(metrics, { state: alarms, config }));
}

function judged(watch: StepWatch, findings: readonly Finding[]): StepWatch {
  const { state, alarms } = raiseAlarms(watch.state.alarms, { ...watch, findings });
  const all = { ...watch, state: { ...watch.state, alarms: state }, alarms: [...watch.alarms, ...alarms] };
  const stopping = alarms.find(({ action }) => action === "stop");
  if (stopping === undefined) return all;
  throw new TrainingError(
    `rl: alarm "${stopping.alarm}" ends the run after ${watch.step} steps, as rl.alarms.${stopping.alarm}.action says: ${stopping.cause}; ${cureOf(stopping, watch)}`,
  );
}

/** Alarms of verdicts that were not given: those of a step that is no part of the run are asked for again. */
const ofVerifiers: ReadonlySet<AlarmName> = new Set(["errored", "unscorable"]);

/** What helps where an alarm ends the run. Only failed verdicts may differ in a step taken again. */
function cureOf({ alarm }: Alarm, { areVerdictsCarried }: Pick<StepWatch, "areVerdictsCarried">): string {
  const mended = ofVerifiers.has(alarm)
    ? `${verifierCure(areVerdictsCarried)}, or fork it`
    : "resumed as it is, the run ends here again: fork it without what raises the alarm, or";
  return `${mended} with another level or action, such as --set rl.alarms.${alarm}.action=warn`;
}

/** What helps where a run ends for verdicts that failed. */
export function verifierCure(areVerdictsCarried: boolean): string {
  return areVerdictsCarried
    ? "repair the verifier, delete the newest checkpoint's folder where it carries the verdicts that failed, and resume the run, which asks for them again"
    : "repair the verifier and resume the run, which asks again for the verdicts that failed";
}

/** Whether the step may be learned from. */
export function mayLearn({ alarms }: Pick<StepWatch, "alarms">): boolean {
  return alarms.every((alarm) => !objects(alarm));
}

/**
 * Why the step must not be learned from, with all else that was raised in it; undefined where it may. `hasLearned` tells whether the policy
 * is another one than that of the checkpoint that would be gone back to.
 */
export function objectionOf(
  watch: Pick<StepWatch, "alarms" | "config" | "areVerdictsCarried">,
  hasLearned: () => boolean,
): Objection | undefined {
  const { alarms, config, areVerdictsCarried } = watch;
  const alarm = strongest(alarms);
  if (alarm === undefined || !objects(alarm)) return undefined;
  const all = [alarm, ...alarms.filter((other) => other !== alarm)].map((each) => alarmNote(each, config));
  const isAskedAgain = ofVerifiers.has(alarm.alarm) && !areVerdictsCarried;
  const isRepeated = !isAskedAgain && !hasLearned();
  const stays = isRepeated && alarm.action === "go-back" ? ["not gone back, since nothing was learned after the last checkpoint"] : [];
  return { wants: alarm.action, reason: [...all, ...stays].join("; "), cure: cureOf(alarm, watch), isRepeated };
}

function objects(alarm: Alarm): alarm is Alarm & { readonly action: Objection["wants"] } {
  return alarm.action === "skip" || alarm.action === "go-back";
}

/** The guard with a lower learning rate where an alarm wants that. */
export function guardAfter(guard: GuardState, { alarms, config }: Pick<StepWatch, "alarms" | "config">): GuardState {
  return alarms.some(({ action }) => action === "slow") ? slowedDown(guard, config.slowFactor) : guard;
}

/** One line for each alarm, for the run's record. None where there is an objection, which tells them all. */
export function alarmNotes(watch: Pick<StepWatch, "alarms" | "config">): string[] {
  return mayLearn(watch) ? watch.alarms.map((alarm) => alarmNote(alarm, watch.config)) : [];
}

function alarmNote({ alarm, action, cause }: Alarm, { slowFactor }: AlarmsConfig): string {
  return `alarm "${alarm}": ${cause}${action === "slow" ? `; learning rate times ${slowFactor} from the next update on` : ""}`;
}

/** `alarms`, and `alarm/NAME` for each: 1 where it was raised or acted in the step; and what the radar saw. */
export function watchMetrics({ alarms, echo }: Pick<StepWatch, "alarms" | "echo">): StepMetrics {
  const raised = Object.fromEntries(alarms.map(({ alarm }) => [`alarm/${alarm}`, 1]));
  return { alarms: alarms.length, ...raised, ...(echo === undefined ? {} : radarMetrics(echo)) };
}
