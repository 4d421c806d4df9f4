// `whetstone verifier`: the commands for authors of verifiers, each in its own file.
// Adding one is adding its file and a name to the list below.

import type { Command } from "commander";

import { addAudit } from "./verifierAudit.ts";
import { addNew } from "./verifierNew.ts";
import { addTest } from "./verifierTest.ts";

export function addVerifier(whetstone: Command): void {
  const verifier = whetstone.command("verifier").description("write, test and compare verifiers");
  for (const add of [addNew, addTest, addAudit]) add(verifier);
}
