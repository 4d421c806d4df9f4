// A run that is killed again and again, and everything that it leaves behind, to be compared with what one leaves that was not disturbed.
// Processes are the command line's own and are killed with -9; what is compared is what commands print and files hold.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { systemClock } from "../../src/base/clock.ts";
import type { Rng } from "../../src/base/rng.ts";
import type { StepRow } from "../../src/runs/rows.ts";
import { RunStore } from "../../src/runs/store.ts";
import { processesIn } from "../support/processes.ts";
import { finish, start, whetstone } from "./whetstone.ts";

/** Of a run that was not disturbed, in ms since its process was started. */
export interface Timeline {
  /** When each step was recorded, of both stages. */
  readonly recordedMs: readonly number[];
  readonly endedMs: number;
}

/** When a process is killed: so long after so many steps of the run were recorded. */
export interface Moment {
  readonly steps: number;
  readonly delayMs: number;
}

/** One moment in each of `count` equal parts of a run's time: every phase is hit as often as it takes long. */
export function randomMoments({ recordedMs, endedMs }: Timeline, { count, rng }: { count: number; rng: Rng }): Moment[] {
  return Array.from({ length: count }, (_, part) => {
    const timeMs = ((part + rng.uniform()) / count) * endedMs;
    const steps = recordedMs.filter((atMs) => atMs <= timeMs).length;
    return { steps, delayMs: timeMs - (recordedMs[steps - 1] ?? 0) };
  });
}

/** Trains without disturbance, in a folder that holds nothing but the recipe. */
export async function trainUndisturbed(folder: string, recipe: string): Promise<{ outcome: Outcome; timeline: Timeline }> {
  const startedMs = systemClock.nowMs();
  const { code, stderr } = await whetstone(folder, "train", recipe);
  const endedMs = systemClock.nowMs() - startedMs;
  assert.equal(code, 0, stderr);
  const outcome = await outcomeIn(folder);
  return { outcome, timeline: { recordedMs: outcome.steps.map(({ finishedMs }) => finishedMs - startedMs), endedMs } };
}

/** What a kill found. */
interface Kill {
  /** Steps that were recorded, and how long the process had lived. */
  readonly steps: number;
  readonly afterMs: number;
  /** Processes of the run that were alive beside the trainer. */
  readonly workers: number;
}

/** Trains, is killed at each of the moments, goes on after each, and comes to its end. */
export async function trainKilled(folder: string, recipe: string, moments: readonly Moment[]): Promise<Kill[]> {
  const kills: Kill[] = [];
  for (const moment of moments) kills.push(await killAt(moment, { folder, recipe }));
  const { code, stderr } = await whetstone(folder, ...goingOn(folder, recipe));
  assert.equal(code, 0, stderr);
  return kills;
}

/** The run is resumed, or started where it was killed before it was there. */
function goingOn(folder: string, recipe: string): string[] {
  using store = new RunStore(join(folder, "runs"), systemClock);
  const [newest] = store.runs();
  return newest === undefined ? ["train", recipe] : ["runs", "resume", newest.id];
}

/** A moment that the process has missed is over when it records its next step, or the run's end. */
async function killAt({ steps, delayMs }: Moment, { folder, recipe }: { folder: string; recipe: string }): Promise<Kill> {
  using store = new RunStore(join(folder, "runs"), systemClock);
  const startedMs = systemClock.elapsedMs();
  const before = progressIn(store);
  const child = start(folder, goingOn(folder, recipe));
  const finished = finish(child);
  let reachedMs: number | undefined;
  const isDue = (): boolean => {
    const { recorded, isFinished } = progressIn(store);
    if (recorded < steps) return false;
    reachedMs ??= systemClock.elapsedMs();
    return isFinished || recorded > Math.max(before.recorded, steps) || systemClock.elapsedMs() - reachedMs >= delayMs;
  };
  while (child.exitCode === null && child.signalCode === null && !isDue()) await setTimeout(20);
  const { recorded } = progressIn(store);
  const kill = { steps: recorded, afterMs: systemClock.elapsedMs() - startedMs, workers: processesIn(folder).length - 1 };
  const wasAlive = child.kill("SIGKILL");
  const { code, stderr } = await finished;
  assert.ok(
    wasAlive && code === null,
    `ended by itself with ${code ?? child.signalCode}, before it was killed ${delayMs} ms after ${steps} steps: ${stderr}`,
  );
  for (let waited = 0; processesIn(folder).length > 0 && waited < 500; waited++) await setTimeout(20);
  assert.deepEqual(processesIn(folder), [], "processes stayed behind");
  return kill;
}

