// A place for one interpreter at a time: a user id, a launcher in a control group, and the pipes that programs talk through. Making one costs
// two processes, so that a slot is used again once everything of the last program has ended; in weak containment something may
// have stayed behind, and a slot is used once.

import { once } from "node:events";
import { rmSync } from "node:fs";

import { Cgroup } from "./cgroups.ts";
import type { Containment } from "./containment.ts";
import { makeFolder } from "./folders.ts";
import { Launcher, type SlotPipes } from "./launcher.ts";
import { OutputPipe } from "./outputPipe.ts";
import type { Limits } from "./program.ts";
import type { Runtime } from "./runtimes.ts";

/** The launcher and bubblewrap count as processes of the group. */
const ownProcesses = 2;

/** Of this process, since user ids and the names of groups are. */
let numSlots = 0;

export class Slot implements AsyncDisposable {
  readonly runtime: Runtime;
  readonly pipes: SlotPipes;
  readonly launcher: Launcher;
  /** Resolves once the launcher is in its group. */
  readonly ready: Promise<void>;
  readonly #folder: string | undefined;
  readonly #cgroup: Cgroup | undefined;

  #isRetired = false;

  constructor({ containment, runtime }: { readonly containment: Containment; readonly runtime: Runtime }) {
    const number = numSlots++;
    this.runtime = runtime;
    const [input, output, stdout, stderr, status] = OutputPipe.make(5) as [OutputPipe, OutputPipe, OutputPipe, OutputPipe, OutputPipe];
    this.pipes = { input, output, stdout, stderr, status };
    for (const pipe of [output, stdout, stderr, status]) pipe.onData(undefined);
    this.#folder = containment.kind === "weak" ? makeFolder("weak") : undefined;
    this.launcher = new Launcher(containment.launcher({ runtime, slot: number, folder: this.#folder }), this.pipes);
    this.#cgroup = containment.cgroups && new Cgroup(containment.cgroups, String(number));
    this.ready = this.#cgroup === undefined || this.pid === undefined ? Promise.resolve() : this.#cgroup.add(this.pid);
    this.ready.catch(() => {}); // told to who waits for it
  }

  get pid(): number | undefined {
    return this.launcher.process.pid;
  }

  /** Whether it can start another interpreter. */
  get alive(): boolean {
    return !this.#isRetired && this.pid !== undefined && !this.#hasEnded;
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode } = this.launcher.process;
    return exitCode !== null || signalCode !== null;
  }

  /** Kills the launcher, and with it whatever it has started in its own group of processes. */
  retire(): void {
    if (this.#isRetired || this.pid === undefined) return;
    this.#isRetired = true;
    killQuietly(-this.pid);
    if (!this.#hasEnded) killQuietly(this.pid);
  }

  /** As it was before its last program. */
  restore(): void {
    if (process.platform === "linux") for (const pipe of Object.values(this.pipes)) pipe.restore();
  }

  /** The group, with the limits of the next program and nothing counted yet. */
  group({ memoryMiB, processes }: Limits): Cgroup | undefined {
    this.#cgroup?.renew({ memoryMiB, processes: processes + this.runtime.ownThreads + ownProcesses });
    return this.#cgroup;
  }

  /** Ends the launcher, with what is left of its group of processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { process: shell } = this.launcher;
    this.retire();
    if (this.pid !== undefined && !this.#hasEnded) {
      shell.ref();
      await once(shell, "exit");
    }
    for (const pipe of Object.values(this.pipes)) pipe[Symbol.dispose]();
    await this.#cgroup?.remove();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A negative number is a group of processes. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ended already
  }
}
