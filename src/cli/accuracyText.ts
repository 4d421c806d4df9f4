// A measurement as a person reads it, the same in `eval` and in `runs show`.
// Computes nothing.

import type { Accuracy } from "../eval/accuracy.ts";
import { shortNumber } from "./output.ts";

/** `accuracy 0.814 on 512 tasks, 31.2 tokens a response` */
export function accuracyText({ accuracy, tasks, unscorable, meanResponseTokens }: Accuracy): string {
  const share = accuracy === undefined ? "no accuracy" : `accuracy ${shortNumber(accuracy)}`;
  const left = unscorable === 0 ? "" : `, ${unscorable} could not be scored`;
  return `${share} on ${tasks} tasks${left}, ${shortNumber(meanResponseTokens)} tokens a response`;
}
