// Alarms of a policy-gradient run as a pure state machine: from a step's metrics to what is raised and what the recipe wants done. The
// state is plain JSON and part of every checkpoint, so that a resumed run raises what the undisturbed one would have.
//
// An alarm is raised when its level is passed, and is over once its number was inside the level for `calmSteps` steps in a row. While it
// persists it is raised again every `repeatSteps` steps, or when a reason is added, and is quiet between them; only "skip" acts on every
// step that passes the level, since such a step must not be learned from. Levels are those of `alarmConfig.ts`; a number that is absent is
// not judged.

import { z } from "zod";

import { median } from "../base/statistics.ts";
import type { StepMetrics } from "../policy/backend.ts";
import { type AlarmAction, type AlarmName, type AlarmsConfig, alarmActions } from "./alarmConfig.ts";

/** What is remembered between steps. */
export const AlarmState = z.strictObject({
  /** Alarms that are not over: when each was raised last, for which reasons so far, and for how many steps it has been calm. */
  raised: z.record(
    z.string(),
    z.strictObject({ step: z.int().nonnegative(), calmSteps: z.int().nonnegative(), reasons: z.array(z.string()) }),
  ),
  /** Of the last steps, oldest first. */
  entropies: z.array(z.number()),
  /** Of the last steps that had any, oldest first: how many groups, and the share that was flat. */
  groups: z.array(z.strictObject({ count: z.int().positive(), flatShare: z.number().min(0).max(1) })),
  /** Of the policy that the stage started with, once it is known. */
  startEntropy: z.number().exactOptional(),
});
export type AlarmState = z.infer<typeof AlarmState>;

/** Of a stage that has taken no step. */
export const initialAlarms: AlarmState = { raised: {}, entropies: [], groups: [] };

/** A level that was passed, and what is done about it. */
export interface Alarm {
  readonly alarm: AlarmName;
  readonly action: Exclude<AlarmAction, "off">;
  /** What a person reads in the run's record. */
  readonly cause: string;
}

/** What was found of one alarm. */
export interface Finding {
  readonly alarm: AlarmName;
  /** In words; undefined where its number is inside the level. */
  readonly cause: string | undefined;
  /** Which of an alarm's several reasons speak. */
  readonly reasons?: readonly string[];
}

/** State and alarms after `findings`; each alarm is judged once a step. */
export function raiseAlarms(
  state: AlarmState,
  { step, findings, config }: { readonly step: number; readonly findings: readonly Finding[]; readonly config: AlarmsConfig },
): { readonly state: AlarmState; readonly alarms: readonly Alarm[] } {
  const raised = { ...state.raised };
  const alarms: Alarm[] = [];
  for (const { alarm, cause, reasons = [] } of findings) {
    const { action } = config[alarm];
    const before = raised[alarm];
    if (action === "off") continue;
    if (cause === undefined) {
      if (before === undefined) continue;
      if (before.calmSteps + 1 >= config.calmSteps) delete raised[alarm];
      else raised[alarm] = { ...before, calmSteps: before.calmSteps + 1 };
      continue;
    }
    const told = before?.reasons ?? [];
    const isNew = reasons.some((reason) => !told.includes(reason));
    const isRepeated = before !== undefined && !isNew && step - before.step < config.repeatSteps;
    raised[alarm] = { step: isRepeated ? before.step : step, calmSteps: 0, reasons: [...new Set([...told, ...reasons])] };
    if (!isRepeated || action === "skip") alarms.push({ alarm, action, cause });
  }
  return { state: { ...state, raised }, alarms };
}

/** The strongest of what is wanted; undefined where nothing is. */
export function strongest(alarms: readonly Alarm[]): Alarm | undefined {
  return alarms.toSorted((a, b) => alarmActions.indexOf(b.action) - alarmActions.indexOf(a.action))[0];
}

/** What is known once a step's rollouts are scored. `state` holds the groups, this step's included. */
export function judgeRollouts(metrics: StepMetrics, { state, config }: { state: AlarmState; config: AlarmsConfig }): Finding[] {
  const { errored, unscorable } = config;
  return [
    ...above("errored", { value: metrics["errored"], level: errored.above, what: "rollouts had a verifier that failed" }),
    ...above("unscorable", { value: metrics["unscorable"], level: unscorable.above, what: "rollouts have no reward" }),
    ...(metrics["flatGroups"] === undefined ? [] : judgeFlatGroups(state, config.flatGroups)),
  ];
}

/** Adds a step's groups to what is remembered: the last steps that together hold enough to be judged. A step may have none. */
export function rememberGroups(
  state: AlarmState,
  { count, flatShare, config }: { count: number; flatShare: number | undefined; config: AlarmsConfig },
): AlarmState {
  if (flatShare === undefined) return state;
  const groups = [...state.groups, { count, flatShare }];
  while (countGroups(groups.slice(1)) >= config.flatGroups.windowGroups) groups.shift();
  return { ...state, groups };
}

