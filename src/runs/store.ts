// What runs write and others read: one class that owns the database connection of one runs folder. A step is recorded whole, with its
// rollouts and verdicts, or not at all. Readers in other processes see each step the moment it is committed.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";

import type { Clock } from "../base/clock.ts";
import { RunError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Verdict } from "../data/verdict.ts";
import type { Fingerprint } from "./chain.ts";
import { withRuns } from "./commandText.ts";
import { inTransaction, openDatabase, openDatabaseToRead } from "./database.ts";
import {
  type EvaluationRow,
  type EventRow,
  evaluationFromRow,
  eventFromRow,
  type FoundRollout,
  metricsJson,
  type NewAttempt,
  type NewEvaluation,
  type NewStep,
  optionalNumber,
  type RolloutFilter,
  type Row,
  type RunRow,
  type RunState,
  rolloutColumns,
  rolloutFromRow,
  rolloutValues,
  runFromRow,
  type ScoredRollout,
  type StepRow,
  type StoredRollout,
  scoredFromRow,
  stepFromRow,
} from "./rows.ts";

/** An event as it is reported; the store adds the time. */
export interface NewEvent {
  readonly stage?: string;
  readonly step?: number;
  readonly kind: string;
  readonly detail: string;
}

/** Whether there is a store to read in `folder`; opening one makes it. */
export function storeExists(folder: string): boolean {
  return existsSync(join(folder, databaseName));
}

/** The store of a folder that must have one. */
export function openStore(folder: string, clock: Clock): RunStore {
  checkStore(folder);
  return new RunStore(folder, clock);
}

/** As `openStore`, for reading only: nothing in the folder is changed. `unchanged` tells whether what was read was of one piece. */
export function openStoreToRead(folder: string, clock: Clock): { readonly store: RunStore; readonly unchanged: () => boolean } {
  checkStore(folder);
  const { database, unchanged } = openDatabaseToRead(join(folder, databaseName));
  return { store: new RunStore(folder, clock, database), unchanged };
}

function checkStore(folder: string): void {
  if (storeExists(folder)) return;
  throw new RunError(
    `run store "${folder}": must hold ${databaseName}, got no such file; start a run with whetstone train RECIPE.ts, or give another folder with --runs`,
  );
}

const databaseName = "whetstone.sqlite";

/** The database of one runs folder while it is open. */
export class RunStore implements Disposable {
  readonly folder: string;
  readonly #database: DatabaseSync;
  readonly #clock: Clock;

