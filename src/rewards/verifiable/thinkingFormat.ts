// The form of a response, whatever it says: thinking closed exactly once, no thinking markers in the answer, an answer that is not
// blank. The score is the share of these three that hold. Thinking that never closed leaves a blank answer, and counts for neither.

import { z } from "zod";

import { defineVerifier } from "../verifier.ts";

const marker = /<\s*\/?\s*think\s*>/i;

export const thinkingFormat = defineVerifier({
  id: "thinking-format",
  version: 1,
  checks: "form",
  reference: z.unknown(), // belongs to the task's own verifier; form does not depend on it
  verify({ task, answer, thinking }) {
    const answered = answer.trim() !== "";
    const clean = !marker.test(answer);
    const closed = answered && clean && !marker.test(thinking) && isWanted(thinking, task.thinkingBudget);
    const complaints = [
      ...(closed ? [] : ["thinking was not opened and closed exactly once"]),
      ...(clean ? [] : ["the answer holds a thinking marker"]),
      ...(answered ? [] : ["the answer is blank"]),
    ];
    return {
      kind: "scored",
      score: (Number(closed) + Number(clean) + Number(answered)) / 3,
      evidence: complaints.length === 0 ? "thinking closed once, then an answer without markers" : complaints.join("; "),
      components: { closed: Number(closed), clean: Number(clean), answered: Number(answered) },
    };
  },
});

/** A budget of 0 forbids thinking, any other asks for it; without one the policy decides. */
function isWanted(thinking: string, budget: number | undefined): boolean {
  return budget === undefined || (thinking.trim() !== "") === budget > 0;
}
