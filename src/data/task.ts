// What is asked, and what a verifier needs to check the answer.

import type { Json } from "../base/json.ts";

/** One turn of a chat. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** One thing to ask the policy. */
export interface Task {
  readonly id: string;
  /** Metrics are broken down by it, e.g. "arithmetic-chain". */
  readonly family: string;
  readonly messages: readonly Message[];
  /** Which of the recipe's verifiers checks it. */
  readonly verifier: string;
  /** What that verifier needs; parsed by the verifier's own schema. */
  readonly reference: Json;
  /** Tokens. 0: do not think. Absent: the policy decides. */
  readonly thinkingBudget?: number;
}

/** A task with a worked response, for supervised training. */
export interface Demonstration {
  readonly task: Task;
  /** What stands between `<think>` and `</think>`. Empty: no thinking. */
  readonly thinking: string;
  readonly answer: string;
}
