// A user id of its own for each interpreter, when the supervisor runs as root. The kernel does not limit root's processes, not even in a
// user namespace, and it counts the processes of one user id together: sharing one would let a program use up its neighbour's share.

import { readFileSync } from "node:fs";

/** Interpreters of one supervisor; the next block of ids belongs to the supervisor with the next process id. */
export const idsPerSupervisor = 512;
/** Far above what distributions assign; pid_max is at most 2^22, so that the last block ends below 2^32. */
const firstId = 0x10000000;
const nobody = 65534;

/** One line of /proc/self/uid_map: which ids exist where the supervisor runs. */
interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** The user id of slot `slot`, or undefined when the supervisor is not root and can only be itself. */
export function slotUserId(slot: number): number | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return chooseUserId({ slot, pid: process.pid, ranges: idRanges(readFileSync("/proc/self/uid_map", "utf8")) });
}

/** In a container that maps few ids, blocks of different supervisors may overlap; never with a person's ids, nor with root. */
export function chooseUserId({ slot, pid, ranges }: { slot: number; pid: number; ranges: readonly IdRange[] }): number {
  const wanted = firstId + pid * idsPerSupervisor + (slot % idsPerSupervisor);
  if (ranges.some(({ first, count }) => wanted >= first && wanted < first + count)) return wanted;
  const last = Math.max(...ranges.map(({ first, count }) => first + count - 1));
  const lowest = Math.min(20_000, Math.floor(last / 2));
  if (last <= 1) return nobody;
  return lowest + ((pid * 31 + slot) % (Math.min(last, nobody - 1) - lowest));
}

/** Reads uid_map. */
export function idRanges(text: string): IdRange[] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first, , count]) => ({ first: first!, count: count! }));
}
