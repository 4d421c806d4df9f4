// A measurement as a person reads it, the same in `eval` and in `runs show`.
// Computes nothing.

import type { Accuracy } from "../eval/accuracy.ts";
import { shortNumber } from "./output.ts";

/** `accuracy 0.814 on 512 tasks, 2 could not be scored (2 timeout, such as: no verdict within 2000 ms), 31.2 tokens a response` */
export function accuracyText({ accuracy, tasks, unscorable, mostFailed, meanResponseTokens }: Accuracy): string {
  const share = accuracy === undefined ? "no accuracy" : `accuracy ${shortNumber(accuracy)}`;
  const why = mostFailed === undefined ? "" : ` (${mostFailed.count} ${mostFailed.failure}, such as: ${mostFailed.example})`;
  const left = unscorable === 0 ? "" : `, ${unscorable} could not be scored${why}`;
  return `${share} on ${tasks} tasks${left}, ${shortNumber(meanResponseTokens)} tokens a response`;
}
