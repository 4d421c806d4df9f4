// Between the nouns and the columns of the store. Numbers of tokens become blobs; metrics may be NaN or infinite, which JSON lacks.
// Rows were written by this file, so that reading trusts their shape.

import type { SQLOutputValue } from "node:sqlite";

import { type Json, nameOddNumbers } from "../base/json.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { Accuracy } from "../eval/accuracy.ts";
import type { Fingerprint } from "./chain.ts";

/** What node:sqlite gives back. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** As it was last recorded: a run that is "running" without a process was interrupted. */
export type RunState = "created" | "running" | "stopped" | "finished" | "failed";

/** A row of `runs`. */
export interface RunRow {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly state: RunState;
  /** As resolved when the run was created. */
  readonly recipe: { readonly [key: string]: Json };
  /** Absolute; paths in the recipe are relative to its folder. */
  readonly recipeFile: string;
  readonly fingerprint: Fingerprint;
  readonly startHash: string;
  readonly parent?: { readonly run: string; readonly stage: string; readonly step: number };
}

/** A row of `steps`, superseded ones left out. */
export interface StepRow {
  readonly stage: string;
  /** From 0 within the stage. */
  readonly step: number;
  readonly previousHash: string;
  readonly hash: string;
  readonly digests: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly finishedMs: number;
}

/** A rollout with all that was said and made of it. */
export interface StoredRollout {
  readonly task: Task;
  readonly rollout: Rollout;
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** Undefined: could not be scored. */
  readonly reward: number | undefined;
  /** Undefined: not learned from. */
  readonly advantage: number | undefined;
  /** By verifier id, of verdicts that are older than the step; the others are of the step's versions. */
  readonly verifierVersions?: Readonly<Record<string, number>>;
}

/** A step that did not come to its end. */
export type NewAttempt = Pick<NewStep, "stage" | "step" | "previousHash" | "rollouts" | "verifierVersions">;

/** A step to record, with everything that happened in it. */
export interface NewStep extends Omit<StepRow, "finishedMs"> {
  /** Ordered by group and member; empty for supervised steps. */
  readonly rollouts: readonly StoredRollout[];
  /** By verifier id; stored with every verdict. */
  readonly verifierVersions: Readonly<Record<string, number>>;
  /** What a person should know of; each becomes an event. */
  readonly notes: readonly string[];
}

/** A row of `events`: what a person should know of. */
export interface EventRow {
  readonly stage: string | undefined;
  readonly step: number | undefined;
  readonly kind: string;
  readonly detail: string;
  readonly atMs: number;
}

/** A row of `evaluations`. */
export interface EvaluationRow {
  readonly stage: string;
  /** Steps of the stage done before it. */
  readonly step: number;
  readonly name: string;
  readonly result: Accuracy;
}

/** A measurement to store, with its answers. */
export interface NewEvaluation extends EvaluationRow {
  readonly rollouts: readonly StoredRollout[];
  /** By verifier id; stored with every verdict. */
  readonly verifierVersions: Readonly<Record<string, number>>;
}

/** Which rollouts to read; absent means any. */
export interface RolloutFilter {
  /** Answers to this set of held-out tasks; absent: what was practised. */
  readonly set?: string;
  readonly stage?: string;
  readonly step?: number;
  readonly family?: string;
  readonly minReward?: number;
  readonly maxReward?: number;
  readonly unscorable?: boolean;
  readonly limit?: number;
}

/** A stored rollout and where it belongs. */
export interface FoundRollout extends StoredRollout {
  readonly stage: string;
  readonly step: number;
  readonly verifierVersions: Readonly<Record<string, number>>;
}

/** What a stored rollout was scored on and what it earned. */
export interface ScoredRollout extends Pick<FoundRollout, "stage" | "step" | "task" | "verdicts" | "verifierVersions" | "reward"> {
  readonly rollout: Pick<Rollout, "id" | "thinkingText" | "answerText">;
}

/**
 * Columns of `rollouts` that hold the rollout itself, in the order of `rolloutValues`. Its experts are not among them: they are several times
 * as large as all the rest, only the step's own update reads them, and a step that is taken again samples them again, to the same digest.
 */
export const rolloutColumns = [
  ...["rollout_id", "position", "policy", "seed", "prompt_tokens", "tokens", "chosen", "log_probs"],
  ...["temperature", "thinking", "finish", "thinking_text", "answer_text"],
];

