// One worker process, seen from the pool: started with nothing of this process's environment, asked one thing at a time, killed
// without asking. What contains an author's mistakes, on Linux: a cap on its data memory, death with its parent even when a
// verifier spins, and a process group of its own, which is killed whole. It is no jail: a verifier's author is trusted.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Containment } from "../../sandbox/client.ts";
import { VerifierError, WorkerError } from "../base/errors.ts";
import type { FailureKind, Verdict } from "../data/verdict.ts";
import {
  type Holdings,
  type PoolMessage,
  type RefusedReference,
  type VerifierCall,
  type VerifierDescription,
  type VerifierReference,
  WorkerMessage,
} from "./protocol.ts";

/** For what is no call: importing files, parsing a batch of references, telling what is held. It may take a while, but not forever. */
export interface WorkLimits {
  /** Of the worker's own processor time, which other programs on the machine do not use up. Linux only. */
  readonly cpuMs: number;
  /** On the clock: for what waits and uses no processor. Long, since a busy machine makes everything wait. */
  readonly wallMs: number;
}
const workLimits: WorkLimits = { cpuMs: 30_000, wallMs: 300_000 };
/** Between two looks at the processor time. */
const lookMs = 500;
/** Units of /proc: clock ticks of 10 ms, as every Linux of these processors has them. */
const msPerTick = 10;
/** A verifier that listens to its signal has this long to give its process back; then it is killed. */
const graceMs = 100;
/** Garbage-collected memory, and everything that a process allocates: V8 alone claims about half of the second. */
const maxHeapMiB = 256;
const maxDataMiB = 1024;
/** Of what a worker printed before it ended: enough for a message and its stack. */
const maxTailChars = 2000;
const maxTailLines = 20;

type Received =
  | { readonly kind: "message"; readonly message: WorkerMessage }
  | { readonly kind: "overran"; readonly limit: keyof WorkLimits; readonly usedMs: number | undefined }
  | { readonly kind: "ended"; readonly how: string };

/** What is asked of a worker and is no call, in the words of a message, and the kind of its answer. */
interface Work<Kind = WorkerMessage["kind"]> {
  readonly what: string;
  readonly doing: string;
  readonly answer: Kind;
}

type Answer<Kind> = Extract<WorkerMessage, { readonly kind: Kind }>;

interface WorkerSettings {
  /** What holds the programs that its verifiers run. */
  readonly containment: Containment;
  /** Default: 30 s of the processor, 5 minutes on the clock. */
  readonly limits?: WorkLimits;
}

/** A worker from its start to its end; disposing of it kills it. */
export class WorkerProcess implements AsyncDisposable {
  /** What the worker's files hold; rejects with a VerifierError when one of them cannot be used, a WorkerError when it never got that far. */
  readonly ready: Promise<readonly VerifierDescription[]>;
  readonly #child: ChildProcess;
  readonly #limits: WorkLimits;
  readonly #ended = Promise.withResolvers<void>();
  #deliver: ((received: Received) => void) | undefined;
  #how: string | undefined;
  #exited = false;
  #tail = "";
  #numCalls = 0;

  constructor(files: readonly string[], { containment, limits = workLimits }: WorkerSettings) {
    this.#limits = limits;
    this.#child = spawnWorker();
    this.#watch();
    this.ready = this.#load(files, containment);
    this.ready.catch(() => {}); // whoever awaits it is told; nobody has to
  }

  /** False once the process has ended or was killed. */
  get alive(): boolean {
    return this.#how === undefined;
  }

  /** Never rejects. One call at a time; the deadline starts when the worker is ready for it. */
  async run(call: VerifierCall, deadlineMs: number): Promise<Verdict> {
    try {
      await this.ready;
    } catch (error) {
      return unscorable("crash", `the worker could not be started again: ${(error as Error).message}`);
    }
    const number = ++this.#numCalls;
    const received = await this.#ask({ kind: "call", number, deadlineMs, call }, { wallMs: deadlineMs + graceMs });
    switch (received.kind) {
      case "message":
        if (received.message.kind === "verdict" && received.message.number === number) return received.message.verdict;
        this.kill("killed for a message out of turn");
        return unscorable("crash", "the worker sent a message out of turn");
      case "overran":
        this.kill("killed at its deadline");
        return unscorable("timeout", `no verdict within ${deadlineMs} ms; the worker was killed`);
      case "ended":
        return unscorable("crash", `the worker ended while checking: ${received.how}`);
      default:
        return received satisfies never;
    }
  }

