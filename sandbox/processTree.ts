// The processes of one interpreter as /proc shows them: what they use where no control group counts it, and whom to kill. A jail's
// processes all descend from its first one; in weak containment a child can leave the tree. Linux only: elsewhere it sees nothing.

import { readdirSync, readFileSync } from "node:fs";

/** Units of /proc: clock ticks of 10 ms, as every Linux of these processors has them, and pages. */
const msPerTick = 10;

export class ProcessTree {
  readonly #root: number;
  #info = "";
  /** Highest seen, of all processes together. */
  peakMiB = 0;
  currentMiB = 0;
  /** Of all processes seen, those that have ended included. */
  cpuMs = 0;

  constructor(root: number) {
    this.#root = root;
  }

  /** What bubblewrap says about the jail's first process. */
  noteInfo(said: string): void {
    this.#info = said;
  }

  sample(): void {
    // The root is the launcher, which is no part of a program.
    const seen = this.#processes().slice(1).map(usageOf);
    this.currentMiB = seen.reduce((sum, { residentMiB }) => sum + residentMiB, 0);
    this.peakMiB = Math.max(this.peakMiB, this.currentMiB);
    this.cpuMs = Math.max(
      this.cpuMs,
      seen.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    );
  }

  /** SIGKILL to the jail's first process, whose end is the end of all others. False when it is not known. */
  killFirst(): boolean {
    const first = /"child-pid": (\d+)/.exec(this.#info)?.[1];
    if (first !== undefined) kill(Number(first));
    return first !== undefined;
  }

  /** SIGKILL to every process that descends from the root, which stays. */
  killBelow(): void {
    for (const pid of this.#processes()) if (pid !== this.#root) kill(pid);
  }

  #processes(): number[] {
    const found: number[] = [];
    for (let next = [this.#root]; next.length > 0; next = next.flatMap(childrenOf)) found.push(...next);
    return found;
  }
}

function kill(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, "SIGKILL");
  } catch {
    // ended already
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return []; // ended meanwhile, or no /proc
  }
}

function usageOf(pid: number): { readonly residentMiB: number; readonly cpuMs: number } {
  try {
    // Fields after the name, which may hold spaces and parentheses; numbers as in proc(5), from field 3 on.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [14, 15, 16, 17].reduce((sum, field) => sum + Number(fields[field - 3]), 0);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return { residentMiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024, cpuMs: ticks * msPerTick };
  } catch {
    return { residentMiB: 0, cpuMs: 0 };
  }
}
