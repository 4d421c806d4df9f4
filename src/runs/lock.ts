// One process at a time on one run. The lock is the operating system's own file lock, held through an open SQLite transaction:
// it ends with the process, even one killed with -9, so there is no stale lock to take over and no process id to be mistaken.
// `holder.json` beside it only serves the message. Not for network file systems without file locks.

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { RunError } from "../base/errors.ts";
import { asStorageError, sqlite, sqliteCode } from "./database.ts";

/** Enough for a process that only looks whether the lock is held, as `runs ls` does. */
const acquireTimeoutMs = 1000;

/** The lock while it is held. */
export class RunLock implements Disposable {
  readonly #database: DatabaseSync;
  readonly #holderFile: string;

  constructor(database: DatabaseSync, holderFile: string) {
    this.#database = database;
    this.#holderFile = holderFile;
  }

  [Symbol.dispose](): void {
    // The note first: once the lock is free, another process may write its own.
    rmSync(this.#holderFile, { force: true });
    this.#database.close();
  }
}

/** Takes the lock of the run in `folder`, or says who has it. */
export function lockRun(folder: string, { runId, nowMs }: { runId: string; nowMs: number }): RunLock {
  const path = join(folder, "lock");
  const holderFile = join(folder, "holder.json");
  if (!existsSync(folder)) {
    throw new RunError(
      `run ${runId}: its folder must be there to work in, got no "${folder}"; put it back, or start another run with whetstone train (what was recorded of this one stays readable)`,
    );
  }
  const database = openLock(path);
  try {
    database.exec("BEGIN EXCLUSIVE");
    writeFileSync(holderFile, `${JSON.stringify({ pid: process.pid, sinceMs: nowMs })}\n`);
    return new RunLock(database, holderFile);
  } catch (cause) {
    database.close();
    if (sqliteCode(cause) !== sqlite.busy) throw asStorageError(cause, path);
    throw new RunError(
      `run ${runId}: only one process may work on a run, got a second one; ${holderText(holderFile)} has it. Wait for it or stop it`,
      cause,
    );
  }
}

function openLock(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: acquireTimeoutMs });
  } catch (cause) {
    throw asStorageError(cause, path);
  }
}

/** Whether some process works on the run in `folder`. */
export function isLocked(folder: string): boolean {
  if (!existsSync(join(folder, "lock"))) return false;
  using database = new DatabaseSync(join(folder, "lock"), { timeout: 0, readOnly: true });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (cause) {
    if (sqliteCode(cause) === sqlite.busy) return true;
    throw cause;
  }
}

function holderText(holderFile: string): string {
  try {
    const { pid, sinceMs } = JSON.parse(readFileSync(holderFile, "utf8")) as { pid: number; sinceMs: number };
    return `process ${pid} (since ${new Date(sinceMs).toISOString()})`;
  } catch {
    return "another process"; // it has only just taken the lock, or is giving it back
  }
}
