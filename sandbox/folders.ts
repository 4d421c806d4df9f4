// Folders of one process under the system's temporary folder. Each carries the process's id: one that is killed, as verifier workers always
// are, removes nothing, and the next process that opens a sandbox does it.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder of this process for one of the sandbox's uses. */
export function makeFolder(use: "filter" | "node" | "pipe" | "weak"): string {
  return mkdtempSync(join(tmpdir(), `whetstone-${use}-${process.pid}-`));
}

/** Removes those of processes that have ended. */
export function removeLeftoverFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^whetstone-(?:filter|node|pipe|weak)-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // another user's
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
