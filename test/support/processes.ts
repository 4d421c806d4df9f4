// Child processes of this one, read from /proc: whether a test left any behind, and how much memory they hold. Linux only.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

interface ProcessStatus {
  readonly pid: number;
  readonly parent: number;
  readonly residentMiB: number;
}

/** Living children of `parent`; zombies are dead. */
export function childProcesses(parent = process.pid): ProcessStatus[] {
  return processIds()
    .flatMap(statusOf)
    .filter((status) => status.parent === parent);
}

/** Living processes that work in `folder`, whosever children they are now. */
export function processesIn(folder: string): number[] {
  return processIds().filter((pid) => workingFolder(pid) === folder);
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  return statusOf(pid).length === 1;
}

function processIds(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** Undefined of one that has ended. */
function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function statusOf(pid: number): ProcessStatus[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return []; // ended meanwhile
  }
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(text)?.[1];
  if (field("State") === "Z") return [];
  return [{ pid, parent: Number(field("PPid")), residentMiB: Number(field("VmRSS") ?? 0) / 1024 }];
}
