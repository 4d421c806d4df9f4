// The main thread's side of one engine: calls as promises, sampled responses as a stream.
// A thread that dies fails every open call.

import { Worker } from "node:worker_threads";

import { EngineError } from "../base/errors.ts";
import type { SampledResponse } from "../policy/response.ts";
import type { CallName, EngineCalls, EngineStart, FromEngine, ToEngine } from "./protocol.ts";

interface OpenCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly item: (item: SampledResponse) => void;
}

const goOn = "resume the run from its last checkpoint";

/** What V8, its threads and ONNX Runtime say when there is no memory left. */
const outOfMemory = /allocation failed|out of memory|memory limit|bad_alloc|Failed to allocate/i;

/** A failure for want of memory, with what takes less of it; undefined for any other failure. */
export function memoryText(message: string): string | undefined {
  if (!outOfMemory.test(message)) return undefined;
  return `the engine: needs more memory than there is, got ${message}; lower engine.maxSequences, engine.microBatchTokens or engine.numThreads, or take a smaller model`;
}

/** One engine, called from another thread. */
export class EngineClient implements AsyncDisposable {
  private readonly worker: Worker;
  private readonly open = new Map<number, OpenCall>();
  private nextId = 0;
  private failure: Error | undefined;
  private closing: Promise<void> | undefined;

  constructor(start: EngineStart) {
    // The same file, as source in the repository and as JavaScript in the published package.
    const file = new URL(import.meta.url.endsWith(".ts") ? "./engineThread.ts" : "./engineThread.js", import.meta.url);
    this.worker = new Worker(file, { workerData: start });
    this.worker.on("message", (message: FromEngine) => this.receive(message));
    this.worker.on("error", (cause) => {
      const { message } = cause as Error;
      this.fail(new EngineError(memoryText(message) ?? `the engine's thread failed: ${message}; ${goOn}`, cause));
    });
    this.worker.on("exit", (code) => this.fail(new EngineError(`the engine's thread ended with code ${code}; ${goOn}`)));
  }

  call<Name extends CallName>(name: Name, argument: EngineCalls[Name]["in"]): Promise<EngineCalls[Name]["out"]> {
    return this.start({ name, argument, item: () => {} }).result as Promise<EngineCalls[Name]["out"]>;
  }

  /** Responses as they finish. An aborted signal ends the stream with the unfinished ones, as cancelled. */
  async *sample(argument: EngineCalls["sample"]["in"], signal: AbortSignal): AsyncGenerator<SampledResponse> {
    const ready: SampledResponse[] = [];
    let wake: () => void = () => {};
    let isDone = false;
    const item = (response: SampledResponse): void => {
      ready.push(response);
      wake();
    };
    const { id, result } = this.start({ name: "sample", argument, item });
    const cancel = (): void => this.post({ kind: "cancel", id });
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    const settled = result.finally(() => {
      isDone = true;
      wake();
    });
    settled.catch(() => {}); // awaited below
    try {
      while (!isDone || ready.length > 0) {
        if (ready.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        yield* ready.splice(0);
      }
      await settled;
    } finally {
      signal.removeEventListener("abort", cancel);
      if (!isDone) cancel();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  private async close(): Promise<void> {
    if (this.failure !== undefined) return;
    for (const id of this.open.keys()) this.post({ kind: "cancel", id });
    await this.call("dispose", undefined);
    this.failure = new EngineError("the engine was closed");
    // Never while a graph runs: that aborts the whole process.
    await this.worker.terminate();
  }

  private start({ name, argument, item }: { name: CallName; argument: unknown; item: OpenCall["item"] }): {
    id: number;
    result: Promise<unknown>;
  } {
    const id = this.nextId++;
    const result = new Promise<unknown>((resolve, reject) => {
      if (this.failure !== undefined) reject(this.failure);
      else this.open.set(id, { resolve, reject, item });
    });
    // The pair of name and argument is typed by `call` and `sample`.
    if (this.failure === undefined) this.post({ kind: "call", id, name, argument } as ToEngine);
    return { id, result };
  }

  private post(message: ToEngine): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromEngine): void {
    const call = this.open.get(message.id);
    if (call === undefined) return;
    if (message.kind === "item") {
      call.item(message.item);
      return;
    }
    this.open.delete(message.id);
    if (message.kind === "result") call.resolve(message.result);
    else call.reject(new EngineError(memoryText(message.error.message) ?? message.error.message, message.error.stack));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const call of this.open.values()) call.reject(this.failure);
    this.open.clear();
  }
}