/** Steps of both stages that are recorded, counted as `Timeline` does. */
function progressIn(store: RunStore): { readonly recorded: number; readonly isFinished: boolean } {
  const [newest] = store.runs();
  const last = newest === undefined ? undefined : store.lastStep(newest.id);
  if (newest === undefined || last === undefined) return { recorded: 0, isFinished: false };
  const { steps } = newest.recipe["sft"] as { readonly steps: number };
  return { recorded: (last.stage === "rl" ? steps : 0) + last.step + 1, isFinished: newest.state === "finished" };
}

/** All that a run leaves behind. */
export interface Outcome {
  readonly hash: string;
  readonly steps: readonly StepRow[];
  readonly evaluations: readonly object[];
  /** What was told of its steps: each text once, since a step that is taken again may tell it again. */
  readonly told: readonly string[];
  /** One line for each that was practised or measured, with all of its numbers and verdicts. */
  readonly rollouts: readonly string[];
  /** Digests by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What the only run in a folder left behind. */
export async function outcomeIn(folder: string): Promise<Outcome> {
  const printed = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await whetstone(folder, "runs", ...args, "--json");
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const [{ id }] = JSON.parse(await printed("ls"));
  const { state, hash, steps, evaluations, events } = JSON.parse(await printed("show", id));
  assert.equal(state, "finished");
  const rollouts: string[] = [];
  for (const set of [[], ["--set", "heldOut"], ["--set", "heldOutBeyond"]]) {
    rollouts.push(...(await printed("rollouts", id, "--limit", "1000000", ...set)).trimEnd().split("\n"));
  }
  return { hash, steps, evaluations, told: toldOf(events), rollouts, files: filesIn(join(folder, "runs", id)) };
}

function toldOf(events: readonly { stage?: string; step?: number; kind: string; detail: string }[]): string[] {
  const ofSteps = events.filter(({ kind }) => kind === "note" || kind === "went back");
  return [...new Set(ofSteps.map(({ stage, step, kind, detail }) => `${stage} step ${step}, ${kind}: ${detail}`))];
}

function filesIn(runFolder: string): Record<string, string> {
  const names = readdirSync(runFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(runFolder.length + 1))
    .filter((name) => !/^(lock|report\.json)/.test(name));
  return Object.fromEntries(names.sort().map((name) => [name, digestOf(join(runFolder, name))]));
}

/** Of all but the number that the run was given. */
function digestOf(file: string): string {
  const content = readFileSync(file);
  const counted = file.endsWith("trainer.json") ? content.toString().replace(/"run": "[^"]*"/, "") : content;
  return createHash("sha256").update(counted).digest("hex");
}

/** What depends on the machine and not on the run. */
const unrepeatable = /^seconds\/|^tokensPerSecond\/|rssMiB$/i;

/** The first difference is the message. */
export function assertSame(actual: Outcome, expected: Outcome): void {
  const repeatable = ({ stage, step, hash, digests, metrics }: StepRow) => {
    const kept = Object.entries(metrics).filter(([name]) => !unrepeatable.test(name));
    return { stage, step, hash, digests, metrics: Object.fromEntries(kept) };
  };
  for (const [i, step] of expected.steps.entries()) assert.deepEqual(repeatable(actual.steps[i]!), repeatable(step));
  assert.equal(actual.steps.length, expected.steps.length);
  for (const [i, rollout] of expected.rollouts.entries()) assert.equal(actual.rollouts[i], rollout);
  assert.equal(actual.rollouts.length, expected.rollouts.length);
  assert.deepEqual(actual.evaluations, expected.evaluations);
  assert.deepEqual(actual.told, expected.told);
  assert.deepEqual(actual.files, expected.files);
  assert.equal(actual.hash, expected.hash);
}
