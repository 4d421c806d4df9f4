// One call of a verifier, inside its worker process: parse the reference, call, and see that what came back is a verdict.
// Whatever goes wrong becomes an unscorable verdict; only the hard kill is left to the pool.

import { inspect } from "node:util";

import { SandboxFailure, SandboxUnavailable } from "../../sandbox/client.ts";
import type { Clock } from "../base/clock.ts";
import { parseWith } from "../base/parse.ts";
import { rngFromSeed } from "../base/rng.ts";
import { type FailureKind, Verdict } from "../data/verdict.ts";
import { parseReference } from "./load.ts";
import type { VerifierCall } from "./protocol.ts";
import type { Verifier, VerifierContext } from "./verifier.ts";

/** Evidence and reasons are cut to it, so that one call cannot fill the store. */
const maxTextChars = 4000;

export interface CheckSettings {
  readonly call: VerifierCall;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly sandbox: VerifierContext["sandbox"];
}

/** The verdict of one call. One that comes after the deadline is a timeout, whatever it says. */
export async function checkAnswer(verifier: Verifier, { call, deadlineMs, clock, sandbox }: CheckSettings): Promise<Verdict> {
  const startMs = clock.elapsedMs();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new DOMException(`${deadlineMs} ms are over`, "TimeoutError")), deadlineMs);
  const verdict = await judge(verifier, { call, context: { signal: deadline.signal, rng: rngFromSeed(call.seed), deadlineMs, sandbox } });
  clearTimeout(timer);
  const tookMs = clock.elapsedMs() - startMs;
  // Timers may fire a little early: once the signal has said that time is over, it is.
  if (!deadline.signal.aborted && tookMs <= deadlineMs) return verdict;
  return unscorable("timeout", `the deadline of ${deadlineMs} ms was over when the verifier returned, after ${Math.ceil(tookMs)} ms`);
}

async function judge(
  verifier: Verifier,
  { call, context }: { readonly call: VerifierCall; readonly context: VerifierContext },
): Promise<Verdict> {
  const { task, answer, thinking } = call;
  try {
    const reference = parseReference(verifier.reference, task.reference);
    if (!reference.success) return unscorable("reference", reference.reason);
    return toVerdict(await verifier.verify({ task, reference: reference.data, answer, thinking }, context));
  } catch (error) {
    if (error instanceof SandboxUnavailable || error instanceof SandboxFailure) return unscorable("sandbox", error.message);
    return unscorable("crash", `the verifier threw ${error instanceof Error ? `${error.name}: ${error.message}` : shown(error)}`);
  }
}

function toVerdict(returned: unknown): Verdict {
  const parsed = parseWith(Verdict, returned);
  if (!parsed.success) {
    const { path, rule } = parsed;
    return unscorable("crash", `the verifier returned no verdict: ${path === "" ? "it" : path} ${rule}, in ${shown(returned)}`);
  }
  const verdict = parsed.data;
  if (verdict.kind === "unscorable") return unscorable(verdict.failure, verdict.reason);
  return withFewComponents({ ...verdict, evidence: storable(verdict.evidence) });
}

/** More say nothing to a person, and would fill the store; the first ones stay, and the evidence says so. */
const maxComponents = 64;
const maxNameChars = 100;

function withFewComponents(verdict: Extract<Verdict, { kind: "scored" }>): Verdict {
  const all = Object.entries(verdict.components ?? {});
  const kept = all.filter(([name]) => name.length <= maxNameChars).slice(0, maxComponents);
  if (kept.length === all.length) return verdict;
  const caps = `at most ${maxComponents}, with names of at most ${maxNameChars} characters`;
  const evidence = `${verdict.evidence} (${kept.length} of ${all.length} components kept: ${caps})`;
  return { ...verdict, evidence, components: Object.fromEntries(kept) };
}

function unscorable(failure: FailureKind, reason: string): Verdict {
  return { kind: "unscorable", failure, reason: storable(reason) };
}

function storable(text: string): string {
  return (text.length <= maxTextChars ? text : `${text.slice(0, maxTextChars)}... (${text.length} characters)`).toWellFormed();
}

function shown(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 5, maxStringLength: 80 });
}
