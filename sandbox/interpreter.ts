// One interpreter from its start to its end: started and contained before its program is known, given one program, and gone with it.
// What comes out of it is bytes that a program may have forged; how it ended is what the kernel says, never what it printed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { constants as osConstants } from "node:os";
import type { Duplex, Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";

import { Cgroup, type CgroupUsage } from "./cgroups.ts";
import { type Containment, channelFd, infoFd } from "./containment.ts";
import { Conversation } from "./conversation.ts";
import { SandboxFailure } from "./errors.ts";
import { ProcessTree } from "./processTree.ts";
import type { Captured, LimitName, Limits, RunEnd, RunResult } from "./program.ts";
import type { Runtime } from "./runtimes.ts";
import type { Slot } from "./slot.ts";

/** Starting takes 20 to 50 ms on an idle machine; one that takes this long has failed. */
const startLimitMs = 30_000;
/** How often the use of processor time and memory is looked at. */
const watchMs = 20;
/** Killed processes are gone in a millisecond, unless the kernel is busy with their memory. */
const emptyLimitMs = 5000;
const heardLimitMs = 500;
/** The name is taken by the one that waits. */
const startTimer = globalThis.setTimeout;

/** A program as its driver is told it, without types. */
export interface PlainProgram {
  readonly files: Readonly<Record<string, string>>;
  readonly entry: string;
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
}

export interface InterpreterSettings {
  readonly containment: Containment;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly slot: Slot;
}

interface BeginSettings {
  readonly keepChannel: boolean;
  /** The one limit that belongs to the program alone, so that an interpreter can wait for programs of any. */
  readonly wallMs: number;
  readonly signal: AbortSignal | undefined;
}

export class Interpreter {
  /** Resolves when it waits for a program; rejects with a SandboxFailure when it ended instead. */
  readonly ready: Promise<void>;
  /** Resolves when nothing of it is left. Never rejects. */
  readonly ended: Promise<void>;
  /** From its end on: resolves when its control group is gone as well. */
  gone: Promise<void> = Promise.resolve();
  readonly #settings: InterpreterSettings;
  readonly #child: ChildProcess;
  readonly #cgroup: Cgroup | undefined;
  readonly #tree: ProcessTree;
  readonly #stdout: Capture;
  readonly #stderr: Capture;
  #reason: LimitName | undefined;
  #killed = false;
  #conversing = false;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #usage: CgroupUsage | undefined;

  constructor(settings: InterpreterSettings) {
    this.#settings = settings;
    const { containment, runtime, limits, slot } = settings;
    this.#stdout = new Capture(limits.outputBytes, () => this.#stop("output"));
    this.#stderr = new Capture(limits.outputBytes, () => this.#stop("output"));
    slot.stdout.onData((chunk) => this.#stdout.add(chunk));
    slot.stderr.onData((chunk) => this.#stderr.add(chunk));
    const processes = limits.processes + runtime.ownThreads + 1;
    this.#cgroup =
      containment.cgroups && new Cgroup(containment.cgroups, { name: slot.nextName(), memoryMiB: limits.memoryMiB, processes });
    this.#child = launch(settings);
    this.#tree = new ProcessTree(this.#child.pid ?? -1);
    this.ended = this.#watchEnd();
    this.ready = this.#start();
    this.ready.catch(() => {}); // whoever awaits it is told; nobody has to
  }

  /** False once it has ended or was told to. */
  get alive(): boolean {
    return this.#exit === undefined && !this.#killed;
  }

  /** Keeps this process from ending while somebody waits for it; one that only waits for a program does not. */
  hold(): void {
    this.#child.ref();
  }

  /** Gives it its program. With `keepChannel`, the program can talk with whoever has started it. */
  begin(program: PlainProgram, { keepChannel, wallMs, signal }: BeginSettings): Conversation {
    const channel = this.#channel;
    this.#conversing = keepChannel;
    const conversation = new Conversation({
      channel,
      kill: () => this.kill(),
      overrun: () => this.#stop("output"),
      result: this.#finish(wallMs, signal),
    });
    const bytes = encodeProgram(program, keepChannel);
    if (keepChannel) channel.write(bytes);
    else channel.end(bytes);
    return conversation;
  }

  /** Rejects when `signal` is aborted, once it is gone. */
  async #finish(wallMs: number, signal: AbortSignal | undefined): Promise<RunResult> {
    const { containment } = this.#settings;
    const abort = () => this.kill();
    signal?.addEventListener("abort", abort, { once: true });
    const cpuBefore = this.#cpuMs();
    const startMs = performance.now();
    const wall = startTimer(() => this.#stop("wall"), wallMs);
    const watch = setInterval(() => this.#watch(cpuBefore), watchMs);
    if (this.#cgroup === undefined) this.#tree.sample();
    await this.ended;
    clearTimeout(wall);
    clearInterval(watch);
    signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    const cpuMs = Math.max(0, this.#cpuMs() - cpuBefore);
    return {
      ...this.#outcome(cpuMs),
      stdout: this.#stdout.captured(),
      stderr: this.#stderr.captured(),
      cpuMs: round(cpuMs),
      wallMs: round(performance.now() - startMs),
      peakMemoryMiB: round(this.#usage?.peakMemoryMiB ?? this.#tree.peakMiB),
      containment: containment.kind,
    };
  }

  /** SIGKILL to all of it. */
  kill(): void {
    if (this.#exit !== undefined) return;
    this.#killed = true;
    // The jail's first process takes all others along, and bubblewrap ends when they are gone; killed itself, it would end before them.
    if (this.#tree.killFirst()) return;
    if (this.#settings.containment.kind === "weak") killQuietly(-(this.#child.pid ?? 0));
    this.#tree.kill();
  }

  get #channel(): Duplex {
    return this.#child.stdio[channelFd] as Duplex;
  }

  #stop(limit: LimitName): void {
    this.#reason ??= limit;
    this.kill();
  }

  /** Moves it into its group, lets it go, and waits for its first byte. */
  async #start(): Promise<void> {
    const child = this.#child;
    const timer = startTimer(() => this.kill(), startLimitMs);
    timer.unref();
    try {
      if (child.pid === undefined) await once(child, "spawn"); // rejects with why it could not be started
      await this.#cgroup?.add(child.pid!);
      const channel = this.#channel;
      channel.on("error", () => {});
      channel.write("go\n");
      const first = Promise.withResolvers<boolean>();
      channel.once("readable", () => first.resolve(channel.read(1) !== null));
      void this.ended.then(() => first.resolve(false));
      if (!(await first.promise))
        throw new SandboxFailure(`sandbox: the ${this.#settings.runtime.name} interpreter ended before its program: ${this.#lastWords()}`);
    } catch (error) {
      this.kill();
      throw error instanceof SandboxFailure
        ? error
        : new SandboxFailure(`sandbox: the interpreter could not be started: ${(error as Error).message}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #lastWords(): string {
    const { code, signal } = this.#exit!;
    return `${signal === null ? `exit code ${code}` : `signal ${signal}`}, it said "${this.#stderr.captured().text.trim().slice(-500)}"`;
  }

  async #watchEnd(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined) {
      await new Promise((resolve) => child.once("error", resolve));
      this.#exit = { code: null, signal: null };
    } else {
      const info = child.stdio[infoFd] as Readable | null | undefined;
      info?.on("data", (chunk: Buffer) => this.#tree.addInfo(chunk)).on("error", () => {});
      const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
      this.#exit = { code, signal };
      if (this.#settings.containment.kind === "weak") killQuietly(-child.pid); // its children; a jail's are gone
      await this.#untilEmpty();
    }
    this.#settings.slot.stdout.drain();
    this.#settings.slot.stderr.drain();
    if (this.#conversing) await this.#untilHeard();
    this.#channel?.destroy();
    this.#usage = this.#cgroup?.usage();
    this.gone = this.#cgroup?.remove() ?? Promise.resolve();
  }

  /** Where bubblewrap itself was killed, the jail may be dying still. */
  async #untilEmpty(): Promise<void> {
    for (let waitedMs = 0; this.#cgroup !== undefined && !this.#cgroup.isEmpty() && waitedMs < emptyLimitMs; waitedMs++) {
      this.#cgroup.kill();
      await setTimeout(1);
    }
  }

  /** Until the last line it sent has come through; a plain child's own children may keep the channel open. */
  async #untilHeard(): Promise<void> {
    const channel = this.#channel;
    if (channel.destroyed || channel.readableEnded) return;
    await Promise.race([once(channel, "end").catch(() => {}), setTimeout(heardLimitMs, undefined, { ref: false })]);
  }

  #watch(cpuBefore: number): void {
    if (this.#exit !== undefined) return;
    if (this.#cgroup === undefined) this.#tree.sample();
    if (this.#cpuMs() - cpuBefore > this.#settings.limits.cpuMs) this.#stop("cpu");
    if (this.#cgroup === undefined && this.#tree.currentMiB > this.#settings.limits.memoryMiB) this.#stop("memory");
    if ((this.#cgroup?.usage().memoryKills ?? 0) > 0) this.#stop("memory");
  }

  #cpuMs(): number {
    return (this.#usage ?? (this.#exit === undefined ? this.#cgroup?.usage() : undefined))?.cpuMs ?? this.#tree.cpuMs;
  }

  #outcome(cpuMs: number): { readonly end: RunEnd; readonly limitsMet: readonly LimitName[] } {
    const met = new Set<LimitName>();
    const end = endOf({
      exit: this.#exit!,
      reason: this.#reason,
      cpuMs,
      limits: this.#settings.limits,
      memoryKills: this.#usage?.memoryKills ?? 0,
    });
    if (end.kind === "limit") met.add(end.limit);
    if ((this.#usage?.memoryKills ?? 0) > 0) met.add("memory");
    if ((this.#usage?.refusedForks ?? 0) > 0) met.add("processes");
    return { end, limitsMet: [...met] };
  }
}

/** How an end is named. bubblewrap and shells give 128 + n for signal n, so that an exit code of 137 looks like SIGKILL. */
export function endOf({
  exit: { code, signal },
  reason,
  cpuMs,
  limits,
  memoryKills,
}: {
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  readonly reason: LimitName | undefined;
  readonly cpuMs: number;
  readonly limits: Limits;
  readonly memoryKills: number;
}): RunEnd {
  if (reason !== undefined) return { kind: "limit", limit: reason };
  const name = signal ?? signalNames.get((code ?? 0) - 128);
  if (name === undefined) return { kind: "exit", code: code ?? 0 };
  if (name === "SIGXCPU" || (name === "SIGKILL" && cpuMs >= limits.cpuMs)) return { kind: "limit", limit: "cpu" };
  if (name === "SIGXFSZ") return { kind: "limit", limit: "fileSize" };
  if (name === "SIGKILL" && memoryKills > 0) return { kind: "limit", limit: "memory" };
  return { kind: "signal", signal: name };
}

const signalNames: ReadonlyMap<number, string> = new Map(Object.entries(osConstants.signals).map(([name, number]) => [number, name]));

/** The beginning of a stream, and how long it was. */
class Capture {
  readonly #limit: number;
  readonly #onOverrun: () => void;
  readonly #kept: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number, onOverrun: () => void) {
    this.#limit = limit;
    this.#onOverrun = onOverrun;
  }

  add(chunk: Buffer): void {
    const room = this.#limit - this.#bytes;
    if (room > 0) this.#kept.push(chunk.length <= room ? chunk : Buffer.from(chunk.subarray(0, room)));
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limit) this.#onOverrun();
  }

  captured(): Captured {
    return { text: Buffer.concat(this.#kept).toString("utf8"), bytes: this.#bytes, truncated: this.#bytes > this.#limit };
  }
}

function launch({ containment, runtime, limits, slot }: InterpreterSettings): ChildProcess {
  const { command, args, userId, openFiles } = containment.launch(runtime, limits, slot.number);
  const output = [slot.stdout.openForChild(), slot.stderr.openForChild()];
  const files = openFiles();
  try {
    const child = spawn(command, args, {
      cwd: containment.kind === "jail" ? "/" : slot.workFolder(),
      env: containment.kind === "jail" ? {} : { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: slot.workFolder(), LANG: "C.UTF-8" },
      stdio: ["ignore", ...output, "pipe", containment.kind === "jail" ? "pipe" : "ignore", ...files],
      detached: true, // a group of its own, which the terminal's Ctrl-C does not reach
      ...(userId === undefined ? {} : { uid: userId, gid: userId }),
    });
    child.on("error", () => {}); // told by `ready`
    child.unref();
    for (const stream of child.stdio.slice(channelFd)) (stream as { unref?: () => void } | null)?.unref?.();
    return child;
  } finally {
    for (const file of [...output, ...files]) closeSync(file);
  }
}

/** Lengths as 32-bit numbers before what they measure; the drivers read it without a parser. */
export function encodeProgram({ files, entry, args, stdin }: PlainProgram, keepChannel: boolean): Buffer {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const block = (bytes: Uint8Array) => [number(bytes.length), bytes];
  const text = (value: string) => block(Buffer.from(value));
  const all = Object.entries(files);
  return Buffer.concat([
    ...text(entry),
    number(args.length),
    ...args.flatMap(text),
    number(all.length),
    ...all.flatMap(([path, content]) => [...text(path), ...text(content)]),
    ...block(stdin),
    number(keepChannel ? 1 : 0),
  ]);
}

function killQuietly(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ended already
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
