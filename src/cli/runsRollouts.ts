// `whetstone runs rollouts RUN`: stored rollouts as transcripts. What the policy was asked, what it thought and answered, what the
// verifiers said, what it earned.

import type { Command } from "commander";

import { systemClock } from "../base/clock.ts";
import { withRuns } from "../runs/commandText.ts";
import type { FoundRollout, RolloutFilter } from "../runs/rows.ts";
import { openStore } from "../runs/store.ts";
import { decimal, runsFolder, stepReference, wholeNumber } from "./options.ts";
import { print, printError, printJsonLine, shortNumber } from "./output.ts";
import { verdictText } from "./verdictText.ts";

interface Options {
  readonly runs: string;
  readonly step?: { readonly stage?: string; readonly step?: number };
  readonly set?: string;
  readonly family?: string;
  readonly minReward?: number;
  readonly maxReward?: number;
  readonly unscorable?: true;
  readonly limit: number;
  readonly json?: true;
}

export function addRollouts(runs: Command): void {
  runs
    .command("rollouts")
    .description("read stored rollouts as transcripts")
    .argument("<run>", "id of the run")
    .option(...runsFolder)
    .option("--step <step>", "only what was sampled after so many steps, such as 12 or rl:12", stepReference)
    .option("--set <name>", "answers of a measurement instead of what was practised: heldOut or heldOutBeyond")
    .option("--family <family>", "only of tasks of this family")
    .option("--min-reward <reward>", "only with at least this reward", decimal)
    .option("--max-reward <reward>", "only with at most this reward", decimal)
    .option("--unscorable", "only those that could not be scored")
    .option("--limit <count>", "at most so many", wholeNumber, 20)
    .option(
      "--json",
      "print one JSON object a line, with tokens and log-probabilities; null where there is none, as for a forced token (chosen 0)",
    )
    .action(printRollouts);
}

function printRollouts(id: string, { runs, step, json, ...filter }: Options): void {
  using store = openStore(runs, systemClock);
  store.run(id);
  const wanted: RolloutFilter = { ...filter, ...step };
  const found = store.rollouts(id, wanted);
  for (const rollout of found) {
    if (json) printJsonLine(rollout);
    else print(transcript(rollout));
  }
  if (found.length === 0) printError(`run ${id}: no rollout fits; ${withRuns(`whetstone runs show ${id}`, runs)} tells what was recorded`);
  else if (!json && found.length === filter.limit) printError(`the first ${filter.limit}; --limit shows more`);
}

/** One rollout to read from top to bottom. */
function transcript(found: FoundRollout): string {
  const { stage, step, task, rollout, verdicts, verifierVersions, reward, advantage } = found;
  const earned = reward === undefined ? "could not be scored" : `reward ${shortNumber(reward)}`;
  const credit = advantage === undefined ? "not learned from" : `advantage ${shortNumber(advantage)}`;
  const parts = [
    `-- ${stage} after ${step} steps, rollout ${rollout.id}, ${task.family} ${task.id}: ${earned}, ${credit}`,
    ...task.messages.map(({ role, content }) => labelled(role, content)),
    ...thinkingPart(found),
    labelled(
      "answer",
      rollout.finish === "stop" ? rollout.answerText : `${rollout.answerText} [${rollout.finish} after ${rollout.tokens.length} tokens]`,
    ),
    ...Object.entries(verdicts).map(([verifier, verdict]) =>
      labelled(`${verifier} (version ${verifierVersions[verifier]})`, verdictText(verdict)),
    ),
  ];
  return `${parts.join("\n")}\n`;
}

function thinkingPart({ rollout: { thinking, thinkingText } }: FoundRollout): string[] {
  if (thinkingText === "" && thinking.closedBy === "none") return [];
  const closed = { policy: "", budget: ` [closed by the budget of ${thinking.budget}]`, none: " [never closed]" }[thinking.closedBy];
  return [labelled("thinking", `${thinkingText}${closed}`)];
}

/** Further lines of a text are indented, so that labels stand out. */
function labelled(label: string, text: string): string {
  return `${label}: ${text.replaceAll("\n", "\n    ")}`;
}
