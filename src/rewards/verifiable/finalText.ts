// Which text of a response is its final answer, for verifiers that compare texts: all of it, or what the task says it stands in. What is
// asked for and not there is no answer; nothing else is tried.

import { z } from "zod";

import { lastBox } from "./boxed.ts";

/** Where the final answer stands, as an option of a reference. */
export const AnswerPlace = z
  .enum(["whole", "box", "last-line"])
  .default("whole")
  .describe("Where the final answer stands: the whole answer, the last \\boxed{...}, the last line that is not blank");

/** The text, without blanks around it, or why there is none. */
export type FinalText = { readonly kind: "found"; readonly text: string } | { readonly kind: "none"; readonly why: string };

export function finalText(answer: string, place: z.output<typeof AnswerPlace>): FinalText {
  if (place === "box") {
    const box = lastBox(answer);
    if (box.kind !== "closed") return { kind: "none", why: box.kind === "none" ? "no box in the answer" : "the last box is never closed" };
    return { kind: "found", text: box.content.trim() };
  }
  const text = answer.trim();
  return { kind: "found", text: place === "whole" ? text : text.slice(text.lastIndexOf("\n") + 1).trim() };
}
