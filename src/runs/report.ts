// What a run gained, from what it recorded: `report.json` in the run's folder. Accuracies are those measured at the end of each
// stage on all held-out tasks.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { EvaluationRow, EventRow, StepRow } from "./rows.ts";
import type { RunStore } from "./store.ts";

/** What a stage led to. */
export interface StageReport {
  readonly accuracy?: number;
  /** On tasks harder than any demonstration. */
  readonly accuracyBeyond?: number;
}

/** The content of `report.json`. */
export interface RunReport {
  /** Raised by any change of this shape. */
  readonly version: 2;
  /** Spent working, over all the times that the run was started and resumed. */
  readonly seconds: number;
  /** The most that its processes held, an upper bound: over what was recorded with its steps, and the last time that it was started. */
  readonly peakRssMiB: number;
  /** In how many steps each alarm was raised or acted; absent where none was. */
  readonly alarms?: Readonly<Record<string, number>>;
  /** Before the first step, where there is no supervised stage. */
  readonly start?: StageReport;
  readonly sft?: StageReport;
  readonly rl?: StageReport;
}

/** Its name in the run's folder. */
export const reportFile = "report.json";

/** The report of a run that has just ended. */
export function runReport(store: RunStore, { id, nowMs, peakRssMiB }: { id: string; nowMs: number; peakRssMiB: number }): RunReport {
  const evaluations = store.evaluations(id);
  const starts = store.events(id).filter(({ kind }) => kind === "started" || kind === "resumed");
  const steps = store.steps(id);
  const finished = steps.map(({ finishedMs }) => finishedMs);
  const peaks = steps.map(({ metrics }) => metrics["peakRssMiB"] ?? 0);
  const ends = new Map([["start", evaluations.filter(({ stage, step }) => stage === "rl" && step === 0)]]);
  for (const stage of ["sft", "rl"]) ends.set(stage, lastOf(evaluations.filter((row) => row.stage === stage && row.step > 0)));
  const stages = [...ends].filter(([, rows]) => rows.length > 0).map(([name, rows]) => [name, stageReport(rows)]);
  const seconds = workingMs({ starts, finished, nowMs }) / 1000;
  const alarms = alarmCounts(steps.map(({ metrics }) => metrics));
  const peak = Math.max(peakRssMiB, ...peaks);
  return { version: 2, seconds, peakRssMiB: peak, ...(Object.keys(alarms).length === 0 ? {} : { alarms }), ...Object.fromEntries(stages) };
}

/** The report in a run's folder, if there is one. */
export function readReport(runFolder: string): RunReport | undefined {
  const path = join(runFolder, reportFile);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as RunReport) : undefined; // written by `executeRun`, whole
}

/** Each start counts until the last step before the next one; what was lost with a killed process after its last step does not. */
export function workingMs({
  starts,
  finished,
  nowMs,
}: {
  starts: readonly Pick<EventRow, "atMs">[];
  finished: readonly number[];
  nowMs: number;
}): number {
  return starts.reduce((sum, { atMs }, i) => {
    const next = starts[i + 1]?.atMs;
    const end = next === undefined ? nowMs : Math.max(atMs, ...finished.filter((ms) => ms >= atMs && ms <= next));
    return sum + end - atMs;
  }, 0);
}

/** In how many steps each alarm was raised or acted, by name. */
export function alarmCounts(steps: readonly StepRow["metrics"][]): Readonly<Record<string, number>> {
  const raised = steps.flatMap((metrics) => Object.keys(metrics).flatMap((name) => /^alarm\/(.+)$/.exec(name)?.[1] ?? []));
  return Object.fromEntries([...Map.groupBy(raised, (alarm) => alarm)].map(([alarm, times]) => [alarm, times.length]));
}

function lastOf(rows: readonly EvaluationRow[]): EvaluationRow[] {
  const last = Math.max(...rows.map(({ step }) => step));
  return rows.filter(({ step }) => step === last);
}

function stageReport(rows: readonly EvaluationRow[]): StageReport {
  const accuracyOf = (set: string) => rows.find(({ name }) => name === set)?.result.accuracy;
  const [accuracy, accuracyBeyond] = [accuracyOf("heldOut"), accuracyOf("heldOutBeyond")];
  return { ...(accuracy === undefined ? {} : { accuracy }), ...(accuracyBeyond === undefined ? {} : { accuracyBeyond }) };
}
