// Control groups: what bounds and counts the memory, processes and processor time of a jail as a whole. Version 1 has a tree for each
// controller, version 2 one tree for all. Usable means: this process may make groups below its own (version 1) or beside it (version 2).
// Sources: kernel Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const prefix = "whetstone-jail-";

/** Where groups can be made: the folder for each controller, the same one for all in version 2. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  readonly memory: string;
  readonly pids: string;
  /** Where processor time is counted; version 1 may lack it. */
  readonly cpu: string | undefined;
}

/** What a group has used so far, and how often its limits were met. */
export interface CgroupUsage {
  readonly cpuMs: number | undefined;
  readonly peakMemoryMiB: number;
  readonly memoryKills: number;
  readonly refusedForks: number;
}

/** The place on this machine, proved by making a group; undefined where there is none. Groups that dead supervisors left are removed. */
export async function findCgroupPlace(): Promise<CgroupPlace | undefined> {
  if (process.platform !== "linux") return undefined;
  const candidates = placesFrom(readFileSync("/proc/self/mounts", "utf8"), readFileSync("/proc/self/cgroup", "utf8"));
  for (const place of candidates) {
    try {
      removeLeftovers(place);
      const probe = new Cgroup(place, "probe");
      try {
        probe.renew({ memoryMiB: 64, processes: 8 });
      } finally {
        await probe.remove();
      }
      return place;
    } catch {
      // not usable: the next one, or none
    }
  }
  return undefined;
}

/** Candidates, best first, from the text of /proc/self/mounts and /proc/self/cgroup. */
export function placesFrom(mounts: string, membership: string): CgroupPlace[] {
  const mounted = mounts.split("\n").map((line) => line.split(" "));
  const own = new Map(
    membership.split("\n").flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return controllers === undefined ? [] : controllers.split(",").map((name) => [name, path!] as const);
    }),
  );
  const folder = (controller: string) => {
    const mount = mounted.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes(controller));
    return mount === undefined || !own.has(controller) ? undefined : resolve(join(mount[1]!, own.get(controller)!));
  };
  const [memory, pids] = [folder("memory"), folder("pids")];
  const first: CgroupPlace[] = memory && pids ? [{ version: 1, memory, pids, cpu: folder("cpuacct") }] : [];
  const unified = mounted.find(([, , type]) => type === "cgroup2")?.[1];
  const path = own.get("");
  if (unified === undefined || path === undefined) return first;
  // A group that holds processes cannot bound its children, but its parent's other children can be bounded.
  const places = [...new Set([resolve(join(unified, path)), dirname(join(unified, path))])].filter((place) => place.startsWith(unified));
  return [...first, ...places.map((place) => ({ version: 2, memory: place, pids: place, cpu: place }) as const)];
}

function removeLeftovers(place: CgroupPlace): void {
  for (const folder of folders(place)) {
    for (const name of readdirSync(folder)) {
      const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
      try {
        rmdirSync(join(folder, name));
      } catch {
        // another supervisor's that still holds processes, or was faster
      }
    }
  }
}

function folders({ memory, pids, cpu }: CgroupPlace): string[] {
  return [...new Set([memory, pids, ...(cpu === undefined ? [] : [cpu])])];
}

/** One group: made empty, with a process that starts others in it, and used by one program after another. */
export class Cgroup {
  readonly #place: CgroupPlace;
  readonly #name: string;
  #limits = "";
  /** What was counted before the program at hand. */
  #before: CgroupUsage = { cpuMs: 0, peakMemoryMiB: 0, memoryKills: 0, refusedForks: 0 };

