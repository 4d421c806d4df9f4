// The form of a response, whatever it says: thinking closed exactly once, or none where none is needed; no thinking markers in the
// answer; an answer that is not blank. The score is the share of these three that hold. Thinking that never closed leaves a blank answer, and counts for neither.

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
    const thought = thinking.trim() !== "";
    const closed = thought && answered && clean && !marker.test(thinking);
    const budget = task.thinkingBudget;
    // A budget of 0 forbids thinking, any other asks for it; without one the policy decides.
    const asWanted = budget === undefined || thought === budget > 0;
    const formed = asWanted && (thought ? closed : answered && clean);
    const complaints = [
      ...(asWanted ? [] : [thought ? "there was thinking, which the task forbids" : "there was no thinking, which the task asks for"]),
      ...(closed || !thought ? [] : ["thinking was not opened and closed exactly once"]),
      ...(clean ? [] : ["the answer holds a thinking marker"]),
      ...(answered ? [] : ["the answer is blank"]),
    ];
    const allHold = `${thought ? "thinking closed once, then" : "no thinking,"} an answer without markers`;
    return {
      kind: "scored",
      score: (Number(formed) + Number(clean) + Number(answered)) / 3,
      evidence: complaints.length === 0 ? allHold : complaints.join("; "),
      components: { formed: Number(formed), closed: Number(closed), clean: Number(clean), answered: Number(answered) },
    };
  },
});
