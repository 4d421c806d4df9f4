// What holds programs on this machine, found out once when a sandbox opens: the jail or, where the caller asked for it, mere limits. It
// turns a runtime and limits into the command that starts an interpreter under them.

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findBubblewrap, jailArguments, jailedDriver, proveJail, systemBinds } from "./bubblewrap.ts";
import { type CgroupPlace, findCgroupPlace } from "./cgroups.ts";
import { SandboxUnavailable } from "./errors.ts";
import type { Containment as ContainmentKind, Limits } from "./program.ts";
import { findNode, findPython, forIsolates, type Runtime, type RuntimeName } from "./runtimes.ts";
import { seccompFilter } from "./seccomp.ts";
import { slotUserId } from "./uids.ts";

/** Descriptors of the process that becomes the interpreter, beyond its standard ones. */
export const channelFd = 3;
export const infoFd = 4;
const filterFd = 5;
const driverFd = 6;

/** How to start one interpreter. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly userId: number | undefined;
  /** Opened for it alone, since reading moves a shared position; for descriptors from `filterFd` on. Closed by the caller once it runs. */
  readonly openFiles: () => number[];
}

/** How programs are held, and with what. */
export interface Containment extends Disposable {
  readonly kind: ContainmentKind;
  readonly description: string;
  /** Groups that bound a jail as a whole; undefined where the machine lends none. */
  readonly cgroups: CgroupPlace | undefined;
  launch(runtime: Runtime, limits: Limits, slot: number): Launch;
  /** Rejects with SandboxUnavailable when it is not installed. */
  runtime(name: RuntimeName): Runtime;
}

/** Proves what it returns. */
export async function openContainment(kind: ContainmentKind): Promise<Containment> {
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
  const runtimes = runtimeFinder({ readableByAll: slotUserId(0) !== undefined });
  return {
    kind: "jail",
    description: `bubblewrap in namespaces of its own, system call filter, ${cgroups === undefined ? "limits for each process, memory sampled" : `control groups version ${cgroups.version}`}`,
    cgroups,
    launch(runtime, limits, slot) {
      const userId = slotUserId(slot);
      const executable = runtime.name !== "python" ? { executable: { outside: runtime.executable, inside: runtime.jailedExecutable } } : {};
      const walls = jailArguments({ filterFd, infoFd, driverFd, ...executable, fileBytes: limits.fileMiB * 2 ** 20 }, system);
      const inner = [runtime.jailedExecutable, ...runtime.flags(limits.memoryMiB), jailedDriver];
      const numbers = { limits, runtime, dataToo: cgroups === undefined };
      // An id of its own counts its own processes. Other users' are counted in the user namespace, so the limit is set inside.
      const outside = limitCommands({ ...numbers, processes: userId !== undefined });
      const inside = userId === undefined ? ["/bin/sh", "-c", `${processLimit(limits, runtime)}exec "$@"`, "sh"] : [];
      return {
        command: "/bin/sh",
        args: ["-c", `${waitForGo}${outside}exec "$@"`, "sh", bubblewrap, ...walls, ...inside, ...inner],
        userId,
        openFiles: () => [readFilter(), openSync(runtime.driver, "r")],
      };
    },
    runtime: runtimes.find,
    [Symbol.dispose]() {
      closeSync(filter);
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
    launch(runtime, limits) {
      const inner = [runtime.executable, ...runtime.flags(limits.memoryMiB), runtime.driver];
      // The limit on processes would count all of the user's.
      const outside = limitCommands({ limits, runtime, dataToo: process.platform === "linux", processes: false });
      return {
        command: "/bin/sh",
        args: ["-c", `${waitForGo}${outside}exec "$@"`, "sh", ...inner],
        userId: undefined,
        openFiles: () => [],
      };
    },
    runtime: runtimes.find,
    [Symbol.dispose]: () => runtimes[Symbol.dispose](),
  };
}

/** The process waits until it has been put into its control group: what it starts before would not be in it. */
const waitForGo = `read -r go <&${channelFd} || exit 125; `;

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
  const files = `ulimit -c 0; ulimit -f ${limits.fileMiB * 2048}; ulimit -n ${limits.openFiles}; ulimit -t ${seconds}; `;
  return files + data + (processes ? processLimit(limits, runtime) : "");
}

/** `-u` in bash, `-p` in dash and busybox, where -p means what -u does. Looser than the control group's, which also counts refusals. */
function processLimit(limits: Limits, runtime: Runtime): string {
  const count = limits.processes + runtime.ownThreads + 4;
  return `ulimit -u ${count} 2>/dev/null || ulimit -p ${count}; `;
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

/** A descriptor of a file that has no name any more; each reader opens it anew through /proc. */
function nameless(bytes: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-filter-"));
  try {
    writeFileSync(join(folder, "filter"), bytes);
    return openSync(join(folder, "filter"), "r");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
