// The split that keeps evaluation tasks out of training: which side a question is on is a property of its text alone, so whoever
// draws from one side can never draw from the other, whatever the seed, the settings or the family's name.

import { digestJson } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import type { Task } from "./task.ts";

/** A question is on one of the two, for ever. */
export type Side = "train" | "evaluation";

/** Share of all questions that is kept for evaluation. A constant, not a setting: two runs with different shares would share no split. */
export const evaluationShare = 0.1;

/** The side of the split that a task is on. */
export function sideOf(task: Task): Side {
  // 52 bits of the digest, as a number in [0, 1).
  const position = Number.parseInt(digestJson(questionText(task)).slice(0, 13), 16) / 2 ** 52;
  return position < evaluationShare ? "evaluation" : "train";
}

/** What a task asks, without what may differ between two copies of it: case, spacing, Unicode forms, system messages. */
export function questionText(task: Task): string {
  const asked = task.messages.filter(({ role }) => role !== "system").map(({ content }) => content);
  return asked.join("\n").normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();
}

const namedOffenders = 3;

/** Raises if a task is in both sets, whatever its id, and names the first ones. */
export function assertDisjoint(training: Iterable<Task>, evaluation: Iterable<Task>): void {
  const evaluated = new Map<string, Task>();
  for (const task of evaluation) evaluated.set(questionText(task), task);
  const offenders: string[] = [];
  let count = 0;
  for (const task of training) {
    const match = evaluated.get(questionText(task));
    if (match === undefined) continue;
    count++;
    if (offenders.length < namedOffenders) offenders.push(`"${excerpt(questionText(task))}" (training ${task.id}, evaluation ${match.id})`);
  }
  if (count === 0) return;
  throw new DataError(
    `split: no evaluation task may be trained on, got ${count} in both sets: ${offenders.join(", ")}${count > offenders.length ? ", ..." : ""}; ` +
      'remove them from one of the sets, or read both with rows: "split"',
  );
}

function excerpt(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
