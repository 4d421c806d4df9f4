// One verdict of a built-in verifier, as a worker process would give it.

import { systemClock } from "../../../src/base/clock.ts";
import type { Json } from "../../../src/base/json.ts";
import { rngFor } from "../../../src/base/rng.ts";
import type { Verdict } from "../../../src/data/verdict.ts";
import { checkAnswer } from "../../../src/rewards/check.ts";
import type { Verifier } from "../../../src/rewards/verifier.ts";
import { aTask } from "../../support/rollouts.ts";
import { verifierContext } from "../../support/verifierContext.ts";

/** Longer than any check takes on a machine that is busy with other things: what is met are a verifier's own caps. */
const noDeadlineMs = 100_000;

export interface Asked {
  readonly reference: Json;
  readonly answer: string;
  readonly thinking?: string;
}

export function verdictOf(verifier: Verifier, { reference, answer, thinking = "" }: Asked): Promise<Verdict> {
  const task = aTask({ verifier: verifier.id, reference });
  const call = { verifier: verifier.id, task, answer, thinking, seed: rngFor("verdictOf").seed };
  return checkAnswer(verifier, { call, deadlineMs: noDeadlineMs, clock: systemClock, sandbox: verifierContext().sandbox });
}

/** The score, or the failure of an unscorable verdict. */
export async function scoreOf(verifier: Verifier, asked: Asked): Promise<number | string> {
  const verdict = await verdictOf(verifier, asked);
  return verdict.kind === "scored" ? verdict.score : verdict.failure;
}
