// What is asked, and what a verifier needs to check the answer.
// A demonstration is a task with a worked response.

import { digestJson } from "../base/digest.ts";
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
  /** How much thinking it takes, as a number to rank tasks of one source by. Of a family's task: characters of its right, most detailed thinking. */
  readonly difficulty?: number;
}

/** A task with a worked response, for supervised training. */
export interface Demonstration {
  readonly task: Task;
  /** What stands between `<think>` and `</think>`. Empty: no thinking. */
  readonly thinking: string;
  /** The same thinking in ever fewer words, for budgets that `thinking` does not fit into. */
  readonly terser?: readonly string[];
  readonly answer: string;
}

/** Names a task by its content, so that the same question always has the same id: 64 bits of a digest, in hexadecimal. */
export function taskId({ family, messages }: Pick<Task, "family" | "messages">): string {
  return digestJson({ family, messages: messages.map(({ role, content }) => ({ role, content })) }).slice(0, 16);
}

/** A task that asks one question in one user message, named by its content. */
export function questionTask({ question, ...rest }: Pick<Task, "family" | "verifier" | "reference"> & { readonly question: string }): Task {
  const messages = [{ role: "user", content: question }] as const;
  return { id: taskId({ family: rest.family, messages }), messages, ...rest };
}
