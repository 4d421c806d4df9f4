// The laws of the verifier contract, tried on one verifier with its own cases. A verifier that obeys them can be trained against:
// noise is never paid, a broken reference is never a wrong answer, and the same answer always gets the same verdict, in any order and
// however many are asked at the same time. Whoever asks decides where the verifier runs: the pool's processes, or this one.

import { isDeepStrictEqual } from "node:util";

import { inOrder } from "../base/inOrder.ts";
import { rngFor } from "../base/rng.ts";
import { type Task, taskId } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { Cases } from "./cases.ts";
import { answerLaws, type Probe, pays, probesOf, type Question } from "./probes.ts";
import type { VerifierCall } from "./protocol.ts";

/** A verifier on trial. */
export interface Subject {
  readonly id: string;
  readonly checks: "correctness" | "form";
  readonly cases: Cases;
  ask(call: VerifierCall): Promise<Verdict>;
}

/** A verdict that a law does not allow. */
export interface Breach {
  readonly question: Question;
  /** In words. */
  readonly expected: string;
  readonly got: Verdict;
}

/** What came of one law. */
export interface LawResult {
  readonly law: string;
  /** Why it was not tried. */
  readonly excuse?: string;
  /** Verdicts that were looked at. */
  readonly checked: number;
  readonly breaches: readonly Breach[];
}

const deadlineLaw = "answers within its deadline";
const somethingLaw = "says something about every answer, with a finite score in 0..1";
const repeatLaw = "says the same when asked again";
const orderLaw = "says the same in any order and at any concurrency";

/** All laws by name, in the order in which they are told. */
export const lawNames: readonly string[] = [...Object.values(answerLaws), deadlineLaw, somethingLaw, repeatLaw, orderLaw];

/** Laws that a verifier of form does not promise. */
const ofCorrectness: ReadonlySet<string> = new Set([
  answerLaws.noise,
  answerLaws.blank,
  answerLaws.taskText,
  answerLaws.instruction,
  answerLaws.thinking,
]);

/** Each costs its deadline and a new process: after so many nothing new is learned. */
const maxTimeouts = 3;
const maxCrashes = 25;

/** Questions at the same time, where any order and concurrency is tried. */
const numAtOnce = 8;

/** Tries every law. Rejects only when `ask` does. */
export async function tryLaws(subject: Subject): Promise<LawResult[]> {
  const probes = await applicable(probesOf(subject.cases, subject.checks), subject);
  const answered: Answered[] = [];
  const lost = { timeout: 0, crash: 0 };
  for (const probe of probes) {
    const verdict = await ask(subject, probe.question);
    answered.push({ probe, verdict });
    if (verdict.kind === "unscorable" && (verdict.failure === "timeout" || verdict.failure === "crash")) lost[verdict.failure]++;
    if (lost.timeout >= maxTimeouts || lost.crash >= maxCrashes) break;
  }
  const single = lawNames.slice(0, -2).map((law) => judged(law, { answered, subject }));
  if (answered.length < probes.length) {
    const excuse = `nothing more was asked after ${lost.timeout} timeouts and ${lost.crash} crashes`;
    return [...single, ...[repeatLaw, orderLaw].map((law) => ({ law, excuse, checked: 0, breaches: [] }))];
  }
  const again = await askAll(answered, { subject, numAhead: 1 });
  const backwards = await askAll(answered.toReversed(), { subject, numAhead: numAtOnce });
  return [...single, compared(repeatLaw, answered, again), compared(orderLaw, answered, backwards.toReversed())];
}

interface Answered {
  readonly probe: Probe;
  readonly verdict: Verdict;
}

/** Without the probes that would be right answers. */
async function applicable(probes: readonly Probe[], subject: Subject): Promise<Probe[]> {
  const kept: Probe[] = [];
  for (const probe of probes) {
    if (probe.unless === undefined || !pays(await ask(subject, probe.unless))) kept.push(probe);
  }
  return kept;
}

/** A law about single verdicts. */
function judged(law: string, { answered, subject }: { readonly answered: readonly Answered[]; readonly subject: Subject }): LawResult {
  if (subject.checks === "form" && ofCorrectness.has(law)) return { law, excuse: "promises form only", checked: 0, breaches: [] };
  const looked = answered.filter(
    ({ probe }) => law === deadlineLaw || (law === somethingLaw ? probe.law !== answerLaws.reference : probe.law === law),
  );
  if (looked.length === 0) return { law, excuse: "no case asks for it", checked: 0, breaches: [] };
  const breaches = looked.flatMap(({ probe, verdict }) => {
    const expected =
      law === deadlineLaw ? withinDeadline(verdict) : law === somethingLaw ? saysSomething(verdict, probe) : judgedBy(probe, verdict);
    return expected === undefined ? [] : [{ question: probe.question, expected, got: verdict }];
  });
  return { law, checked: looked.length, breaches };
}

/** What was expected, where it is not what came. A checker that was lost is told of by the laws about that. */
function judgedBy({ holds, expected, law }: Probe, verdict: Verdict): string | undefined {
  const isLost = verdict.kind === "unscorable" && (verdict.failure === "timeout" || verdict.failure === "crash");
  if (isLost && law !== answerLaws.reference && law !== answerLaws.accepts) return undefined;
  return holds(verdict) ? undefined : expected;
}

function withinDeadline(verdict: Verdict): string | undefined {
  return verdict.kind === "unscorable" && verdict.failure === "timeout" ? "a verdict before the deadline" : undefined;
}

function saysSomething(verdict: Verdict, { law }: Probe): string | undefined {
  if (verdict.kind === "unscorable") {
    const isToldElsewhere = verdict.failure === "timeout" || (law === answerLaws.blank && verdict.failure === "reference");
    return isToldElsewhere ? undefined : "a score";
  }
  if (!(verdict.score >= 0 && verdict.score <= 1)) return "a score in 0..1"; // NaN is neither
  return verdict.evidence.trim() !== "" && verdict.evidence.isWellFormed() ? undefined : "evidence that can be read";
}

/** Timeouts are left to the law about them: whether one is met again depends on the machine. */
function compared(law: string, answered: readonly Answered[], again: readonly Verdict[]): LawResult {
  const breaches = answered.flatMap(({ probe, verdict }, i) => {
    const isSame = isDeepStrictEqual(verdict, again[i]) || (verdict.kind === "unscorable" && verdict.failure === "timeout");
    return isSame ? [] : [{ question: probe.question, expected: `as before, ${JSON.stringify(verdict)}`, got: again[i]! }];
  });
  return { law, checked: answered.length, breaches };
}

async function askAll(
  answered: readonly Answered[],
  { subject, numAhead }: { readonly subject: Subject; readonly numAhead: number },
): Promise<Verdict[]> {
  async function* questions() {
    for (const { probe } of answered) yield probe.question;
  }
  return Array.fromAsync(inOrder(questions(), { work: (question) => ask(subject, question), numAhead }));
}

/** The same question always has the same random stream. */
function ask({ id, ask: askVerifier }: Pick<Subject, "id" | "ask">, question: Question): Promise<Verdict> {
  return askVerifier(callOf(question, id));
}

/** A question as a worker process is asked it. */
export function callOf({ task: content, thinkingBudget, reference, answer, thinking }: Question, verifier: string): VerifierCall {
  const messages = [{ role: "user", content }] as const;
  const family = "laws";
  const budget = thinkingBudget === undefined ? {} : { thinkingBudget };
  const task: Task = { id: taskId({ family, messages }), family, messages, verifier, reference, ...budget };
  return { verifier, task, answer, thinking, seed: rngFor("laws", answer).seed };
}