  constructor(place: CgroupPlace, name: string) {
    this.#place = place;
    this.#name = `${prefix}${process.pid}-${name}`;
    for (const folder of folders(place)) mkdirSync(join(folder, this.#name), { recursive: true });
  }

  /** Sets limits and counts from here. */
  renew({ memoryMiB, processes }: { readonly memoryMiB: number; readonly processes: number }): void {
    const limits = `${memoryMiB} ${processes}`;
    if (limits !== this.#limits) this.#setLimits(String(memoryMiB * 1024 * 1024), String(processes));
    this.#limits = limits;
    if (this.#place.version === 1) this.#tryWrite("memory.max_usage_in_bytes", "0");
    this.#before = this.#counted();
  }

  #setLimits(bytes: string, processes: string): void {
    if (this.#place.version === 1) {
      this.#tryWrite("memory.memsw.limit_in_bytes", "-1"); // it may never be below the other, and is absent where swap is not counted
      this.#write("memory", "memory.limit_in_bytes", bytes);
      this.#tryWrite("memory.memsw.limit_in_bytes", bytes);
    } else {
      this.#write("memory", "memory.max", bytes);
      this.#tryWrite("memory.swap.max", "0");
    }
    this.#write("pids", "pids.max", processes);
  }

  /** Moves a process in; what it starts from then on is in it as well. Not synchronous: the kernel may take many milliseconds. */
  async add(pid: number): Promise<void> {
    await Promise.all(folders(this.#place).map((folder) => writeFile(join(folder, this.#name, "cgroup.procs"), String(pid))));
  }

  /** Since `renew`. */
  usage(): CgroupUsage {
    const [now, before] = [this.#counted(), this.#before];
    return {
      cpuMs: now.cpuMs === undefined ? undefined : now.cpuMs - (before.cpuMs ?? 0),
      // Version 2 cannot count a peak anew before Linux 6.12: an old one says nothing of this program.
      peakMemoryMiB: this.#place.version === 1 || now.peakMemoryMiB > before.peakMemoryMiB ? now.peakMemoryMiB : this.#currentMiB(),
      memoryKills: now.memoryKills - before.memoryKills,
      refusedForks: now.refusedForks - before.refusedForks,
    };
  }

  #currentMiB(): number {
    return Number(this.#read("memory", "memory.current")) / 2 ** 20;
  }

  #counted(): CgroupUsage {
    const { version } = this.#place;
    if (version === 1) {
      const nanoseconds = this.#place.cpu === undefined ? undefined : Number(this.#read("cpu", "cpuacct.usage"));
      return {
        cpuMs: nanoseconds === undefined ? undefined : nanoseconds / 1e6,
        peakMemoryMiB: Number(this.#read("memory", "memory.max_usage_in_bytes")) / 2 ** 20,
        memoryKills: field(this.#read("memory", "memory.oom_control"), "oom_kill"),
        refusedForks: field(this.#read("pids", "pids.events"), "max"),
      };
    }
    return {
      cpuMs: field(this.#read("cpu", "cpu.stat"), "usage_usec") / 1000,
      // memory.peak came with Linux 5.19
      peakMemoryMiB: Number(this.#tryRead("memory.peak") ?? this.#read("memory", "memory.current")) / 2 ** 20,
      memoryKills: field(this.#read("memory", "memory.events"), "oom_kill"),
      refusedForks: field(this.#read("pids", "pids.events"), "max"),
    };
  }

  /** Processes beside `launcher`. */
  others(launcher: number | undefined): number[] {
    return this.#read("pids", "cgroup.procs")
      .split("\n")
      .filter(Boolean)
      .map(Number)
      .filter((pid) => pid !== launcher);
  }

  /** Succeeds once no process is left; what fails now is removed by the next supervisor. Not synchronous, as `add`. */
  async remove(): Promise<void> {
    await Promise.all(folders(this.#place).map((folder) => rmdir(join(folder, this.#name)).catch(() => {})));
  }

  #read(controller: "memory" | "pids" | "cpu", file: string): string {
    return readFileSync(join(this.#place[controller]!, this.#name, file), "utf8");
  }

  #write(controller: "memory" | "pids", file: string, text: string): void {
    writeFileSync(join(this.#place[controller], this.#name, file), text);
  }

  #tryRead(file: string): string | undefined {
    return existsSync(join(this.#place.memory, this.#name, file)) ? this.#read("memory", file) : undefined;
  }

  #tryWrite(file: string, text: string): void {
    try {
      this.#write("memory", file, text);
    } catch {
      // a kernel without it
    }
  }
}

/** `name value` on a line of its own; 0 where the kernel does not say. */
function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
