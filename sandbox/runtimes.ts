// The interpreters that programs run in: where they are, how they are started, what they need. TypeScript is JavaScript by the time it
// gets here (typeScript.ts).

import { chmodSync, constants, copyFileSync, existsSync, realpathSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SandboxUnavailable } from "./errors.ts";
import { makeFolder } from "./folders.ts";
import type { Language } from "./program.ts";

/** What runs a language. */
export type RuntimeName = "python" | "node" | "isolates";

export const runtimeOf: Readonly<Record<Language, RuntimeName>> = { python: "python", javascript: "node", typescript: "node" };

export interface Runtime {
  readonly name: RuntimeName;
  /** On this machine. */
  readonly executable: string;
  /** Inside the jail; bound there where it is not part of the system folders. */
  readonly jailedExecutable: string;
  /** Between the executable and the driver; `memoryMiB` is the program's limit. */
  readonly flags: (memoryMiB: number) => readonly string[];
  readonly driver: string;
  /** Threads and address space that the runtime takes for itself, beyond the program's limits. */
  readonly ownThreads: number;
  readonly ownDataMiB: number;
}

const pythons = ["/usr/bin/python3", "/usr/local/bin/python3"];

/** The system's Python, the only one that lies in system folders. */
export function findPython(): Runtime {
  const executable = pythons.find((path) => existsSync(path));
  if (executable === undefined) {
    throw new SandboxUnavailable(
      `sandbox: Python programs need Python 3 in a system folder, looked for ${pythons.join(" and ")}; install it with: apt-get install -y python3`,
    );
  }
  return {
    name: "python",
    executable,
    jailedExecutable: executable,
    // Isolated from environment and user folders, without site, in UTF-8 whatever the locale, and without bytecode files.
    flags: () => ["-I", "-S", "-B", "-X", "utf8"],
    driver: driverFile("python.py"),
    ownThreads: 0,
    ownDataMiB: 0,
  };
}

/** The Node that runs this process. `readableByAll`: it will be started by another user. */
export function findNode({ readableByAll }: { readonly readableByAll: boolean }): Runtime & Disposable {
  const own = realpathSync(process.execPath);
  const copy = readableByAll && !reachableByAll(own) ? copyOf(own) : undefined;
  return {
    name: "node",
    executable: copy?.file ?? own,
    jailedExecutable: "/run/node",
    // The heap may grow past the limit, so that it is the limit that ends the program and not V8's own.
    flags: (memoryMiB) => [`--max-old-space-size=${memoryMiB * 2}`, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"],
    driver: driverFile("node.cjs"),
    ownThreads: 12,
    ownDataMiB: 1152, // V8 claims about 550 for each of its heaps: one, and a worker's
    [Symbol.dispose]: () => copy?.remove(),
  };
}

/** The same Node for a process that holds isolates, whose addon refuses one that was started from a snapshot. */
export function forIsolates(node: Runtime): Runtime {
  return { ...node, name: "isolates", ownDataMiB: 2048, flags: (memoryMiB) => [...node.flags(memoryMiB), "--no-node-snapshot"] };
}

function driverFile(name: string): string {
  return fileURLToPath(new URL(`./drivers/${name}`, import.meta.url));
}

/** Whether any user may read a file: each folder on the way must let everybody through. */
function reachableByAll(file: string): boolean {
  const readable = (statSync(file).mode & 0o005) === 0o005;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return readable;
  }
}

/** Node under a home folder, as version managers install it, cannot be bound by another user. */
function copyOf(file: string): { readonly file: string; readonly remove: () => void } {
  const folder = makeFolder("node");
  const copy = join(folder, "node");
  copyFileSync(file, copy, constants.COPYFILE_FICLONE);
  for (const path of [folder, copy]) chmodSync(path, 0o755);
  return { file: copy, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
