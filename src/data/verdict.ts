// What a checker said. A failed check and a failed checker are different things:
// only a scored verdict can become a reward, an unscorable one is counted and left out.

import { z } from "zod";

/** Why a checker could not tell. */
export const FailureKind = z.enum(["timeout", "crash", "sandbox", "judge", "reference"]);
export type FailureKind = z.infer<typeof FailureKind>;

const Scored = z.strictObject({
  kind: z.literal("scored"),
  /** In 0..1, finite. */
  score: z.number().min(0).max(1),
  /** What a person reads to understand the score. */
  evidence: z.string(),
  components: z.record(z.string(), z.number()).exactOptional(),
});

const Unscorable = z.strictObject({
  kind: z.literal("unscorable"),
  failure: FailureKind,
  reason: z.string(),
});

/** Parsed wherever a verdict enters from outside: from an author's verifier, a worker process, the store. */
export const Verdict = z.discriminatedUnion("kind", [Scored, Unscorable]);
export type Verdict = z.infer<typeof Verdict>;

/** `timeout, no verdict after 2000 ms`; a reason that begins with its kind, as those of the sandbox do, says it once. */
export function failureText({ failure, reason }: Pick<z.infer<typeof Unscorable>, "failure" | "reason">): string {
  return reason.startsWith(`${failure}: `) ? reason : `${failure}, ${reason}`;
}
