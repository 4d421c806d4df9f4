// What holds programs on this machine, found out once when a sandbox opens: the jail or, where the caller asked for it, mere limits. It
// turns a runtime and limits into the command that starts an interpreter under them.

import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { findBubblewrap, jailArguments, jailedDriver, proveJail, systemBinds } from "./bubblewrap.ts";
import { type CgroupPlace, findCgroupPlace } from "./cgroups.ts";
import { SandboxUnavailable } from "./errors.ts";
import { makeFolder, removeLeftoverFolders } from "./folders.ts";
import { dyingWithParent, interpreterFds, type LauncherSettings } from "./launcher.ts";
import type { Containment as ContainmentKind, Limits } from "./program.ts";
import { findNode, findPython, forIsolates, type Runtime, type RuntimeName } from "./runtimes.ts";
import { seccompFilter } from "./seccomp.ts";
import { slotUserId } from "./uids.ts";

/** How programs are held, and with what. */
export interface Containment extends Disposable {
  readonly kind: ContainmentKind;
  readonly description: string;
  /** Groups that bound a jail as a whole; undefined where the machine lends none. */
  readonly cgroups: CgroupPlace | undefined;
  /** How a slot's launcher is started. `folder` is the one that programs run in where there is no jail. */
  launcher(place: { readonly runtime: Runtime; readonly slot: number; readonly folder: string | undefined }): LauncherSettings;
  /** What the launcher runs for one interpreter: a subshell. */
  command(runtime: Runtime, limits: Limits): string;
  /** Rejects with SandboxUnavailable when it is not installed. */
  runtime(name: RuntimeName): Runtime;
}

/** Proves what it returns. */
export async function openContainment(kind: ContainmentKind): Promise<Containment> {
  removeLeftoverFolders();
  return kind === "jail" ? await openJail() : openWeak();
}

async function openJail(): Promise<Containment> {
  if (process.platform !== "linux") {
    throw new SandboxUnavailable(
      `sandbox: the jail is made of Linux namespaces, got "${process.platform}"; run it on Linux or in a Linux container`,
    );
  }
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64") {
    throw new SandboxUnavailable(`sandbox: the jail's system call filter knows x64 and arm64, got "${arch}"`);
  }
  const bubblewrap = findBubblewrap();
  const system = systemBinds();
  const filter = nameless(seccompFilter(arch));
  const readFilter = () => openSync(`/proc/self/fd/${filter}`, "r");
  const probe = readFilter();
  try {
    proveJail(bubblewrap, { filterFd: probe, userId: slotUserId(0), system });
  } catch (error) {
    closeSync(filter);
    throw error;
  } finally {
    closeSync(probe);
  }
  const cgroups = await findCgroupPlace();
  const isRoot = slotUserId(0) !== undefined;
  const runtimes = runtimeFinder({ readableByAll: isRoot });
  const drivers = new Map<string, number>();
  return {
    kind: "jail",
    description: `bubblewrap in namespaces of its own, system call filter, ${cgroups === undefined ? "limits for each process, memory sampled" : `control groups version ${cgroups.version}`}`,
    cgroups,
    launcher({ runtime, slot }) {
      if (!drivers.has(runtime.driver)) drivers.set(runtime.driver, nameless(readFileSync(runtime.driver)));
      return { userId: slotUserId(slot), cwd: "/", env: {}, filterFd: filter, driverFd: drivers.get(runtime.driver) };
    },
    command(runtime, limits) {
      const executable = runtime.name === "python" ? {} : { executable: { outside: runtime.executable, inside: runtime.jailedExecutable } };
      const { filter: filterFd, info: infoFd, driver: driverFd } = interpreterFds;
      const walls = jailArguments({ filterFd, infoFd, driverFd, ...executable, fileBytes: limits.fileMiB * 2 ** 20 }, system);
      const inner = [runtime.jailedExecutable, ...runtime.flags(limits.memoryMiB), jailedDriver];
      // An id of its own counts its own processes. Other users' are counted in the user namespace, so the limit is set inside.
      const outside = limitCommands({ limits, runtime, dataToo: cgroups === undefined, processes: isRoot });
      const inside = isRoot ? [] : ["/bin/sh", "-c", `${processLimit(limits, runtime)}exec "$@"`, "sh"];
      return `( ${outside}exec ${quoted([bubblewrap, ...walls, ...inside, ...inner])} )`;
    },
    runtime: runtimes.find,
    [Symbol.dispose]() {
      for (const fd of [filter, ...drivers.values()]) closeSync(fd);
      runtimes[Symbol.dispose]();
    },
  };
}

