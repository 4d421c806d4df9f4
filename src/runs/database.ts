// The one SQLite database of a runs folder: opening it, its tables, transactions, and what its failures mean to a user.
// WAL, so that a dashboard or `runs show` reads while a trainer writes.

import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

import { RunError, StorageError } from "../base/errors.ts";

/** Raised by every change of the tables; kept in `PRAGMA user_version`. */
const schemaVersion = 3;

/** Writers of other runs in the same folder hold the database for one step's transaction at most. */
const busyTimeoutMs = 10_000;

const tables = `
  CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('created', 'running', 'stopped', 'finished', 'failed')),
    recipe TEXT NOT NULL,          -- JSON, defaults filled in
    recipe_file TEXT NOT NULL,     -- absolute; paths in the recipe are relative to its folder
    fingerprint TEXT NOT NULL,     -- JSON
    start_hash TEXT NOT NULL,
    parent_run TEXT, parent_stage TEXT, parent_step INTEGER
  ) STRICT;

  CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs(id),
    stage TEXT NOT NULL,           -- sft, rl
    step INTEGER NOT NULL,         -- from 0 within the stage
    superseded INTEGER NOT NULL DEFAULT 0,  -- 0: part of the run; 1: taken back, or tried again since; 2: did not come to its end
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    digests TEXT NOT NULL,         -- JSON: what the hash was made of
    metrics TEXT NOT NULL,         -- JSON
    finished_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX live_steps ON steps(run_id, stage, step) WHERE superseded = 0;

  CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    step_id INTEGER REFERENCES steps(id),             -- of the step that sampled it,
    evaluation_id INTEGER REFERENCES evaluations(id), -- or of the measurement
    position INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    family TEXT NOT NULL,
    task TEXT NOT NULL,            -- JSON
    CHECK ((step_id IS NULL) <> (evaluation_id IS NULL))
  ) STRICT;
  CREATE INDEX groups_of_step ON groups(step_id);
  CREATE INDEX groups_of_evaluation ON groups(evaluation_id);

  CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY,
    group_id INTEGER NOT NULL REFERENCES groups(id),
    rollout_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    policy TEXT NOT NULL,          -- JSON: digest of the parameters, from which token on
    seed TEXT NOT NULL,
    prompt_tokens BLOB NOT NULL,   -- int32, little-endian, like tokens
    tokens BLOB NOT NULL,
    chosen BLOB NOT NULL,          -- one byte a token
    log_probs BLOB NOT NULL,       -- float32
    temperature REAL NOT NULL,
    thinking TEXT NOT NULL,        -- JSON: tokens, budget, closedBy
    finish TEXT NOT NULL,
    thinking_text TEXT NOT NULL,
    answer_text TEXT NOT NULL,
    reward REAL,                   -- NULL: could not be scored
    advantage REAL                 -- NULL: not learned from
  ) STRICT;
  CREATE INDEX rollouts_of_group ON rollouts(group_id);

  CREATE TABLE verdicts (
    rollout INTEGER NOT NULL REFERENCES rollouts(id),
    verifier TEXT NOT NULL,
    version INTEGER NOT NULL,
    verdict TEXT NOT NULL,         -- JSON
    PRIMARY KEY (rollout, verifier)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs(id),
    stage TEXT,
    step INTEGER,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX events_of_run ON events(run_id);

  CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs(id),
    stage TEXT NOT NULL,
    step INTEGER NOT NULL,         -- steps of the stage done before it
    name TEXT NOT NULL,
    superseded INTEGER NOT NULL DEFAULT 0,  -- 1: the steps before it were taken again
    result TEXT NOT NULL           -- JSON
  ) STRICT;
  CREATE UNIQUE INDEX live_evaluations ON evaluations(run_id, stage, step, name) WHERE superseded = 0;
`;