  /** The cases in one of the worker's files, as they are written; a VerifierError or WorkerError where they cannot be told. */
  async cases(file: string): Promise<unknown> {
    await this.ready;
    const work = { what: `verifier "${file}"`, doing: "telling its cases", answer: "cases" } as const;
    return (await this.#demand({ kind: "tell cases", file }, work)).cases;
  }

  /** The first of `references` that its verifier does not take; a VerifierError or WorkerError where that cannot be told. */
  async refusedReference(references: readonly VerifierReference[]): Promise<RefusedReference | undefined> {
    await this.ready;
    const names = [...new Set(references.map(({ verifier }) => `"${verifier}"`))].join(", ");
    const doing = `parsing the references of ${references.length} tasks`;
    const work = { what: `verifiers ${names}`, doing, answer: "references" } as const;
    return (await this.#demand({ kind: "parse references", references }, work)).refused ?? undefined;
  }

  /** What the process holds between two calls; undefined where it does not say. */
  async holdings(): Promise<Holdings | undefined> {
    const received = await this.#ask({ kind: "tell holdings" }, this.#limits);
    return received.kind === "message" && received.message.kind === "holdings" ? received.message.holdings : undefined;
  }

  /** Processes that it started and that are still there. Linux only; elsewhere none are seen. */
  get numChildren(): number {
    return childrenOf(this.#child.pid);
  }

  /** Ends the process and what it started, at once. `how` is what a call in flight is told. */
  kill(how = "killed by the pool"): void {
    this.#how ??= how;
    if (!this.#exited) killGroup(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#ended.promise;
  }

  async #load(files: readonly string[], containment: Containment): Promise<readonly VerifierDescription[]> {
    const work = { what: `verifiers ${files.map((file) => `"${file}"`).join(", ")}`, doing: "loading them", answer: "ready" } as const;
    return (await this.#demand({ kind: "load", files, containment }, work)).verifiers;
  }

  /** What the worker answers to what is no call. One that does not give this answer is killed. */
  async #demand<Kind extends WorkerMessage["kind"]>(message: PoolMessage, work: Work<Kind>): Promise<Answer<Kind>> {
    const received = await this.#ask(message, this.#limits);
    if (received.kind === "message" && received.message.kind === work.answer) return received.message as Answer<Kind>; // by its kind
    this.kill(`killed while ${work.doing}`);
    throw failureOf(work, { received, limits: this.#limits });
  }

  /** Sends, and waits for one message or the end. */
  #ask(message: PoolMessage, { cpuMs, wallMs }: Pick<WorkLimits, "wallMs"> & Partial<WorkLimits>): Promise<Received> {
    if (this.#how !== undefined) return Promise.resolve({ kind: "ended", how: this.#how });
    const { promise, resolve } = Promise.withResolvers<Received>();
    // Calls are many, and have a limit on the clock alone: /proc is not read for them.
    const usedMs = cpuMs === undefined ? () => undefined : processorWatch(this.#child.pid);
    // A message that already waits in the channel is read before `setImmediate`: a busy pool is not a slow verifier. By then the next
    // thing may have been asked, which has its own time.
    const overrun = (limit: keyof WorkLimits) =>
      setImmediate(() => this.#deliver === deliver && deliver({ kind: "overran", limit, usedMs: usedMs() }));
    const timer = setTimeout(() => overrun("wallMs"), wallMs);
    const looks = cpuMs === undefined ? undefined : setInterval(() => (usedMs() ?? 0) > cpuMs && overrun("cpuMs"), lookMs);
    const deliver = (received: Received): void => {
      clearTimeout(timer);
      clearInterval(looks);
      this.#deliver = undefined;
      resolve(received);
    };
    this.#deliver = deliver;
    this.#child.send(message, () => {}); // a channel that is closed means a process that ends, which is seen there
    return promise;
  }

  #watch(): void {
    const child = this.#child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#tail = (this.#tail + text).slice(-maxTailChars);
      });
    }
    child.on("message", (raw) => {
      const parsed = WorkerMessage.safeParse(raw);
      if (parsed.success && this.#deliver !== undefined) this.#deliver({ kind: "message", message: parsed.data });
      else this.#end("killed for a message that is not of the protocol");
    });
    child.on("disconnect", () => setTimeout(() => this.#end("killed after it closed its channel"), graceMs));
    child.on("error", (error) => {
      this.#exited ||= child.pid === undefined;
      this.#end(`could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) => {
      this.#how ??= signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#exited = true;
      killGroup(child); // what it started; later, the number could be another's
      // "close" waits for the last output; a grandchild that left the group may hold it open.
      const settle = () => this.#end(this.#how!);
      const timer = setTimeout(settle, graceMs);
      child.once("close", () => {
        clearTimeout(timer);
        settle();
      });
    });
  }

  #end(how: string): void {
    this.kill(how);
    const said = this.#tail.trim().split("\n").slice(-maxTailLines).join("\n");
    this.#deliver?.({ kind: "ended", how: said === "" ? this.#how! : `${this.#how}; it last said: ${said}` });
    if (this.#exited) this.#ended.resolve();
  }
}

/** Why there was no answer: a VerifierError for what the worker's files did, else a WorkerError. */
function failureOf(
  { what, doing }: Work,
  { received, limits: { cpuMs, wallMs } }: { readonly received: Received; readonly limits: WorkLimits },
): VerifierError | WorkerError {
  if (received.kind === "ended") return new VerifierError(`${what}: the worker ended while ${doing}: ${received.how}`);
  if (received.kind === "message") {
    const { message } = received;
    return new VerifierError(
      message.kind === "refused" ? message.message : `${what}: the worker sent a message out of turn while ${doing}`,
    );
  }
  const used = received.usedMs === undefined ? "" : ` after ${seconds(received.usedMs)} of processor time`;
  if (received.limit === "cpuMs") {
    const rule = `${doing} may take ${seconds(cpuMs)} of processor time`;
    return new VerifierError(`${what}: ${rule}, got no end${used}; look for what loops or computes there`);
  }
  const cure = "try again when the machine is less busy, or look for what is waited for there";
  return new WorkerError(`${what}: ${doing} may take ${seconds(wallMs)}, got no end${used}; ${cure}`);
}

/** Its processor time from now on. */
function processorWatch(pid: number | undefined): () => number | undefined {
  const startMs = processorMs(pid) ?? 0;
  return () => {
    const nowMs = processorMs(pid);
    return nowMs === undefined ? undefined : nowMs - startMs;
  };
}

/** Of all its threads; undefined once it has ended, or where there is no /proc. */
function processorMs(pid: number | undefined): number | undefined {
  try {
    // Fields after the name, which may hold spaces and parentheses; numbers as in proc(5), from field 3 on.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return msPerTick * (Number(fields[14 - 3]) + Number(fields[15 - 3]));
  } catch {
    return undefined;
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function childrenOf(pid: number | undefined): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").match(/\d+/g) ?? []).length;
  } catch {
    return 0; // it has ended, or there is no /proc
  }
}

function unscorable(failure: FailureKind, reason: string): Verdict {
  return { kind: "unscorable", failure, reason };
}

function spawnWorker(): ChildProcess {
  const extension = extname(import.meta.url);
  const file = fileURLToPath(new URL(`./worker${extension}`, import.meta.url));
  const node = [process.execPath, `--max-old-space-size=${maxHeapMiB}`, "--max-semi-space-size=1", "--disable-warning=ExperimentalWarning"];
  const [command, ...args] = contained([...node, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", file]);
  return spawn(command!, args, {
    // Stripped types are cached: without, each worker would load the compiler that strips them, 17 MiB.
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true, // a group of its own: killed whole, and not reached by the terminal's Ctrl-C
  });
}

/** The command under the limits that this machine can put on it. The limit is soft: programs in a jail have limits of their own. */
function contained(command: readonly string[]): string[] {
  if (process.platform !== "linux") return [...command];
  const withParent = existsSync("/usr/bin/setpriv") ? "/usr/bin/setpriv --pdeathsig KILL -- " : "";
  return ["/bin/sh", "-c", `ulimit -S -d ${maxDataMiB * 1024}; exec ${withParent}"$@"`, "sh", ...command];
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // ended already
  }
}