function openWeak(): Containment {
  const runtimes = runtimeFinder({ readableByAll: false });
  return {
    kind: "weak",
    description: "a plain child process with limits: it can read and write the user's files and reach the network",
    cgroups: undefined,
    launcher({ folder }) {
      const env = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: folder!, LANG: "C.UTF-8" };
      return { userId: undefined, cwd: folder!, env, filterFd: undefined, driverFd: undefined };
    },
    command(runtime, limits) {
      // The limit on processes would count all of the user's.
      const outside = limitCommands({ limits, runtime, dataToo: process.platform === "linux", processes: false });
      // A jail dies with its launcher; without one the interpreter must ask for it.
      return `( ${outside}exec ${quoted([...dyingWithParent(), runtime.executable, ...runtime.flags(limits.memoryMiB), runtime.driver])} )`;
    },
    runtime: runtimes.find,
    [Symbol.dispose]: () => runtimes[Symbol.dispose](),
  };
}

interface LimitSettings {
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** Whether nothing else bounds memory. */
  readonly dataToo: boolean;
  readonly processes: boolean;
}

/** POSIX sh: sizes of files in blocks of 512 bytes, of data in KiB. */
function limitCommands({ limits, runtime, dataToo, processes }: LimitSettings): string {
  // The supervisor may have a softer limit of its own, which is not meant for programs.
  const data = dataToo ? `ulimit -d ${(limits.memoryMiB + runtime.ownDataMiB) * 1024}; ` : "ulimit -S -d unlimited 2>/dev/null; ";
  const seconds = Math.ceil(limits.cpuMs / 1000) + 1;
  // Where the machine's own limit is lower, that one holds.
  const asked = [
    ["c", 0],
    ["f", limits.fileMiB * 2048],
    ["n", limits.openFiles],
    ["t", seconds],
  ] as const;
  const files = asked.map(([letter, value]) => `ulimit -${letter} ${value} 2>/dev/null; `).join("");
  return files + data + (processes ? processLimit(limits, runtime) : "");
}

/** `-u` in bash, `-p` in dash and busybox, where -p means what -u does. Looser than the control group's, which also counts refusals. */
function processLimit(limits: Limits, runtime: Runtime): string {
  const count = limits.processes + runtime.ownThreads + 4;
  return `ulimit -u ${count} 2>/dev/null || ulimit -p ${count} 2>/dev/null; `;
}

/** Each runtime is looked for once. */
function runtimeFinder({ readableByAll }: { readonly readableByAll: boolean }): { find: Containment["runtime"] } & Disposable {
  let node: (Runtime & Disposable) | undefined;
  let python: Runtime | undefined;
  return {
    find(name) {
      if (name === "python") {
        python ??= findPython();
        return python;
      }
      node ??= findNode({ readableByAll });
      return name === "isolates" ? forIsolates(node) : node;
    },
    [Symbol.dispose]: () => node?.[Symbol.dispose](),
  };
}

/** As words of a shell. */
function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}

/** A descriptor of a file that has no name any more; each reader opens it anew through /proc, whoever that is. */
function nameless(bytes: Uint8Array): number {
  const folder = makeFolder("filter");
  try {
    const file = join(folder, "file");
    writeFileSync(file, bytes);
    chmodSync(file, 0o644);
    return openSync(file, "r");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
