// Types out of TypeScript, before the jail, so that it costs what JavaScript costs. Node's own stripper does it, in a process of its own:
// hostile text can break it for good, or keep it busy, and then the process is thrown away. Nothing is evaluated. A process and no
// thread, since each of V8's heaps claims half of what a process that supervises may have.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** Longer sources are refused: stripping takes about a second for it. */
const maxSourceBytes = 4 << 20;
/** For all files of one program. */
const stripLimitMs = 5000;

type Files = Readonly<Record<string, string>>;

/** What the worker answers. */
export type StripReply =
  | { readonly kind: "stripped"; readonly files: Files }
  /** A mistake in the source. */
  | { readonly kind: "refused"; readonly why: string }
  /** The stripper itself failed, and may be useless from now on. */
  | { readonly kind: "broken"; readonly why: string };

/** Files with types in, files without types out; paths stay. One program at a time. */
export class TypeStripper implements AsyncDisposable {
  #worker: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects only when `signal` is aborted. */
  strip(files: Files, signal: AbortSignal): Promise<Exclude<StripReply, { kind: "broken" }>> {
    const next = this.#last.then(() => this.#strip(files, signal));
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

  async #strip(files: Files, signal: AbortSignal): Promise<Exclude<StripReply, { kind: "broken" }>> {
    signal.throwIfAborted();
    const bytes = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    if (bytes > maxSourceBytes)
      return { kind: "refused", why: `TypeScript sources of more than ${maxSourceBytes} characters are not read, got ${bytes}` };
    const reply = await this.#ask(files);
    signal.throwIfAborted();
    if (reply.kind !== "broken") return reply;
    await this[Symbol.asyncDispose]();
    return { kind: "refused", why: `the program could not be read as TypeScript: ${reply.why}` };
  }

  #ask(files: Files): Promise<StripReply> {
    this.#worker ??= startWorker();
    const worker = this.#worker;
    worker.ref();
    worker.channel?.ref();
    const { promise, resolve } = Promise.withResolvers<StripReply>();
    const timer = setTimeout(() => resolve({ kind: "broken", why: `no answer within ${stripLimitMs} ms` }), stripLimitMs);
    const fail = (error: Error) => resolve({ kind: "broken", why: error.message });
    const stopped = () => resolve({ kind: "broken", why: "its process ended" });
    const answer = (reply: unknown) => resolve(reply as StripReply);
    worker.once("message", answer).once("error", fail).once("exit", stopped);
    worker.send(files, (error) => error !== null && fail(error));
    return promise.finally(() => {
      clearTimeout(timer);
      worker.off("message", answer).off("error", fail).off("exit", stopped);
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
