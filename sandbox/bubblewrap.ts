// The jail's walls: the arguments bubblewrap is started with, and whether this machine lets it. Everything here is a pure function of its
// arguments except `findBubblewrap` and `proveJail`. Why each argument is there: README.md.

import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readlinkSync } from "node:fs";

import { SandboxUnavailable } from "./errors.ts";

const places = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];

/** Where a program runs, and the only place it can write beside /dev/shm. */
const jailedWorkFolder = "/tmp/work";
/** Where the runtime's driver lies. */
export const jailedDriver = "/run/driver";
/** The user and group a program believes to be. */
const jailedUserId = "1000";

/** Folders that are links into /usr on most machines, and folders of their own on some. */
const systemFolders = ["/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"];

export function findBubblewrap(): string {
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SandboxUnavailable(
    `sandbox: untrusted code runs in a jail made by bubblewrap, looked for ${places.join(", ")}; install it with: apt-get install -y bubblewrap`,
  );
}

/** What differs from jail to jail. File descriptors are numbers in the process that becomes bubblewrap. */
export interface JailSettings {
  readonly filterFd: number;
  /** Where bubblewrap says which process the jail's first one is. */
  readonly infoFd?: number;
  /** Copied to `jailedDriver`. */
  readonly driverFd?: number;
  /** Bound to the path inside, when it is not part of the system folders. */
  readonly executable?: { readonly outside: string; readonly inside: string };
  readonly fileBytes: number;
}

/** Arguments for one jail; the command to run in it follows them. */
export function jailArguments({ filterFd, infoFd, driverFd, executable, fileBytes }: JailSettings, system: readonly string[]): string[] {
  const size = String(fileBytes);
  return [
    ...["--unshare-user", "--disable-userns", "--uid", jailedUserId, "--gid", jailedUserId],
    ...["--unshare-pid", "--as-pid-1", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--hostname", "jail", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"],
    ...system,
    ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    ...["--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--dir", jailedWorkFolder],
    ...(executable === undefined ? [] : ["--ro-bind", executable.outside, executable.inside]),
    ...(driverFd === undefined ? [] : ["--ro-bind-data", String(driverFd), jailedDriver]),
    ...["--remount-ro", "/", "--chdir", jailedWorkFolder],
    ...(infoFd === undefined ? [] : ["--info-fd", String(infoFd)]),
    ...["--seccomp", String(filterFd), "--"],
  ];
}

/** The machine's own programs and libraries, read-only, and nothing else of it. */
export function systemBinds(): string[] {
  const folders = systemFolders.filter((path) => existsSync(path));
  return [
    ...["--ro-bind", "/usr", "/usr"],
    ...folders.flatMap((path) => (lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path])),
    // Some system programs are links through it.
    ...(existsSync("/etc/alternatives") ? ["--ro-bind", "/etc/alternatives", "/etc/alternatives"] : []),
    ...(existsSync("/etc/ld.so.cache") ? ["--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"] : []),
  ];
}

/** Runs /bin/true in a jail. Rejects with what bubblewrap said and what to do about it. */
export function proveJail(
  bubblewrap: string,
  { filterFd, userId, system }: { filterFd: number; userId: number | undefined; system: readonly string[] },
): void {
  const { status, stderr, error } = spawnSync(bubblewrap, [...jailArguments({ filterFd: 3, fileBytes: 1 << 20 }, system), "/bin/true"], {
    env: {},
    stdio: ["ignore", "ignore", "pipe", filterFd],
    ...(userId === undefined ? {} : { uid: userId, gid: userId }),
    timeout: 10_000,
  });
  if (status === 0) return;
  const said = error?.message ?? stderr.toString().trim();
  throw new SandboxUnavailable(`sandbox: bubblewrap is refused on this machine, got "${said}"; ${advice(said)}`);
}

/** What usually stands behind a refusal. */
export function advice(said: string): string {
  if (/namespace|uid map|Operation not permitted|clone|Permission denied/i.test(said)) {
    return (
      "allow user namespaces to it: on Ubuntu 24.04 and later with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, " +
      "elsewhere with sysctl -w kernel.unprivileged_userns_clone=1 or user.max_user_namespaces=10000; in a container with --security-opt seccomp=unconfined"
    );
  }
  if (/Unknown option|unrecognized/i.test(said)) return "it is too old, 0.8 or newer is needed: apt-get install -y bubblewrap";
  return "reinstall it with: apt-get install -y --reinstall bubblewrap";
}
