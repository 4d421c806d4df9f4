// One verifier on trial where it will work: in processes of the pool, which are killed at the deadline. Its author's cases and the
// laws of laws.ts, and what only a process of its own can show: whether many calls leave something behind.

import type { Containment } from "../../sandbox/client.ts";
import type { Verdict } from "../data/verdict.ts";
import { parseCases } from "./cases.ts";
import { callOf, type LawResult, lawNames, tryLaws } from "./laws.ts";
import { startVerifierPool } from "./pool.ts";
import type { Question } from "./probes.ts";
import type { VerifierDescription } from "./protocol.ts";
import { WorkerProcess } from "./workerProcess.ts";

const leftoverLaw = "leaves nothing behind";

/** All laws that are tried, in the order in which they are told. */
export const examinedLaws: readonly string[] = [...lawNames, leftoverLaw];

/** Of one question in one process. What stays of each call adds up: timers, files, memory, processes. */
const numRepeatedCalls = 100;
/** More than what is compiled, cached once and measured with noise. */
const maxGrowthKiB = 2048;

/** What came of a trial. */
export interface Examination {
  readonly verifier: VerifierDescription;
  readonly numCases: number;
  readonly laws: readonly LawResult[];
  /** Whether no law was broken. */
  readonly holds: boolean;
}

/** How a verifier is tried. */
export interface ExaminationSettings {
  readonly deadlineMs: number;
  readonly numWorkers: number;
  /** What holds the programs that it runs. */
  readonly containment: Containment;
}

/** Tries the verifier that `file` exports. A VerifierError where it, or its cases, cannot be used; rejects when `signal` is aborted. */
export async function examineVerifier(
  file: string,
  { deadlineMs, numWorkers, containment }: ExaminationSettings,
  signal: AbortSignal,
): Promise<Examination> {
  const { description, cases } = await readCases(file, containment);
  const { id, checks } = description;
  await using pool = await startVerifierPool({ verifiers: [{ file, deadlineMs }], numWorkers, containment });
  const laws = await tryLaws({ id, checks, cases, ask: (call) => pool.verify(call, signal) });
  const of = cases.answered.find(({ accepted }) => accepted.length > 0)!;
  const [accepted] = of.accepted;
  const answer = typeof accepted === "string" ? { answer: accepted, thinking: "" } : accepted!;
  const question = { task: of.task ?? "?", reference: of.reference, ...answer };
  const wasLost = laws.some(({ breaches }) => breaches.some(({ got }) => got.kind === "unscorable" && got.failure === "timeout"));
  const leftover = wasLost
    ? skipped("it does not answer in time")
    : await tryLeftovers(file, { id, question, deadlineMs, containment }, signal);
  const all = [...laws, leftover];
  return {
    verifier: description,
    numCases: cases.answered.length + cases.broken.length,
    laws: all,
    holds: all.every(({ breaches }) => breaches.length === 0),
  };
}

async function readCases(file: string, containment: Containment) {
  await using worker = new WorkerProcess([file], { containment });
  const [description] = await worker.ready;
  return { description: description!, cases: parseCases(await worker.cases(file), file) };
}

interface LeftoverSettings {
  readonly id: string;
  readonly question: Question;
  readonly deadlineMs: number;
  readonly containment: Containment;
}

/** The same call again and again in one process, which must hold afterwards what it held before. */
async function tryLeftovers(
  file: string,
  { id, question, deadlineMs, containment }: LeftoverSettings,
  signal: AbortSignal,
): Promise<LawResult> {
  await using worker = new WorkerProcess([file], { containment });
  const call = callOf(question, id);
  const run = async (times: number): Promise<Verdict> => {
    for (let i = 1; i < times && worker.alive; i++) {
      signal.throwIfAborted();
      await worker.run(call, deadlineMs);
    }
    return await worker.run(call, deadlineMs);
  };
  const told = (expected: string, got: Verdict): LawResult => ({
    law: leftoverLaw,
    checked: 1,
    breaches: [{ question, expected, got }],
  });
  await run(numRepeatedCalls); // what is compiled and cached once is no leftover
  const before = await worker.holdings();
  const verdict = await run(numRepeatedCalls);
  const after = await worker.holdings(); // first: it closes the sandbox, whose processes are not the verifier's
  const { numChildren } = worker;
  if (before === undefined || after === undefined) return told(`a process that lives through ${2 * numRepeatedCalls} calls`, verdict);
  if (numChildren > 0) return told(`no processes left running, got ${numChildren}`, verdict);
  const resources = after.resources - before.resources;
  if (resources >= numRepeatedCalls / 2)
    return told(`no timers, files or sockets left open, got ${resources} after ${numRepeatedCalls} calls`, verdict);
  const grownKiB = after.heldKiB - before.heldKiB;
  if (grownKiB > maxGrowthKiB) return told(`no memory kept, got ${grownKiB} KiB after ${numRepeatedCalls} calls`, verdict);
  return { law: leftoverLaw, checked: 1, breaches: [] };
}

function skipped(excuse: string): LawResult {
  return { law: leftoverLaw, excuse, checked: 0, breaches: [] };
}
