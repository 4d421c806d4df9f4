// Entry point of the engine's thread: carries out calls one after another, in the order in which they came.
// Its messages are those of `protocol.ts`.

import { parentPort, workerData } from "node:worker_threads";

import { Engine } from "./engine.ts";
import type { EngineStart, FromEngine, ToEngine } from "./protocol.ts";

const { options, shared } = workerData as EngineStart;
const engine = new Engine(options, shared);
const port = parentPort!;
const running = new Map<number, AbortController>();
let queue: Promise<void> = Promise.resolve();

type Call = Extract<ToEngine, { kind: "call" }>;

port.on("message", (message: ToEngine) => {
  if (message.kind === "cancel") {
    running.get(message.id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(message.id, controller);
  queue = queue.then(() => answer(message, controller.signal));
});

async function answer(call: Call, signal: AbortSignal): Promise<void> {
  try {
    const result = await carryOut(call, signal);
    port.postMessage({ kind: "result", id: call.id, result } satisfies FromEngine);
  } catch (error) {
    const { message, stack = "" } = error as Error;
    port.postMessage({ kind: "error", id: call.id, error: { message, stack } } satisfies FromEngine);
  } finally {
    running.delete(call.id);
    if (call.name === "dispose") port.close();
  }
}

async function carryOut(call: Call, signal: AbortSignal): Promise<unknown> {
  switch (call.name) {
    case "addGraph":
      return engine.addGraph(call.argument.key, call.argument.graph);
    case "forward":
      engine.refresh(call.argument.version);
      return engine.forward(call.argument.samples, call.argument.routing);
    case "forwardBackward":
      engine.refresh(call.argument.version);
      return engine.forwardBackward(call.argument.key, call.argument.work);
    case "reduce":
      return engine.reduce(call.argument);
    case "update":
      engine.refresh(call.argument.version);
      return engine.update(call.argument.work);
    case "sample":
      engine.refresh(call.argument.version);
      for await (const item of engine.sample(call.argument.requests, signal)) {
        port.postMessage({ kind: "item", id: call.id, item } satisfies FromEngine);
      }
      return undefined;
    case "digestParameters":
      return engine.digestParameters();
    case "digestOptimizer":
      return engine.digestOptimizer(call.argument);
    case "dispose":
      return engine[Symbol.asyncDispose]();
    default:
      return call satisfies never;
  }
}
