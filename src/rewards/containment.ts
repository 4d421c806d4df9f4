// Whether this machine can hold the programs that verifiers run, asked before anything is scored: else each of their answers would be
// unscorable, and a run would find out at its first measurement.

import { type Containment, openSandbox, type SandboxOptions, SandboxUnavailable } from "../../sandbox/client.ts";
import { SandboxError } from "../base/errors.ts";
import type { VerifierDescription } from "./protocol.ts";

/** Opens a sandbox, which proves itself, and closes it again. Rejects with a SandboxError where a verifier needs one and there is none. */
export async function checkContainment(
  verifiers: readonly VerifierDescription[],
  containment: Containment,
  open: (options: SandboxOptions) => Promise<AsyncDisposable> = openSandbox,
): Promise<void> {
  const needy = verifiers.find(({ runsPrograms }) => runsPrograms);
  if (needy === undefined) return;
  try {
    await using _ = await open({ containment, concurrency: 1, warm: 0 });
  } catch (error) {
    if (!(error instanceof SandboxUnavailable)) throw error;
    const weak = "or, on a machine of your own, take weak containment: --sandbox weak, in a recipe rewards.sandbox";
    throw new SandboxError(`verifier "${needy.id}" runs programs: ${error.message}; ${weak}`, error);
  }
}
