// Whether an answer only repeats an expression that the task asks about: "17 \cdot 23" equals 391, and says nothing. Values as a task
// may mention them in passing (whole numbers, decimals, fractions in lowest terms) are never repetitions.

import type { Task } from "../../../data/task.ts";
import type { Form } from "./form.ts";

/** `gold` and `answer` as they were written. */
export function isRestated(
  answer: string,
  { form, gold, task }: { readonly form: Form; readonly gold: string; readonly task: Task },
): boolean {
  const written = plain(answer);
  if (written === "" || written === plain(gold)) return false;
  const asked = plain(task.messages.map(({ content }) => content).join("\n"));
  const isValue = form.kind === "scalar" && /^-?\d+(?:\/\d+|\.\d+)?%?$/.test(written) && form.unreduced !== true;
  return !isValue && operation.test(written) && asked.includes(written);
}

const operation = /[+*/^!_<>=]|[\w)}]-|\\(?:frac|sqrt|binom|cdot|times|div)|\w\(/;

/** Without blanks, sizes and delimiters, in one spelling of fractions and products. */
function plain(text: string): string {
  return text
    .replace(/\\(?:left|right|displaystyle|[,;:! ]|quad|[()[\]])|[\s$]/g, "")
    .replace(/\\[dtc]frac/g, "\\frac")
    .replace(/\\frac\{([^{}]*)\}\{([^{}]*)\}/g, "$1/$2")
    .replace(/\\(?:cdot|times|ast)|×|·/g, "*");
}