/** Values of `rolloutColumns`. */
export function rolloutValues(rollout: Rollout): (string | number | Uint8Array)[] {
  return [
    rollout.id,
    rollout.index,
    JSON.stringify(rollout.policy),
    rollout.seed,
    bytesOf(rollout.promptTokens),
    bytesOf(rollout.tokens),
    rollout.chosen,
    bytesOf(rollout.logProbs),
    rollout.temperature,
    JSON.stringify(rollout.thinking),
    rollout.finish,
    rollout.thinkingText,
    rollout.answerText,
  ];
}

/** The rollout of a row that joins `rollouts` with `groups` (as group_position and task_id). */
export function rolloutFromRow(row: Row): Rollout {
  return {
    id: row["rollout_id"] as string,
    taskId: row["task_id"] as string,
    group: row["group_position"] as number,
    index: row["position"] as number,
    policy: JSON.parse(row["policy"] as string) as Rollout["policy"],
    seed: row["seed"] as string,
    promptTokens: new Int32Array(bufferOf(row["prompt_tokens"])),
    tokens: new Int32Array(bufferOf(row["tokens"])),
    chosen: new Uint8Array(bufferOf(row["chosen"])),
    logProbs: new Float32Array(bufferOf(row["log_probs"])),
    temperature: row["temperature"] as number,
    thinking: JSON.parse(row["thinking"] as string) as Rollout["thinking"],
    finish: row["finish"] as Rollout["finish"],
    thinkingText: row["thinking_text"] as string,
    answerText: row["answer_text"] as string,
  };
}

/** What a row that joins `rollouts` with `groups` and `steps` says beside the verdicts. */
export function scoredFromRow(row: Row): Omit<ScoredRollout, "verdicts" | "verifierVersions"> {
  return {
    stage: row["stage"] as string,
    step: row["step"] as number,
    task: JSON.parse(row["task"] as string) as Task,
    rollout: {
      id: row["rollout_id"] as string,
      thinkingText: row["thinking_text"] as string,
      answerText: row["answer_text"] as string,
    },
    reward: optionalNumber(row["reward"]),
  };
}

/** JSON of metrics; numbers that JSON cannot hold are written as their names. */
export function metricsJson(metrics: Readonly<Record<string, number>>): string {
  return JSON.stringify(metrics, nameOddNumbers);
}

function metricsFromJson(text: string): Record<string, number> {
  const entries = Object.entries(JSON.parse(text) as Record<string, number | string>);
  return Object.fromEntries(entries.map(([name, value]) => [name, Number(value)]));
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** A copy: SQLite's own bytes need not be aligned. */
function bufferOf(value: SQLOutputValue | undefined): ArrayBuffer {
  return (value as Uint8Array).slice().buffer as ArrayBuffer;
}

export function runFromRow(row: Row): RunRow {
  const [run, stage, step] = [row["parent_run"], row["parent_stage"], row["parent_step"]];
  return {
    id: row["id"] as string,
    name: row["name"] as string,
    createdMs: row["created_ms"] as number,
    updatedMs: row["updated_ms"] as number,
    state: row["state"] as RunState,
    recipe: JSON.parse(row["recipe"] as string) as RunRow["recipe"],
    recipeFile: row["recipe_file"] as string,
    fingerprint: JSON.parse(row["fingerprint"] as string) as Fingerprint,
    startHash: row["start_hash"] as string,
    ...(run === null ? {} : { parent: { run: run as string, stage: stage as string, step: step as number } }),
  };
}

export function stepFromRow(row: Row): StepRow {
  return {
    stage: row["stage"] as string,
    step: row["step"] as number,
    previousHash: row["previous_hash"] as string,
    hash: row["hash"] as string,
    digests: JSON.parse(row["digests"] as string) as StepRow["digests"],
    metrics: metricsFromJson(row["metrics"] as string),
    finishedMs: row["finished_ms"] as number,
  };
}

export function eventFromRow(row: Row): EventRow {
  return {
    stage: (row["stage"] ?? undefined) as string | undefined,
    step: optionalNumber(row["step"]),
    kind: row["kind"] as string,
    detail: row["detail"] as string,
    atMs: row["at_ms"] as number,
  };
}

export function evaluationFromRow(row: Row): EvaluationRow {
  return {
    stage: row["stage"] as string,
    step: row["step"] as number,
    name: row["name"] as string,
    result: JSON.parse(row["result"] as string) as Accuracy,
  };
}

export function optionalNumber(value: Row[string] | undefined): number | undefined {
  return (value ?? undefined) as number | undefined;
}
