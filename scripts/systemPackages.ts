// Programs of the system that tests run for real: what is missing, and whether it may be installed. Nothing is skipped for want of them:
// they are installed where that is allowed, otherwise the one command that does is printed and the tests do not start.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const runPrograms = /\btest[\\/](sandbox|rewards|conformance|cli|e2e)\b/;

/** Debian's name of a package, a file that shows it is there, and the test folders that need it. */
const packages: readonly { readonly name: string; readonly file: string; readonly neededBy: RegExp }[] = [
  { name: "bubblewrap", file: "/usr/bin/bwrap", neededBy: runPrograms },
  { name: "python3", file: "/usr/bin/python3", neededBy: runPrograms },
];

/** What this machine is. */
export interface Machine {
  readonly exists: (path: string) => boolean;
  readonly isRoot: boolean;
  readonly isLinux: boolean;
}

export type Plan =
  | { readonly kind: "ready" }
  | { readonly kind: "install"; readonly command: string }
  | { readonly kind: "refuse"; readonly message: string };

/** What has to happen before `files` can be tested. Installing is for root on a machine with apt-get: elsewhere it is asked for. */
export function planPackages(files: readonly string[], { exists, isRoot, isLinux }: Machine): Plan {
  const missing = packages
    .filter(({ file, neededBy }) => files.some((path) => neededBy.test(path)) && !exists(file))
    .map(({ name }) => name);
  if (missing.length === 0) return { kind: "ready" };
  const names = missing.join(" and ");
  if (!isLinux)
    return { kind: "refuse", message: `test: ${names} must be there, and only Linux has it; run the tests in a Linux container` };
  const install = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!exists("/usr/bin/apt-get")) {
    return {
      kind: "refuse",
      message: `test: ${names} must be there; install it with this system's package manager, on Debian: ${install}`,
    };
  }
  if (!isRoot) return { kind: "refuse", message: `test: ${names} must be there; install it with: sudo ${install}` };
  // Package lists may be missing or old.
  return { kind: "install", command: `${install} || { apt-get update && ${install}; }` };
}

/** Installs what is missing, or ends this process with the command that does. */
export function ensureSystemPackages(files: readonly string[]): void {
  const machine = { exists: existsSync, isRoot: process.getuid?.() === 0, isLinux: process.platform === "linux" };
  const plan = planPackages(files, machine);
  if (plan.kind === "install") {
    process.stderr.write(`test: installing with ${plan.command}\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("/bin/sh", ["-c", plan.command], { stdio: ["ignore", "ignore", "inherit"], env });
  }
  const left = plan.kind === "install" ? planPackages(files, { ...machine, isRoot: false }) : plan;
  if (left.kind !== "refuse") return;
  process.stderr.write(`${left.message}\n`);
  process.exit(1);
}
