// `whetstone sandbox`: the commands that run untrusted programs.
// Adding one is adding its file and a name to the list below.

import type { Command } from "commander";

import { addSandboxRun } from "./sandboxRun.ts";

export function addSandbox(whetstone: Command): void {
  const sandbox = whetstone.command("sandbox").description("run programs that nobody trusts");
  for (const add of [addSandboxRun]) add(sandbox);
}
