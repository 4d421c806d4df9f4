// Types out of TypeScript, before the jail, so that it costs what JavaScript costs. Node's own stripper does it, on a worker thread of
// ours: hostile text can break it for good, or keep it busy, and then the thread is thrown away. Nothing is evaluated.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

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
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects only when `signal` is aborted. */
  strip(files: Files, signal: AbortSignal): Promise<Exclude<StripReply, { kind: "broken" }>> {
    const next = this.#last.then(() => this.#strip(files, signal));
    this.#last = next.catch(() => {});
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
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
    const { promise, resolve } = Promise.withResolvers<StripReply>();
    const timer = setTimeout(() => resolve({ kind: "broken", why: `no answer within ${stripLimitMs} ms` }), stripLimitMs);
    const fail = (error: Error) => resolve({ kind: "broken", why: error.message });
    const stopped = () => resolve({ kind: "broken", why: "its thread ended" });
    worker.once("message", resolve).once("error", fail).once("exit", stopped);
    worker.postMessage(files);
    return promise.finally(() => {
      clearTimeout(timer);
      worker.off("message", resolve).off("error", fail).off("exit", stopped);
      worker.unref();
    });
  }
}

function startWorker(): Worker {
  const file = fileURLToPath(new URL(`./stripWorker${extname(import.meta.url)}`, import.meta.url));
  const worker = new Worker(file, { execArgv: ["--disable-warning=ExperimentalWarning"], resourceLimits: { maxOldGenerationSizeMb: 256 } });
  worker.on("error", () => {}); // told where it is asked
  return worker;
}
