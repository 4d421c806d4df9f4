// `whetstone runs`: the commands that look at runs and go on with them, each in its own file.
// Adding one is adding its file and a name to the list below.

import type { Command } from "commander";

import { addFork } from "./runsFork.ts";
import { addLs } from "./runsLs.ts";
import { addResume } from "./runsResume.ts";
import { addRollouts } from "./runsRollouts.ts";
import { addShow } from "./runsShow.ts";

export function addRuns(whetstone: Command): void {
  const runs = whetstone.command("runs").description("look at runs and go on with them");
  for (const add of [addLs, addShow, addRollouts, addResume, addFork]) add(runs);
}
