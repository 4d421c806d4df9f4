// The contract between the trainer and anything that can check an answer. A verifier runs in a worker process of the pool and
// is known there by the file that exports it; laws.ts holds the laws it must obey.

import type { z } from "zod";

import type { Sandbox } from "../../sandbox/client.ts";
import type { Rng } from "../base/rng.ts";
import type { Task } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { BrokenCase, VerifierCase } from "./cases.ts";

/** What a verifier is given beside the answer. */
export interface VerifierContext {
  /** Aborted at the deadline. The process is killed soon after, whether or not the verifier listens. */
  readonly signal: AbortSignal;
  /** Seeded by (run, verifier, task, rollout): a verifier that draws is still repeatable. */
  readonly rng: Rng;
  /** How long the call may take in all; what a program is given must be less, so that hanging costs the program and not the verdict. */
  readonly deadlineMs: number;
  /** Runs untrusted programs. Opened by the first call that asks and kept; rejects where this machine cannot contain them. */
  readonly sandbox: () => Promise<Sandbox>;
}

/** One answer to check. */
export interface VerifierInput<Reference> {
  readonly task: Task;
  /** `task.reference`, parsed by the verifier's own schema. */
  readonly reference: Reference;
  /** The response with thinking removed. */
  readonly answer: string;
  readonly thinking: string;
}

/** What an author exports. */
export interface Verifier<Reference = unknown> {
  readonly id: string;
  /** Raised by any change that can alter a score; stored with every reward. */
  readonly version: number;
  /** Which laws it must obey: only "correctness" promises nothing for noise. */
  readonly checks: "correctness" | "form";
  readonly reference: z.ZodType<Reference>;
  /** Whether it asks for `context.sandbox`: a machine that cannot contain programs is then refused before anything is scored. */
  readonly runsPrograms?: boolean;
  /** What it must say of some answers; `whetstone verifier test` tries them, and the laws on them. */
  readonly cases?: readonly (VerifierCase | BrokenCase)[];
  verify(input: VerifierInput<Reference>, context: VerifierContext): Verdict | Promise<Verdict>;
}

/** Identity with inference: the type of `reference` flows into `verify`. */
export function defineVerifier<Reference>(verifier: Verifier<Reference>): Verifier<Reference> {
  return verifier;
}