/** What is known of the step's first update before it is applied. `state` holds the entropies, this step's included. */
export function judgeUpdate(metrics: StepMetrics, { state, config }: { state: AlarmState; config: AlarmsConfig }): Finding[] {
  return [...judgeMismatch(metrics, config.mismatch), ...judgeEntropy(state, config.entropy)];
}

/** Adds a step's entropy to what is remembered; one that is no number is left out. */
export function rememberEntropy(state: AlarmState, { entropy, config }: { entropy: number | undefined; config: AlarmsConfig }): AlarmState {
  if (entropy === undefined || !Number.isFinite(entropy)) return state;
  const entropies = [...state.entropies, entropy].slice(-config.entropy.dropSteps);
  const start = state.startEntropy ?? (entropies.length === smoothedSteps ? median(entropies) : undefined);
  return { ...state, entropies, ...(start === undefined ? {} : { startEntropy: start }) };
}

/** One step's entropy depends on its tasks; the median of so many is compared. */
const smoothedSteps = 5;

function above(alarm: AlarmName, { value, level, what }: { value: number | undefined; level: number; what: string }): Finding[] {
  if (value === undefined) return [];
  const cause = value > level ? `${percent(value)} of the ${what}, more than ${percent(level)}` : undefined;
  return [{ alarm, cause }];
}

/** Over a window: a step may hold one or two groups, all of them flat by chance. */
function judgeFlatGroups({ groups }: AlarmState, { above: level, windowGroups }: AlarmsConfig["flatGroups"]): Finding[] {
  const count = countGroups(groups);
  if (count < windowGroups) return [];
  const value = groups.reduce((sum, step) => sum + step.flatShare * step.count, 0) / count;
  return above("flatGroups", { value, level, what: `last ${count} groups have members that all earned the same` });
}

function countGroups(groups: AlarmState["groups"]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** Levels of NeMo-RL (`token_mult_prob_error`) and verl; with the sampled log-probability as mu, w = exp(recomputed - mu). */
function judgeMismatch(metrics: StepMetrics, level: AlarmsConfig["mismatch"]): Finding[] {
  const rules: readonly (readonly [name: string, isPassed: (value: number) => boolean, text: (value: string) => string])[] = [
    ["mismatchFactor", (x) => x > level.maxFactor, (x) => `mean exp |log w| is ${x}, more than ${level.maxFactor}`],
    ["mismatchKl", (x) => x > level.maxKl, (x) => `KL is ${x}, more than ${level.maxKl}`],
    ["mismatchEss", (x) => x < level.minEss, (x) => `effective sample size is ${x}, less than ${level.minEss}`],
    ["mismatchWeight", (x) => x < level.minWeight, (x) => `mean w is ${x}, less than ${level.minWeight}`],
    ["mismatchWeight", (x) => x > level.maxWeight, (x) => `mean w is ${x}, more than ${level.maxWeight}`],
  ];
  const known = rules.filter(([name]) => metrics[name] !== undefined);
  if (known.length === 0) return [];
  const passed = known.flatMap(([name, isPassed, text]) => (isPassed(metrics[name]!) ? [text(metrics[name]!.toPrecision(4))] : []));
  const cause = passed.length === 0 ? undefined : `recomputed against sampled log-probabilities: ${passed.join(", ")}`;
  return [{ alarm: "mismatch", cause }];
}

/**
 * With H the median of the last five steps, passed where H < floor H_start, or H < (1 - maxDrop) H' with H' the median of the first five of
 * the last `dropSteps`. Relative: an absolute level would go off at once on a small policy with few peaks.
 */
function judgeEntropy({ entropies, startEntropy }: AlarmState, { floor, maxDrop, dropSteps }: AlarmsConfig["entropy"]): Finding[] {
  if (startEntropy === undefined) return [];
  const now = median(entropies.slice(-smoothedSteps));
  const before = entropies.length === dropSteps ? median(entropies.slice(0, smoothedSteps)) : undefined;
  const said = now.toPrecision(3);
  if (now < floor * startEntropy) {
    return [{ alarm: "entropy", cause: `entropy is ${said}, less than ${floor} times the ${startEntropy.toPrecision(3)} of the start` }];
  }
  if (before !== undefined && now < (1 - maxDrop) * before) {
    const cause = `entropy is ${said}, of ${before.toPrecision(3)} ${dropSteps} steps ago: it lost more than ${percent(maxDrop)}`;
    return [{ alarm: "entropy", cause }];
  }
  return [{ alarm: "entropy", cause: undefined }];
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
