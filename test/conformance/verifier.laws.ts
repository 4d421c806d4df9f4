// The laws of the verifier contract (src/rewards/laws.ts) as tests, called with each verifier's own cases. They run in this process,
// with the deadline of a worker; what only processes show is tested with the pool and with `whetstone verifier test`.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { openSandbox, type Sandbox } from "../../sandbox/client.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Json } from "../../src/base/json.ts";
import { parseCases, type VerifierCase } from "../../src/rewards/cases.ts";
import { checkAnswer } from "../../src/rewards/check.ts";
import { callOf, type LawResult, lawNames, tryLaws } from "../../src/rewards/laws.ts";
import { answerLaws } from "../../src/rewards/probes.ts";
import type { Verifier } from "../../src/rewards/verifier.ts";

export interface VerifierCases {
  readonly cases: readonly VerifierCase[];
  /** References that the verifier cannot use. */
  readonly badReferences: readonly Json[];
}

const usualDeadlineMs = 2000;

/** What the laws say of a verifier, by name. */
export async function lawResults(
  verifier: Verifier,
  cases: VerifierCases,
  deadlineMs = usualDeadlineMs,
): Promise<ReadonlyMap<string, LawResult>> {
  const results = await tryLaws({
    id: verifier.id,
    checks: verifier.checks,
    cases: parseCases([...cases.cases, ...cases.badReferences.map((broken) => ({ broken }))], verifier.id),
    ask: (call) => checkAnswer(verifier, { call, deadlineMs, clock: systemClock, sandbox }),
  });
  return new Map(results.map((result) => [result.law, result]));
}

/** Registers one test for each law that the cases say something about. */
export function verifierLaws(verifier: Verifier, cases: VerifierCases): void {
  const isAskedFor = (law: string) => law !== answerLaws.partial || cases.cases.some(({ partial = [] }) => partial.length > 0);
  describe(`verifier "${verifier.id}"`, () => {
    let results: ReadonlyMap<string, LawResult>;
    before(async () => {
      results = await lawResults(verifier, cases);
    });
    for (const law of lawNames.filter(isAskedFor)) {
      test(law, (t) => {
        const { excuse, breaches } = results.get(law)!;
        if (excuse !== undefined) t.skip(excuse);
        const [first] = breaches;
        const shown = JSON.stringify(first)?.slice(0, 1000);
        assert.ok(first === undefined, `${breaches.length} verdicts break this law, such as ${shown}`);
      });
    }
    test("leaves the task as it was", () => leavesTask(verifier, cases));
  });
}

/** Workers have a copy of their own; a loop that calls a verifier directly, as the examples do, has not. */
export async function leavesTask(verifier: Verifier, cases: VerifierCases): Promise<void> {
  for (const { reference, accepted = [], rejected = [] } of cases.cases) {
    for (const each of [...accepted, ...rejected]) {
      const said = typeof each === "string" ? { answer: each, thinking: "" } : each;
      const call = callOf({ task: "?", reference, ...said }, verifier.id);
      const asked = structuredClone(call.task);
      await checkAnswer(verifier, { call, deadlineMs: usualDeadlineMs, clock: systemClock, sandbox });
      assert.deepEqual(call.task, asked);
    }
  }
}

let opened: Promise<Sandbox> | undefined;

/** One for all laws; closed with the process. */
function sandbox(): Promise<Sandbox> {
  opened ??= openSandbox();
  return opened;
}