  /** `folder` is the runs folder, which holds the database and one folder for each run. */
  constructor(folder: string, clock: Clock, database = openDatabase(join(folder, databaseName))) {
    this.folder = folder;
    this.#database = database;
    this.#clock = clock;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  createRun(run: Omit<RunRow, "createdMs" | "updatedMs" | "state">): void {
    const now = this.#clock.nowMs();
    const { parent } = run;
    const columns =
      "id, name, created_ms, updated_ms, state, recipe, recipe_file, fingerprint, start_hash, parent_run, parent_stage, parent_step";
    this.#write(() =>
      this.#database
        .prepare(`INSERT INTO runs (${columns}) VALUES (?, ?, ?, ?, 'created', ?, ?, ?, ?, ?, ?, ?)`)
        .run(
          ...[run.id, run.name, now, now, JSON.stringify(run.recipe), run.recipeFile, JSON.stringify(run.fingerprint), run.startHash],
          ...[parent?.run ?? null, parent?.stage ?? null, parent?.step ?? null],
        ),
    );
  }

  setState(runId: string, state: RunState): void {
    this.#write(() =>
      this.#database.prepare("UPDATE runs SET state = ?, updated_ms = ? WHERE id = ?").run(state, this.#clock.nowMs(), runId),
    );
  }

  recordStep(runId: string, step: NewStep): void {
    const now = this.#clock.nowMs();
    this.#write(() => {
      this.#insertStep(runId, step, 0);
      for (const detail of step.notes) this.#insertEvent(runId, { stage: step.stage, step: step.step, kind: "note", detail });
      this.#database.prepare("UPDATE runs SET updated_ms = ? WHERE id = ?").run(now, runId);
    });
  }

  /** Keeps what is there of a step that did not come to its end. It is read until the step is tried again, and has no hash. */
  recordAttempt(runId: string, attempt: NewAttempt): void {
    this.#write(() => this.#insertStep(runId, { ...attempt, hash: "", digests: {}, metrics: {}, notes: [] }, 2));
  }

  /** Takes back the steps from `nextStep` on: they stay stored as what happened, but are no part of the run any more. */
  goBack(runId: string, { stage, step, nextStep, reason }: { stage: string; step: number; nextStep: number; reason: string }): void {
    this.#write(() => {
      this.#supersede(runId, { stage, step: nextStep });
      this.#insertEvent(runId, { stage, step, kind: "went back", detail: reason });
    });
  }

  /** Takes back the steps after each cut and what was measured after them, and lets the run go on under another fingerprint. */
  startNewChain(
    runId: string,
    { fingerprint, cuts, detail }: { fingerprint: Fingerprint; cuts: readonly { stage: string; step: number }[]; detail: string },
  ): void {
    this.#write(() => {
      for (const cut of cuts) this.#supersede(runId, cut);
      this.#database.prepare("UPDATE runs SET fingerprint = ? WHERE id = ?").run(JSON.stringify(fingerprint), runId);
      this.#insertEvent(runId, { kind: "new chain", detail });
    });
  }

  addEvent(runId: string, event: NewEvent): void {
    this.#write(() => this.#insertEvent(runId, event));
  }

  /** Once for each set and step of a run. */
  addEvaluation(runId: string, { stage, step, name, result, rollouts, verifierVersions }: NewEvaluation): void {
    const insert = "INSERT INTO evaluations (run_id, stage, step, name, result) VALUES (?, ?, ?, ?, ?)";
    this.#write(() => {
      const { lastInsertRowid } = this.#database.prepare(insert).run(runId, stage, step, name, JSON.stringify(result));
      this.#insertGroups({ evaluation: lastInsertRowid }, { rollouts, versions: verifierVersions });
    });
  }

  /** Newest first. */
  runs(): RunRow[] {
    return this.#database.prepare("SELECT * FROM runs ORDER BY created_ms DESC, id DESC").all().map(runFromRow);
  }

  has(id: string): boolean {
    return this.#database.prepare("SELECT 1 FROM runs WHERE id = ?").get(id) !== undefined;
  }

  run(id: string): RunRow {
    const row = this.#database.prepare("SELECT * FROM runs WHERE id = ?").get(id);
    if (row === undefined) throw this.#unknownRun(id);
    return runFromRow(row);
  }

  /** In the order they were taken, without those taken back. */
  steps(runId: string, stage?: string): StepRow[] {
    const select = "SELECT * FROM steps WHERE run_id = ? AND superseded = 0 AND stage = ifnull(?, stage) ORDER BY id";
    return this.#database
      .prepare(select)
      .all(runId, stage ?? null)
      .map(stepFromRow);
  }

  step(runId: string, { stage, step }: { stage: string; step: number }): StepRow | undefined {
    const row = this.#database
      .prepare("SELECT * FROM steps WHERE run_id = ? AND stage = ? AND step = ? AND superseded = 0")
      .get(runId, stage, step);
    return row === undefined ? undefined : stepFromRow(row);
  }

  /** The newest step of a stage, or of the run. */
  lastStep(runId: string, stage?: string): StepRow | undefined {
    const select = "SELECT * FROM steps WHERE run_id = ? AND superseded = 0 AND stage = ifnull(?, stage) ORDER BY id DESC LIMIT 1";
    const row = this.#database.prepare(select).get(runId, stage ?? null);
    return row === undefined ? undefined : stepFromRow(row);
  }

  events(runId: string): EventRow[] {
    return this.#database.prepare("SELECT * FROM events WHERE run_id = ? ORDER BY id").all(runId).map(eventFromRow);
  }

  evaluations(runId: string): EvaluationRow[] {
    return this.#database
      .prepare("SELECT * FROM evaluations WHERE run_id = ? AND superseded = 0 ORDER BY id")
      .all(runId)
      .map(evaluationFromRow);
  }

  /** In the order they were recorded: by step, group and member. Steps that were taken back are left out; one that did not come to its end is not. */
  rollouts(runId: string, filter: RolloutFilter = {}): FoundRollout[] {
    const [select, place] = filter.set === undefined ? [selectPractised, "steps"] : [selectMeasured, "evaluations"];
    const conditions: readonly (readonly [string, string | number | undefined])[] = [
      ["evaluations.name = ?", filter.set],
      [`${place}.stage = ?`, filter.stage],
      [`${place}.step = ?`, filter.step],
      ["steps.superseded <> ?", filter.set === undefined ? 1 : undefined],
      ["groups.family = ?", filter.family],
      ["rollouts.reward >= ?", filter.minReward],
      ["rollouts.reward <= ?", filter.maxReward],
      ["(rollouts.reward IS NULL) = ?", filter.unscorable === undefined ? undefined : Number(filter.unscorable)],
    ];
    const used = conditions.filter((condition): condition is readonly [string, string | number] => condition[1] !== undefined);
    const rows = this.#database
      .prepare(`${select} ${used.map(([sql]) => `AND ${sql}`).join(" ")} ORDER BY rollouts.id LIMIT ?`)
      .all(runId, ...used.map(([, value]) => value), filter.limit ?? -1);
    return rows.map((row) => this.#foundRollout(row));
  }

  /** The rollouts of a run that were scored, one after another and without their tokens, in the order they were recorded. */
  *scoredRollouts(runId: string): Generator<ScoredRollout> {
    const rows = this.#database.prepare(`${selectScored} AND steps.superseded = 0 ORDER BY rollouts.id`).iterate(runId);
    for (const row of rows) yield { ...scoredFromRow(row), ...this.#verdictsOf(row) };
  }

  /** Ids of the verifiers that scored a run, in order of name. */
  verifierIds(runId: string): string[] {
    const select = `SELECT DISTINCT verdicts.verifier FROM verdicts JOIN rollouts ON verdicts.rollout = rollouts.id
      JOIN groups ON rollouts.group_id = groups.id JOIN steps ON groups.step_id = steps.id
      WHERE steps.run_id = ? AND steps.superseded = 0 ORDER BY verdicts.verifier`;
    return this.#database
      .prepare(select)
      .all(runId)
      .map(({ verifier }) => verifier as string);
  }

  /** The rollouts of every attempt at a step, oldest first; those that are part of the run come last. */
  attempts(runId: string, { stage, step }: { stage: string; step: number }): (FoundRollout & { readonly isPartOfRun: boolean })[] {
    const rows = this.#database
      .prepare(`${selectPractised} AND steps.stage = ? AND steps.step = ? ORDER BY steps.superseded = 0, rollouts.id`)
      .all(runId, stage, step);
    return rows.map((row) => ({ ...this.#foundRollout(row), isPartOfRun: row["superseded"] === 0 }));
  }

  #insertStep(runId: string, step: NewStep, superseded: 0 | 2): void {
    const columns = "run_id, stage, step, superseded, previous_hash, hash, digests, metrics, finished_ms";
    const retire = "UPDATE steps SET superseded = 1 WHERE run_id = ? AND stage = ? AND step = ? AND superseded = 2";
    this.#database.prepare(retire).run(runId, step.stage, step.step);
    const { lastInsertRowid } = this.#database
      .prepare(`INSERT INTO steps (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(
        ...[runId, step.stage, step.step, superseded, step.previousHash, step.hash],
        ...[JSON.stringify(step.digests), metricsJson(step.metrics), this.#clock.nowMs()],
      );
    this.#insertGroups({ step: lastInsertRowid }, { rollouts: step.rollouts, versions: step.verifierVersions });
  }

  #supersede(runId: string, { stage, step }: { stage: string; step: number }): void {
    const update = "UPDATE steps SET superseded = 1 WHERE run_id = ? AND stage = ? AND step >= ? AND superseded = 0";
    this.#database.prepare(update).run(runId, stage, step);
    const measured = "UPDATE evaluations SET superseded = 1 WHERE run_id = ? AND stage = ? AND step > ? AND superseded = 0";
    this.#database.prepare(measured).run(runId, stage, step);
  }

  #insertEvent(runId: string, { stage, step, kind, detail }: NewEvent): void {
    const insert = "INSERT INTO events (run_id, stage, step, kind, detail, at_ms) VALUES (?, ?, ?, ?, ?, ?)";
    this.#database.prepare(insert).run(runId, stage ?? null, step ?? null, kind, detail, this.#clock.nowMs());
  }

  #insertGroups(
    owner: { readonly step?: number | bigint; readonly evaluation?: number | bigint },
    { rollouts, versions }: { rollouts: readonly StoredRollout[]; versions: Readonly<Record<string, number>> },
  ): void {
    const insert = this.#database.prepare(
      "INSERT INTO groups (step_id, evaluation_id, position, task_id, family, task) VALUES (?, ?, ?, ?, ?, ?)",
    );
    for (const [position, members] of Map.groupBy(rollouts, ({ rollout }) => rollout.group)) {
      const { task } = members[0]!;
      const place = [owner.step ?? null, owner.evaluation ?? null, position] as const;
      const { lastInsertRowid: group } = insert.run(...place, task.id, task.family, JSON.stringify(task));
      this.#insertMembers(group, { members, versions });
    }
  }

  #insertMembers(
    group: number | bigint,
    { members, versions }: { members: readonly StoredRollout[]; versions: Readonly<Record<string, number>> },
  ): void {
    const insert = this.#database.prepare(insertRollout);
    const insertVerdict = this.#database.prepare("INSERT INTO verdicts (rollout, verifier, version, verdict) VALUES (?, ?, ?, ?)");
    for (const { rollout, verdicts, reward, advantage, verifierVersions } of members) {
      const id = insert.run(group, ...rolloutValues(rollout), reward ?? null, advantage ?? null).lastInsertRowid;
      for (const [verifier, verdict] of Object.entries(verdicts)) {
        insertVerdict.run(id, verifier, verifierVersions?.[verifier] ?? versions[verifier]!, JSON.stringify(verdict));
      }
    }
  }

  #foundRollout(row: Row): FoundRollout {
    const { stage, step, task, reward } = scoredFromRow(row);
    const rollout = rolloutFromRow(row);
    return { stage, step, task, rollout, ...this.#verdictsOf(row), reward, advantage: optionalNumber(row["advantage"]) };
  }

  #verdictsOf(row: Row): Pick<FoundRollout, "verdicts" | "verifierVersions"> {
    const said = this.#database
      .prepare("SELECT verifier, version, verdict FROM verdicts WHERE rollout = ? ORDER BY verifier")
      .all(row["id"] as number);
    return {
      verdicts: Object.fromEntries(said.map(({ verifier, verdict }) => [verifier as string, JSON.parse(verdict as string) as Verdict])),
      verifierVersions: Object.fromEntries(said.map(({ verifier, version }) => [verifier as string, version as number])),
    };
  }

  #unknownRun(id: string): RunError {
    const known = this.runs().map((run) => run.id);
    const meant = nearest(id, known);
    const cure = meant === undefined ? `${withRuns("whetstone runs ls", this.folder)} lists them` : `did you mean "${meant}"`;
    return new RunError(`run "${id}": not in "${this.folder}", got ${known.length} other runs; ${cure}`);
  }

  #write(work: () => void): void {
    inTransaction(this.#database, work);
  }
}

const insertRollout = `INSERT INTO rollouts (group_id, ${rolloutColumns.join(", ")}, reward, advantage)
  VALUES (${Array.from({ length: rolloutColumns.length + 3 }, () => "?").join(", ")})`;

const practised = `FROM rollouts JOIN groups ON rollouts.group_id = groups.id JOIN steps ON groups.step_id = steps.id
  WHERE steps.run_id = ?`;

const selectPractised = `
  SELECT rollouts.*, groups.position AS group_position, groups.task_id, groups.task, steps.stage, steps.step, steps.superseded
  ${practised}`;

const selectScored = `
  SELECT rollouts.id, rollouts.rollout_id, rollouts.thinking_text, rollouts.answer_text, rollouts.reward, groups.task, steps.stage, steps.step
  ${practised}`;

const selectMeasured = `
  SELECT rollouts.*, groups.position AS group_position, groups.task_id, groups.task, evaluations.stage, evaluations.step
  FROM rollouts JOIN groups ON rollouts.group_id = groups.id JOIN evaluations ON groups.evaluation_id = evaluations.id
  WHERE evaluations.run_id = ? AND evaluations.superseded = 0`;