/** Opens the database at `path`, creating folder and tables where there are none. */
export function openDatabase(path: string): DatabaseSync {
  const { database, close } = open(path);
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
    // Readers need no transaction; of two processes that make the tables at once, the second finds them made.
    if (versionOf(database) === schemaVersion) return database;
    inTransaction(database, () => {
      const found = versionOf(database);
      if (found === schemaVersion) return;
      if (found !== 0) throw wrongVersion(path, found);
      database.exec(`${tables} PRAGMA user_version = ${schemaVersion};`);
    });
    return database;
  } catch (cause) {
    close();
    throw asStorageError(cause, path);
  }
}

/**
 * Opens the database at `path` to read only, and leaves its folder as it is. One that lies at rest, without a write-ahead log, is read as a
 * file that does not change, since SQLite would make a log to read it; `unchanged` tells afterwards whether that was so.
 */
export function openDatabaseToRead(path: string): { readonly database: DatabaseSync; readonly unchanged: () => boolean } {
  const isAtRest = () => !existsSync(`${path}-wal`);
  const atRest = isAtRest();
  const { mtimeMs } = statSync(path);
  const url = pathToFileURL(path);
  if (atRest) url.searchParams.set("immutable", "1");
  try {
    const database = new DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs });
    const found = versionOf(database);
    if (found !== schemaVersion) {
      database.close();
      throw wrongVersion(path, found);
    }
    return { database, unchanged: () => !atRest || (isAtRest() && statSync(path).mtimeMs === mtimeMs) };
  } catch (cause) {
    throw asStorageError(cause, path);
  }
}

/** Runs `work` as a whole or not at all. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  try {
    database.exec("BEGIN IMMEDIATE");
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (cause) {
    // SQLite has already rolled back by itself after some failures, a full disk among them.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw asStorageError(cause, database.location() ?? "");
  }
}

/** SQLite's failures by what the user can do about them; other errors pass unchanged. */
export function asStorageError(cause: unknown, path: string): unknown {
  const code = sqliteCode(cause);
  if (code === undefined) return cause;
  const said = (cause as Error).message;
  switch (code) {
    case sqlite.full:
      return new StorageError(
        `run store "${path}": the disk is full; all that was recorded before is kept, nothing was added. Free some space and try again`,
        cause,
      );
    case sqlite.ioError:
    case sqlite.readOnly:
    case sqlite.cannotOpen:
      return new StorageError(
        `run store "${path}": cannot be written: ${said}; check the folder's permissions and free space, and try again`,
        cause,
      );
    case sqlite.busy:
      return new StorageError(
        `run store "${path}": another process has kept it locked for ${busyTimeoutMs} ms; find out which, and try again`,
        cause,
      );
    case sqlite.corrupt:
    case sqlite.notADatabase:
      return new RunError(
        `run store "${path}": must be a SQLite database, got a damaged or foreign file (${said}); move it away or give another folder with --runs`,
        cause,
      );
    default:
      return cause;
  }
}

/** Primary result codes, https://www.sqlite.org/rescode.html. */
export const sqlite = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

/** The primary result code of an error of node:sqlite. */
export function sqliteCode(cause: unknown): number | undefined {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "errcode") : undefined;
  return typeof code === "number" ? code & 0xff : undefined;
}

function open(path: string): { database: DatabaseSync; close: () => void } {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    return { database, close: () => database.close() };
  } catch (cause) {
    if (sqliteCode(cause) !== undefined) throw asStorageError(cause, path);
    throw new StorageError(`run store "${path}": cannot be created: ${(cause as Error).message}; give another folder with --runs`, cause);
  }
}

function versionOf(database: DatabaseSync): number {
  return database.prepare("PRAGMA user_version").get()!["user_version"] as number;
}

function wrongVersion(path: string, found: number): RunError {
  return new RunError(
    `run store "${path}": tables must be of version ${schemaVersion}, got ${found}; use the version of whetstone that wrote it, or give another folder with --runs`,
  );
}
