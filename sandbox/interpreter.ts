// One interpreter from its start to its end: started and contained before its program is known, given one program, and gone with it.
// What comes out of it is bytes that a program may have forged; how it ended is what the kernel says, never what it printed.

import type { Socket } from "node:net";
import { constants as osConstants } from "node:os";
import { setTimeout } from "node:timers/promises";

import type { Cgroup, CgroupUsage } from "./cgroups.ts";
import type { Containment } from "./containment.ts";
import { Conversation } from "./conversation.ts";
import { SandboxFailure } from "./errors.ts";
import { ProcessTree } from "./processTree.ts";
import type { Captured, LimitName, Limits, RunEnd, RunResult } from "./program.ts";
import type { Runtime } from "./runtimes.ts";
import { killQuietly, type Slot } from "./slot.ts";

/** Starting takes 20 to 50 ms on an idle machine; one that takes this long has failed. */
const startLimitMs = 30_000;
/** How often the use of processor time and memory is looked at. */
const watchMs = 20;
/** Killed processes are gone in a millisecond, unless the kernel is busy with their memory. */
const emptyLimitMs = 5000;
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
  readonly #settings: InterpreterSettings;
  readonly #cgroup: Cgroup | undefined;
  readonly #tree: ProcessTree;
  readonly #stdout: Capture;
  readonly #stderr: Capture;
  readonly #input: Socket;
  readonly #exited = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<boolean>();
  #hear: ((chunk: Buffer) => void) | undefined;
  #status = "";
  #reason: LimitName | undefined;
  #killed = false;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #usage: CgroupUsage | undefined;

  constructor(settings: InterpreterSettings) {
    this.#settings = settings;
    const { limits, slot } = settings;
    const { stdout, stderr, output, status, input } = slot.pipes;
    this.#stdout = new Capture(limits.outputBytes, () => this.#stop("output"));
    this.#stderr = new Capture(limits.outputBytes, () => this.#stop("output"));
    stdout.onData((chunk) => this.#stdout.add(chunk));
    stderr.onData((chunk) => this.#stderr.add(chunk));
    output.onData((chunk) => this.#receive(chunk));
    status.onData((chunk) => this.#note(chunk.toString()));
    this.#input = input.openToWrite();
    slot.restore();
    this.#cgroup = slot.group(limits);
    this.#tree = new ProcessTree(slot.pid ?? -1);
    slot.launcher.process.once("exit", this.#launcherEnded);
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
    this.#settings.slot.launcher.process.ref();
  }

  /** Gives it its program. With `keepChannel`, the program can talk with whoever has started it. */
  begin(program: PlainProgram, { keepChannel, wallMs, signal }: BeginSettings): Conversation {
    const conversation = new Conversation({
      write: (line) => void this.#input.write(line),
      kill: () => this.kill(),
      overrun: () => this.#stop("output"),
      result: this.#finish(wallMs, signal),
    });
    if (keepChannel) this.#hear = (chunk) => conversation.hear(chunk);
    this.#input.write(encodeProgram(program, keepChannel));
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
    // What is not known yet, or no jail, ends with its launcher: the slot is not used again.
    this.#tree.killBelow();
    this.#settings.slot.retire();
  }

  #stop(limit: LimitName): void {
    this.#reason ??= limit;
    this.kill();
  }

  /** Has it started by the launcher, and waits for its first byte. */
  async #start(): Promise<void> {
    const { containment, runtime, limits, slot } = this.#settings;
    const timer = startTimer(() => this.kill(), startLimitMs);
    timer.unref();
    try {
      await slot.ready;
      if (!this.#killed) slot.launcher.run(containment.command(runtime, limits));
      void this.#exited.promise.then(() => this.#first.resolve(false));
      if (await this.#first.promise) return;
      await this.ended;
      const memory = `; it needs more memory than ${limits.memoryMiB} MiB`;
      const tooLittle = (this.#usage?.memoryKills ?? 0) > 0 ? memory : "";
      throw new SandboxFailure(`sandbox: the ${runtime.name} interpreter ended before its program: ${this.#lastWords()}${tooLittle}`);
    } catch (error) {
      this.kill();
      slot.retire(); // what kept this one from starting could keep the next
      if (error instanceof SandboxFailure) throw error;
      throw new SandboxFailure(`sandbox: the interpreter could not be started: ${(error as Error).message}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #lastWords(): string {
    const { code, signal } = this.#exit!;
    return `${signal === null ? `exit code ${code}` : `signal ${signal}`}, it said "${this.#stderr.captured().text.trim().slice(-500)}"`;
  }

  /** The first byte says that it waits; what comes later is a conversation, or nobody's business. */
  #receive(chunk: Buffer): void {
    this.#first.resolve(true);
    this.#hear?.(chunk);
  }

  /** Said by bubblewrap, about the jail's first process, and at the end by the launcher. Programs cannot write here. */
  #note(text: string): void {
    this.#status += text;
    this.#tree.noteInfo(this.#status);
    const code = /^exit (\d+)$/m.exec(this.#status)?.[1];
    if (code !== undefined) this.#finished({ code: Number(code), signal: null });
  }

  readonly #launcherEnded = (): void => this.#finished({ code: null, signal: "SIGKILL" });

  #finished(exit: { readonly code: number | null; readonly signal: string | null }): void {
    this.#exit ??= exit;
    this.#exited.resolve();
  }

  async #watchEnd(): Promise<void> {
    const { slot, containment } = this.#settings;
    if (slot.pid === undefined) this.#finished({ code: null, signal: null });
    await this.#exited.promise;
    slot.launcher.process.off("exit", this.#launcherEnded);
    if (containment.kind === "weak") slot.retire(); // its children; a jail's are gone
    await this.#untilEmpty();
    for (const pipe of [slot.pipes.stdout, slot.pipes.stderr, slot.pipes.output]) {
      pipe.drain();
      pipe.onData(undefined);
    }
    this.#input.destroy();
    this.#usage = this.#cgroup?.usage();
    slot.launcher.process.unref();
  }

  /** Where the launcher or bubblewrap itself was killed, the jail may be dying still. */
  async #untilEmpty(): Promise<void> {
    for (let waitedMs = 0; this.#cgroup !== undefined && waitedMs < emptyLimitMs; waitedMs++) {
      const left = this.#cgroup.others(this.#settings.slot.pid);
      if (left.length === 0) return;
      for (const pid of left) killQuietly(pid);
      await setTimeout(1);
    }
  }

  #watch(cpuBefore: number): void {
    if (this.#exit !== undefined) return;
    if (this.#cgroup === undefined) this.#tree.sample();
    if (this.#cpuMs() - cpuBefore > this.#settings.limits.cpuMs) this.#stop("cpu");
    if (this.#cgroup === undefined && this.#tree.currentMiB > this.#settings.limits.memoryMiB) this.#stop("memory");
    if ((this.#cgroup?.usage().memoryKills ?? 0) > 0) this.#stop("memory");
  }

  #cpuMs(): number {
    return (this.#usage ?? this.#cgroup?.usage())?.cpuMs ?? this.#tree.cpuMs;
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

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
