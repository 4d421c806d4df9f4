// Ctrl-C as two signals: the first asks for the step to be finished and saved, the second ends everything at once. That is safe:
// whatever moment it falls in, a run goes on from its last checkpoint.

import { printError } from "./output.ts";

/** What Ctrl-C and SIGTERM mean to whoever works. */
export interface Interrupts extends Disposable {
  /** Finish the step, save, end. */
  readonly stop: AbortSignal;
  /** End now. */
  readonly signal: AbortSignal;
}

/** What a shell expects of a process that Ctrl-C ended: 128 and the signal's number. */
export const interruptedExitCode = 130;

/** The engine cannot be interrupted inside a graph; after so long the process ends without it. */
const patienceMs = 500;

/** Listens until disposed. `onStop` says what is going to happen. */
export function catchInterrupts(onStop: () => void): Interrupts {
  const stop = new AbortController();
  const now = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const ignore = (): void => {
    for (const name of names) process.off(name, interrupt);
  };
  const interrupt = (): void => {
    if (!stop.signal.aborted) {
      onStop();
      stop.abort();
      return;
    }
    printError("stopped at once");
    now.abort();
    ignore();
    // Not process.exit: it tears down the engine's thread, which aborts when it is inside a graph.
    setTimeout(() => process.kill(process.pid, "SIGINT"), patienceMs).unref();
  };
  for (const name of names) process.on(name, interrupt);
  return { stop: stop.signal, signal: now.signal, [Symbol.dispose]: ignore };
}
