// A worker process of the verifier pool: loads the files it is told to, says what they hold, then answers one call at a time.
// It ends when its channel closes. A verifier's own output goes to stdout and stderr, which the pool reads; messages do not.

import { flushCompileCache } from "node:module";
import { queryObjects } from "node:v8";

import { type Containment, openSandbox, type Sandbox } from "../../sandbox/client.ts";
import { systemClock } from "../base/clock.ts";
import { provideAuthorModules } from "./authorModules.ts";
import { checkAnswer } from "./check.ts";
import { loadCases, loadVerifier, parseReference } from "./load.ts";
import type { Holdings, PoolMessage, RefusedReference, VerifierDescription, VerifierReference, WorkerMessage } from "./protocol.ts";
import type { Verifier } from "./verifier.ts";

const verifiers = new Map<string, Verifier>();

let containment: Containment = "jail";
let opened: Promise<Sandbox> | undefined;

/** One for the process, which ends with it. A call at a time runs, and a test's jail beside it. */
function sandbox(): Promise<Sandbox> {
  opened ??= openSandbox({ containment, concurrency: 1 });
  return opened;
}

// Bound now, so that nothing a verifier does to `process` later changes where messages go.
const send = process.send!.bind(process) as (message: WorkerMessage) => boolean;

process.on("disconnect", () => process.exit(0));
process.on("message", async (message: PoolMessage) => {
  switch (message.kind) {
    case "load":
      containment = message.containment;
      send(await load(message.files));
      flushCompileCache(); // the pool kills its workers, and a killed process would not write it
      break;
    case "call": {
      const { number, call, deadlineMs } = message;
      const verdict = await checkAnswer(verifiers.get(call.verifier)!, { call, deadlineMs, clock: systemClock, sandbox });
      send({ kind: "verdict", number, verdict });
      break;
    }
    case "tell cases":
      send(await tellCases(message.file));
      break;
    case "parse references":
      send({ kind: "references", refused: firstRefused(message.references) });
      break;
    case "tell holdings":
      send({ kind: "holdings", holdings: await holdings() });
      break;
    default:
      message satisfies never;
  }
});

async function load(files: readonly string[]): Promise<WorkerMessage> {
  provideAuthorModules();
  const descriptions: VerifierDescription[] = [];
  for (const file of files) {
    try {
      const verifier = await loadVerifier(file);
      const { id, version, checks, runsPrograms = false } = verifier;
      const other = descriptions.find((known) => known.id === id);
      if (other !== undefined) return refused(`verifier "${file}": its id "${id}" is taken by "${other.file}"; rename one of them`);
      verifiers.set(id, verifier);
      descriptions.push({ file, id, version, checks, runsPrograms });
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
  }
  return { kind: "ready", verifiers: descriptions };
}

async function tellCases(file: string): Promise<WorkerMessage> {
  try {
    // As JSON, which is how a task's reference reaches a verifier too.
    return { kind: "cases", cases: JSON.parse(JSON.stringify(await loadCases(file)) ?? "null") };
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}

function firstRefused(references: readonly VerifierReference[]): RefusedReference | null {
  for (const [index, { verifier, reference }] of references.entries()) {
    try {
      const parsed = parseReference(verifiers.get(verifier)!.reference, reference);
      if (!parsed.success) return { index, reason: parsed.reason };
    } catch (error) {
      return { index, reason: error instanceof Error ? error.message : String(error) };
    }
  }
  return null;
}

/** It is this process's and no verifier's: the interpreters that it keeps waiting were not left behind. The next call opens another. */
async function closeSandbox(): Promise<void> {
  const closing = await opened?.catch(() => undefined); // whoever asked for one that could not be opened was told
  opened = undefined;
  await closing?.[Symbol.asyncDispose]();
}

/** Nothing is an instance of it: asking V8 for its instances collects all garbage first, so that only what is held is counted. */
class Nothing {}

async function holdings(): Promise<Holdings> {
  await closeSandbox();
  queryObjects(Nothing);
  const { heapUsed, external } = process.memoryUsage();
  return { resources: process.getActiveResourcesInfo().length, heldKiB: Math.ceil((heapUsed + external) / 1024) };
}

function refused(message: string): WorkerMessage {
  return { kind: "refused", message };
}
