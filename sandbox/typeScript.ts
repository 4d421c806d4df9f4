// Types out of TypeScript, before the jail, so that it costs what JavaScript costs. Node's own stripper does it, in a process of its own:
// hostile text can break it for good, or keep it busy, and then the process is thrown away. Nothing is evaluated. A process and no
// thread, since each of V8's heaps claims half of what a process that supervises may have.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import { SandboxFailure } from "./errors.ts";

/** Longer sources are refused: stripping takes about a second for it. */
const maxSourceBytes = 4 << 20;
/** For all files of one program, whatever more it may use. */
const stripLimitMs = 5000;
/** Of the process that strips. */
const startLimitMs = 30_000;

type Files = Readonly<Record<string, string>>;

/** What the worker answers, and once that it can be asked. */
export type StripReply =
  | { readonly kind: "ready" }
  | { readonly kind: "stripped"; readonly files: Files }
  /** A mistake in the source. */
  | { readonly kind: "refused"; readonly why: string }
  /** The stripper itself failed, and may be useless from now on. */
  | { readonly kind: "broken"; readonly why: string };

/** What came of one program's files, and how long it took: a program's own time, since its text decides. */
export type Stripped = { readonly tookMs: number } & (
  | { readonly kind: "stripped"; readonly files: Files }
  | { readonly kind: "refused"; readonly why: string }
  /** Nested type arguments, for one, take time without end. */
  | { readonly kind: "overran" }
);

interface StripSettings {
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Files with types in, files without types out; paths stay. One program at a time. */
export class TypeStripper implements AsyncDisposable {
  #worker: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects when `signal` is aborted, or with a SandboxFailure; never because of what the files hold. */
  strip(files: Files, settings: StripSettings): Promise<Stripped> {
    const next = this.#last.then(() => this.#strip(files, settings));
    this.#last = next.catch(() => {});
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
    worker.ref();
    worker.kill("SIGKILL");
    await once(worker, "exit");
  }

  async #strip(files: Files, { limitMs, signal }: StripSettings): Promise<Stripped> {
    signal.throwIfAborted();
    const bytes = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    if (bytes > maxSourceBytes)
      return { kind: "refused", why: `TypeScript sources of more than ${maxSourceBytes} characters are not read, got ${bytes}`, tookMs: 0 };
    if (this.#worker === undefined) {
      this.#worker = startWorker();
      const started = await this.#next({ limitMs: startLimitMs, signal });
      if (started.kind !== "ready") await this[Symbol.asyncDispose]();
      signal.throwIfAborted();
      if (started.kind !== "ready")
        throw new SandboxFailure(`sandbox: the process that strips types did not start within ${startLimitMs} ms`);
    }
    const startMs = performance.now();
    this.#worker.send(files, () => {}); // a channel that is closed means a process that ends, which is seen
    const reply = await this.#next({ limitMs: Math.min(limitMs, stripLimitMs), signal });
    const tookMs = performance.now() - startMs;
    if (reply.kind === "stripped" || reply.kind === "refused") return { ...reply, tookMs };
    await this[Symbol.asyncDispose]();
    signal.throwIfAborted();
    if (reply.kind === "overran") return { kind: "overran", tookMs };
    return {
      kind: "refused",
      why: `the program could not be read as TypeScript: ${reply.kind === "broken" ? reply.why : "no answer"}`,
      tookMs,
    };
  }

  /** What the worker says next. */
  #next({ limitMs, signal }: StripSettings): Promise<StripReply | { readonly kind: "overran" }> {
    const worker = this.#worker!;
    worker.ref();
    worker.channel?.ref();
    const { promise, resolve } = Promise.withResolvers<StripReply | { readonly kind: "overran" }>();
    const timer = setTimeout(() => resolve({ kind: "overran" }), limitMs);
    const stopped = () => resolve({ kind: "broken", why: "its process ended" });
    const answer = (reply: unknown) => resolve(reply as StripReply);
    worker.once("message", answer).once("error", stopped).once("exit", stopped);
    signal.addEventListener("abort", stopped, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      worker.off("message", answer).off("error", stopped).off("exit", stopped);
      signal.removeEventListener("abort", stopped);
      unref(worker);
    });
  }
}

function startWorker(): ChildProcess {
  const file = fileURLToPath(new URL(`./stripWorker${extname(import.meta.url)}`, import.meta.url));
  const worker = fork(file, {
    execArgv: ["--max-old-space-size=256", "--disable-warning=ExperimentalWarning"],
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  worker.on("error", () => {}); // told where it is asked
  unref(worker);
  return worker;
}

/** It does not keep this process from ending; its channel's end is its own. */
function unref(worker: ChildProcess): void {
  worker.unref();
  worker.channel?.unref();
}
