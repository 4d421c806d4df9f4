// Who runs when, and in which interpreter: a bounded number at a time, each in an interpreter that waits already where there is one.
// An interpreter takes one program and is gone; its slot is used again. Interpreters wait for kinds of programs that have come before.

import type { Containment } from "./containment.ts";
import { Conversation } from "./conversation.ts";
import { SandboxFailure } from "./errors.ts";
import { Interpreter, type PlainProgram } from "./interpreter.ts";
import { type Evaluation, type EvaluationResult, Isolates } from "./isolates.ts";
import {
  type Captured,
  type Containment as ContainmentKind,
  defaultLimits,
  type Limits,
  largestLimits,
  type Program,
  type RunResult,
} from "./program.ts";
import { type RuntimeName, runtimeOf } from "./runtimes.ts";
import { Slot } from "./slot.ts";
import { type Stripped, TypeStripper } from "./typeScript.ts";

/** Kinds of interpreters that are kept waiting at the same time; the one not asked for longest makes room. */
const maxWarmKinds = 4;

/** Interpreters that can take each other's programs. */
interface Kind {
  readonly key: string;
  readonly runtime: RuntimeName;
  readonly limits: Limits;
}

interface Waiting {
  readonly interpreter: Interpreter;
  readonly slot: Slot;
}

export interface SupervisorSettings {
  readonly containment: Containment;
  readonly concurrency: number;
  readonly warm: number;
  readonly warn: (text: string) => void;
}

/** How a program is begun. */
interface How {
  readonly keepChannel: boolean;
  readonly signal: AbortSignal | undefined;
  /** Whether it counts among those that run at the same time. */
  readonly inTurn: boolean;
  readonly runtime?: RuntimeName;
}

export class Supervisor implements AsyncDisposable {
  readonly #settings: SupervisorSettings;
  /** By kind, the kind asked for last at the end. */
  readonly #warm = new Map<string, { readonly kind: Kind; readonly waiting: Waiting[] }>();
  readonly #freeSlots: Slot[] = [];
  readonly #live = new Set<Waiting>();
  readonly #going = new Set<Promise<void>>();
  readonly #queue: (() => void)[] = [];
  readonly #stripper = new TypeStripper();
  readonly #isolates: Isolates;
  readonly #closing = new AbortController();
  #numRunning = 0;

  constructor(settings: SupervisorSettings) {
    this.#settings = settings;
    const start = (program: Program) => this.#converse(program, { signal: undefined, inTurn: false, runtime: "isolates" });
    this.#isolates = new Isolates(start, settings.concurrency);
  }

  get containment(): ContainmentKind {
    return this.#settings.containment.kind;
  }

  get description(): string {
    return this.#settings.containment.description;
  }

  async run(program: Program, signal?: AbortSignal): Promise<RunResult> {
    const begun = await this.#begin(program, { keepChannel: false, signal, inTurn: true });
    return begun.kind === "refused" ? begun.result : await begun.conversation.result;
  }

  async converse(program: Program, signal?: AbortSignal): Promise<Conversation> {
    return await this.#converse(program, { signal, inTurn: true });
  }

  async converseBeside(program: Program, signal?: AbortSignal): Promise<Conversation> {
    return await this.#converse(program, { signal, inTurn: false });
  }

  async evaluate(evaluation: Evaluation, signal?: AbortSignal): Promise<EvaluationResult> {
    return await this.#isolates.evaluate(evaluation, this.#stop(signal));
  }

