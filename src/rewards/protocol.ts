// What the verifier pool and its worker processes say to each other, as JSON over the channel that Node opens between them. The pool
// trusts no worker: each message is parsed, and one that does not fit ends the worker.

import { z } from "zod";

import type { Containment } from "../../sandbox/client.ts";
import type { Task } from "../data/task.ts";
import { Verdict } from "../data/verdict.ts";

/** One answer to check. */
export interface VerifierCall {
  /** Id of the verifier. */
  readonly verifier: string;
  readonly task: Task;
  readonly answer: string;
  readonly thinking: string;
  /** 48 hexadecimal digits; names the random stream that the verifier is given. */
  readonly seed: string;
}

/** What a task gives its verifier. */
export type VerifierReference = Pick<Task, "verifier" | "reference">;

/** What the pool says. */
export type PoolMessage =
  | { readonly kind: "load"; readonly files: readonly string[]; readonly containment: Containment }
  | { readonly kind: "call"; readonly number: number; readonly deadlineMs: number; readonly call: VerifierCall }
  | { readonly kind: "tell cases"; readonly file: string }
  | { readonly kind: "parse references"; readonly references: readonly VerifierReference[] }
  | { readonly kind: "tell holdings" };

/** What is known of a verifier outside its process. */
export const VerifierDescription = z.strictObject({
  file: z.string(),
  id: z.string(),
  version: z.int(),
  checks: z.enum(["correctness", "form"]),
  runsPrograms: z.boolean(),
});
export type VerifierDescription = z.infer<typeof VerifierDescription>;

/** What a worker process holds while it does nothing: what a verifier that lets go of everything leaves as it was. */
export const Holdings = z.strictObject({
  /** Timers, sockets, files and the like that are open. */
  resources: z.int(),
  /** Memory that is still referred to: objects and buffers. */
  heldKiB: z.int(),
});
export type Holdings = z.infer<typeof Holdings>;

/** A reference that its verifier does not take. */
const RefusedReference = z.strictObject({
  /** Its position in what was asked. */
  index: z.int().nonnegative(),
  /** What is wrong with it, in the words of the verifier's schema. */
  reason: z.string(),
});
export type RefusedReference = z.infer<typeof RefusedReference>;

/** What a worker says. */
export const WorkerMessage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready"), verifiers: z.array(VerifierDescription) }),
  /** A file that cannot be used; nothing will be called. */
  z.strictObject({ kind: z.literal("refused"), message: z.string() }),
  z.strictObject({ kind: z.literal("verdict"), number: z.int(), verdict: Verdict }),
  /** As the author wrote them; null where there are none. */
  z.strictObject({ kind: z.literal("cases"), cases: z.unknown() }),
  z.strictObject({ kind: z.literal("holdings"), holdings: Holdings }),
  /** The first that its verifier does not take; null where all are taken. */
  z.strictObject({ kind: z.literal("references"), refused: RefusedReference.nullable() }),
]);
export type WorkerMessage = z.infer<typeof WorkerMessage>;
