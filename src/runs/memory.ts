// The most memory that this process and its children, the verifier workers, have held. The process's own peak is exact; the
// children's is the largest of the looks taken, and nothing where the system has no /proc.

import { readdirSync, readFileSync } from "node:fs";

/** Looks taken so far. */
export interface MemoryWatch {
  /** Looks at the children; call it now and then. */
  look(): void;
  /** Resident now, in MiB. */
  rssMiB(): number;
  /** Resident, in MiB. An upper bound: the two peaks need not fall together. */
  peakRssMiB(): number;
}

/** Starts to watch this process. */
export function watchMemory(): MemoryWatch {
  let childrenKiB = 0;
  const look = (): void => {
    childrenKiB = Math.max(childrenKiB, childrenRssKiB(process.pid));
  };
  return {
    look,
    rssMiB: () => Math.ceil((process.memoryUsage.rss() / 1024 + childrenRssKiB(process.pid)) / 1024),
    peakRssMiB: () => {
      look();
      return Math.ceil((process.resourceUsage().maxRSS + childrenKiB) / 1024);
    },
  };
}

/** Resident memory of all descendants. Processes that end while being looked at count as nothing. */
function childrenRssKiB(pid: number): number {
  const children = tasksOf(pid).flatMap((task) =>
    readProc(`${pid}/task/${task}/children`)
      .split(" ")
      .filter((child) => child !== ""),
  );
  return children.reduce((sum, child) => sum + rssKiB(child) + childrenRssKiB(Number(child)), 0);
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended, or there is no /proc
  }
}

function rssKiB(pid: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readProc(`${pid}/status`))?.[1] ?? 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8").trim();
  } catch {
    return ""; // as above
  }
}