  async #converse(program: Program, how: Omit<How, "keepChannel">): Promise<Conversation> {
    const begun = await this.#begin(program, { keepChannel: true, ...how });
    return begun.kind === "refused" ? Conversation.ended(begun.result) : begun.conversation;
  }

  async #begin(
    program: Program,
    { keepChannel, signal, inTurn, runtime = runtimeOf[program.language] }: How,
  ): Promise<{ kind: "begun"; conversation: Conversation } | { kind: "refused"; result: RunResult }> {
    checkProgram(program);
    const stop = this.#stop(signal);
    stop.throwIfAborted();
    if (this.containment === "weak") {
      this.#settings.warn(
        "sandbox: weak containment, this program can read and write your files and reach the network; install bubblewrap to contain it",
      );
    }
    const { wallMs = defaultLimits.wallMs } = program.limits ?? {};
    const plain = await this.#plain(program, wallMs, stop);
    if (plain.kind === "refused") return { kind: "refused", result: { ...plain.result, containment: this.containment } };
    if (inTurn) await this.#turn(stop);
    const done = () => {
      if (inTurn) this.#numRunning--;
      if (inTurn) this.#queue.shift()?.();
      setImmediate(() => this.#refill()); // the result first
    };
    try {
      const interpreter = await this.#ready(kindOf(program, runtime), stop);
      const conversation = interpreter.begin(plain.program, {
        keepChannel,
        wallMs: Math.max(1, wallMs - plain.tookMs),
        signal: stop,
      });
      void conversation.result.then(done, done);
      return { kind: "begun", conversation };
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Kills what runs and what waits. Programs in flight are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new SandboxFailure("sandbox: it was closed while a program waited or ran; close it after the last result"));
    for (const wake of this.#queue.splice(0)) wake();
    const live = [...this.#live];
    for (const { interpreter } of live) {
      interpreter.hold();
      interpreter.kill();
    }
    await Promise.all(live.map(({ interpreter }) => interpreter.ended));
    for (const slot of this.#freeSlots.splice(0)) this.#dispose(slot);
    await this.#stripper[Symbol.asyncDispose]();
    await Promise.all(this.#going);
    this.#settings.containment[Symbol.dispose]();
  }

  #stop(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  async #plain(program: Program, wallMs: number, stop: AbortSignal): Promise<Plain> {
    const { files, entry, args = [], stdin = "" } = program;
    const bytes = typeof stdin === "string" ? Buffer.from(stdin) : stdin;
    if (program.language !== "typescript") return { kind: "plain", program: { files, entry, args, stdin: bytes }, tookMs: 0 };
    const stripped = await this.#stripper.strip(files, { limitMs: wallMs, signal: stop });
    if (stripped.kind !== "stripped") return { kind: "refused", result: notBegun(stripped) };
    return { kind: "plain", program: { files: stripped.files, entry, args, stdin: bytes }, tookMs: stripped.tookMs };
  }

  /** Waits until fewer than `concurrency` programs run. */
  async #turn(stop: AbortSignal): Promise<void> {
    while (this.#numRunning >= this.#settings.concurrency) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push(resolve);
      stop.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      const place = this.#queue.indexOf(resolve);
      if (place >= 0) this.#queue.splice(place, 1);
      if (stop.aborted) {
        this.#queue.shift()?.(); // its turn is somebody else's
        stop.throwIfAborted();
      }
    }
    this.#numRunning++;
  }

  async #ready(kind: Kind, stop: AbortSignal): Promise<Interpreter> {
    const {
      waiting: { interpreter },
      wasWarm,
    } = this.#take(kind);
    interpreter.hold();
    try {
      await untilAborted(interpreter.ready, stop);
      return interpreter;
    } catch (error) {
      interpreter.kill();
      await interpreter.ended;
      // One that had waited, or a launcher, may have been killed by anybody, such as a machine short of memory: that is not the program's fault.
      if (wasWarm && !stop.aborted) return this.#ready(kind, stop);
      throw error;
    }
  }

  #dispose(slot: Slot): void {
    const gone = slot[Symbol.asyncDispose]();
    this.#going.add(gone);
    void gone.then(() => this.#going.delete(gone));
  }

  /** An interpreter that waits, or a new one. */
  #take(kind: Kind): { readonly waiting: Waiting; readonly wasWarm: boolean } {
    const known = this.#warm.get(kind.key) ?? { kind, waiting: [] };
    this.#warm.delete(kind.key);
    if (this.#settings.warm > 0 && kind.runtime !== "isolates") this.#warm.set(kind.key, known); // a host stays as it is
    for (const [key, { waiting }] of [...this.#warm].slice(0, -maxWarmKinds)) {
      for (const { interpreter } of waiting) interpreter.kill();
      this.#warm.delete(key);
    }
    for (let next = known.waiting.shift(); next !== undefined; next = known.waiting.shift()) {
      if (next.interpreter.alive) return { waiting: next, wasWarm: true };
    }
    return { waiting: this.#start(kind), wasWarm: false };
  }

  /** Starts what should wait and does not. While programs queue, their own start is all there is time for. */
  #refill(): void {
    if (this.#closing.signal.aborted || this.#queue.length > 0) return;
    for (const { kind, waiting } of this.#warm.values()) {
      while (waiting.length < this.#settings.warm) waiting.push(this.#start(kind));
    }
  }

  #start({ runtime: name, limits }: Kind): Waiting {
    const { containment } = this.#settings;
    const runtime = containment.runtime(name);
    const free = this.#freeSlots.findIndex((slot) => slot.runtime.driver === runtime.driver);
    const slot = free >= 0 ? this.#freeSlots.splice(free, 1)[0]! : new Slot({ containment, runtime });
    const waiting = { slot, interpreter: new Interpreter({ containment, runtime, limits, slot }) };
    this.#live.add(waiting);
    void waiting.interpreter.ended.then(() => {
      this.#live.delete(waiting);
      // In weak containment a child may have stayed behind, with the slot's pipes in its hands.
      if (this.containment === "jail" && slot.alive && !this.#closing.signal.aborted) this.#freeSlots.push(slot);
      else this.#dispose(slot);
    });
    return waiting;
  }
}

function kindOf({ limits }: Program, runtime: RuntimeName): Kind {
  const all = { ...defaultLimits, ...limits, wallMs: defaultLimits.wallMs }; // whoever hands a program over keeps its time
  return { key: JSON.stringify([runtime, ...Object.keys(defaultLimits).map((name) => all[name as keyof Limits])]), runtime, limits: all };
}

function checkProgram({ files, entry, limits = {} }: Program): void {
  if (!Object.hasOwn(files, entry)) {
    throw new SandboxFailure(
      `sandbox: entry must be one of the files, got "${entry}" and ${
        Object.keys(files)
          .map((name) => `"${name}"`)
          .join(", ") || "none"
      }`,
    );
  }
  for (const path of Object.keys(files)) {
    if (path.startsWith("/") || path.includes("\0") || path.split("/").some((part) => part === "" || part === "." || part === "..")) {
      throw new SandboxFailure(`sandbox: a file's path must lead from the program's folder to a place in it, got ${JSON.stringify(path)}`);
    }
  }
  for (const [name, value] of Object.entries(limits)) {
    const most = largestLimits[name as keyof Limits];
    if (!Number.isSafeInteger(value) || value < 1 || value > most)
      throw new SandboxFailure(`sandbox: the limit ${name} must be a whole number from 1 to ${most}, got ${value}`);
  }
}

/** A program without types and the time that took of its own, or what came of one that is none. */
type Plain =
  | { readonly kind: "plain"; readonly program: PlainProgram; readonly tookMs: number }
  | { readonly kind: "refused"; readonly result: Omit<RunResult, "containment"> };

/** What Node would say to a file that is not TypeScript, or a program that used up its time before it ran. */
function notBegun(stripped: Exclude<Stripped, { kind: "stripped" }>): Omit<RunResult, "containment"> {
  const text = stripped.kind === "refused" ? stripped.why : "";
  const used = { stdout: captured(""), stderr: captured(text), cpuMs: 0, wallMs: Math.round(stripped.tookMs), peakMemoryMiB: 0 };
  if (stripped.kind === "refused") return { end: { kind: "exit", code: 1 }, limitsMet: [], ...used };
  return { end: { kind: "limit", limit: "wall" }, limitsMet: ["wall"], ...used };
}

function captured(text: string): Captured {
  return { text, bytes: Buffer.byteLength(text), truncated: false };
}

async function untilAborted(promise: Promise<void>, stop: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(stop.reason);
  stop.addEventListener("abort", abort, { once: true });
  try {
    stop.throwIfAborted();
    await Promise.race([promise, aborted.promise]);
  } finally {
    stop.removeEventListener("abort", abort);
  }
}
