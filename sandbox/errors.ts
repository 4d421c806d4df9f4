// What can go wrong with the sandbox itself. A program that fails, hangs or attacks is no error: it has a result.
// Folders under src translate these into errors of their own.

/** Untrusted code cannot be run on this machine as it is; the message names what is missing and what brings it. */
export class SandboxUnavailable extends Error {
  override readonly name = "SandboxUnavailable";
}

/** The sandbox was asked for something it does not do, or could not start a program that it should have started. */
export class SandboxFailure extends Error {
  override readonly name = "SandboxFailure";
}
