// The shell that starts one slot's interpreters, one after another. It is small, so that starting is cheap where a large process would copy
// its tables; and it is in the slot's control group, so that what it starts is in it too: moving a process into a group holds up every
// process of the machine that wants to start another. It runs what the supervisor writes, as the slot's own user, and dies with it.

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, existsSync } from "node:fs";

import type { OutputPipe } from "./outputPipe.ts";

/** Of util-linux; other systems lack it. */
const setpriv = "/usr/bin/setpriv";

/** What stands before a command that is to die with the process that starts it. */
export function dyingWithParent(): string[] {
  return existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
}

/** Descriptors of the launcher, which `openings` opens again for an interpreter: a new description each time. */
const fds = { input: 3, output: 4, filter: 5, driver: 6, stdout: 7, stderr: 8, status: 9 } as const;

/** Descriptors of an interpreter: what it is sent and what it sends, and what bubblewrap reads and says. */
export const interpreterFds = { input: fds.input, output: fds.output, filter: fds.filter, driver: fds.driver, info: fds.status } as const;

/** Redirections for an interpreter; with files, bubblewrap is first, which also says who its child is and keeps that end. Opened anew, so that what it does to a description ends with it. */
const openings = (withFiles: boolean): string =>
  [
    ...["</dev/null", `>/dev/fd/${fds.stdout}`, `2>/dev/fd/${fds.stderr}`],
    ...[`${fds.input}</dev/fd/${fds.input}`, `${fds.output}>/dev/fd/${fds.output}`],
    ...(withFiles ? [`${fds.filter}</dev/fd/${fds.filter}`, `${fds.driver}</dev/fd/${fds.driver}`] : [`${fds.status}>&-`]),
    ...[`${fds.stdout}>&-`, `${fds.stderr}>&-`],
  ].join(" ");

export interface LauncherSettings {
  readonly userId: number | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Read by bubblewrap and by the interpreter; undefined where nobody does. */
  readonly filterFd: number | undefined;
  readonly driverFd: number | undefined;
}

/** The pipes between a slot and this process. */
export interface SlotPipes {
  readonly input: OutputPipe;
  readonly output: OutputPipe;
  readonly stdout: OutputPipe;
  readonly stderr: OutputPipe;
  readonly status: OutputPipe;
}

export class Launcher {
  readonly process: ChildProcess;
  readonly #openings: string;

  constructor({ userId, cwd, env, filterFd, driverFd }: LauncherSettings, { input, output, stdout, stderr, status }: SlotPipes) {
    this.#openings = openings(filterFd !== undefined);
    const [command, ...args] = [...dyingWithParent(), "/bin/sh", "-s"];
    const statusEnd = status.openForChild();
    try {
      this.process = spawn(command!, args, {
        cwd,
        env,
        stdio: [
          ...["pipe", "ignore", "ignore", input.handle, output.handle],
          ...[filterFd ?? "ignore", driverFd ?? "ignore", stdout.handle, stderr.handle, statusEnd],
        ] as StdioOptions,
        detached: true, // a group of its own, which the terminal's Ctrl-C does not reach
        ...(userId === undefined ? {} : { uid: userId, gid: userId }),
      });
    } finally {
      closeSync(statusEnd);
    }
    this.process.on("error", () => {}); // told by its end
    this.process.stdin!.on("error", () => {});
    this.process.unref();
    (this.process.stdin as unknown as { unref(): void }).unref();
  }

  /** `command` is a subshell without redirections. Its exit code is said on the status pipe. */
  run(command: string): void {
    this.process.stdin!.write(`${command} ${this.#openings}\necho "exit $?" >&${fds.status}\n`);
  }
}
