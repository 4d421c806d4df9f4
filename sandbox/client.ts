// The sandbox as the rest of the project sees it: open one, run programs in it, close it. Each program gets an interpreter of its own
// that is thrown away afterwards. What is contained and what is not: README.md beside this file.

import { availableParallelism } from "node:os";

import { openContainment } from "./containment.ts";
import type { Conversation } from "./conversation.ts";
import type { Evaluation, EvaluationResult } from "./isolates.ts";
import type { Containment, Program, RunResult } from "./program.ts";
import { Supervisor } from "./supervisor.ts";

export type { Conversation } from "./conversation.ts";
export { SandboxFailure, SandboxUnavailable } from "./errors.ts";
export type { Evaluation, EvaluationResult } from "./isolates.ts";
export {
  type Containment,
  defaultLimits,
  type Language,
  type Limits,
  languages,
  largestLimits,
  type Program,
  type RunResult,
} from "./program.ts";

export interface SandboxOptions {
  /** "jail" refuses to open where the machine cannot contain programs; "weak" is for a laptop, and no boundary. Default "jail". */
  readonly containment?: Containment;
  /** Programs that run at the same time; others wait. Default: as many as there are processors. */
  readonly concurrency?: number;
  /**
   * Interpreters that wait, started and jailed, for the next program of a kind that has run before. Default: as many as run at
   * the same time, up to 2; 0 starts each on demand.
   */
  readonly warm?: number;
  /** Told once for each program that runs in weak containment. Default: a line on standard error. */
  readonly warn?: (text: string) => void;
}

/** Runs programs that nobody trusts. Closing it kills what still runs. */
export interface Sandbox extends AsyncDisposable {
  readonly containment: Containment;
  /** What is active, in words: the boundary, and what bounds memory and processes. */
  readonly description: string;
  /** Rejects when `signal` is aborted, which kills the program, or with a SandboxFailure; never because of what the program does. */
  run(program: Program, signal?: AbortSignal): Promise<RunResult>;
  /**
   * Starts a program that talks: it hears the caller on descriptor 3 and tells on 4, in lines. Disposing of the conversation kills the program. Time
   * runs as in `run`.
   */
  converse(program: Program, signal?: AbortSignal): Promise<Conversation>;
  /** The same for a partner of a program that is already in conversation: it does not wait for its turn, so that two cannot wait for each other. */
  converseBeside(program: Program, signal?: AbortSignal): Promise<Conversation>;
}

/** What runs functions instead of programs. */
export interface Evaluator {
  /** Calls a pure JavaScript function in a fresh V8 isolate of a jailed process: many times the rate of fresh processes, and no Node. */
  evaluate(evaluation: Evaluation, signal?: AbortSignal): Promise<EvaluationResult>;
}

/** Finds out what this machine can do, proves it with a trial run, and rejects with SandboxUnavailable where it cannot. */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox & Evaluator> {
  const {
    containment = "jail",
    concurrency = availableParallelism(),
    warm = Math.min(2, concurrency),
    warn = warnOnStandardError,
  } = options;
  return new Supervisor({ containment: await openContainment(containment), concurrency, warm, warn });
}

function warnOnStandardError(text: string): void {
  process.stderr.write(`${text}\n`);
}
