// What a verifier is given beside the answer, for tests that call `verify` themselves.

import { openSandbox, type Sandbox } from "../../sandbox/client.ts";
import { rngFor } from "../../src/base/rng.ts";
import type { VerifierContext } from "../../src/rewards/verifier.ts";

let opened: Promise<Sandbox> | undefined;

/** A deadline that does not come; one real sandbox for the process, opened when it is asked for. */
export function verifierContext(): VerifierContext {
  return {
    signal: new AbortController().signal,
    rng: rngFor("test"),
    deadlineMs: 60_000,
    sandbox: () => {
      opened ??= openSandbox();
      return opened;
    },
  };
}
