// Instructions about the response as a whole: the request repeated before the answer, two responses in one.
// An empty request would be repeated by everything, so that it is a broken reference.

import { z } from "zod";

import { defineInstruction, none } from "./instruction.ts";

export const repeatPrompt = defineInstruction({
  arguments: z.strictObject({
    prompt_to_repeat: z.string().refine((text) => text.trim() !== "", "must not be blank, or every response would repeat it"),
  }),
  check(response, { prompt_to_repeat: prompt }) {
    const followed = response.trim().toLowerCase().startsWith(prompt.trim().toLowerCase());
    return { followed, saw: followed ? "begins with the request" : "does not begin with the request, word for word" };
  },
});

export const twoResponses = defineInstruction({
  arguments: none,
  check(response) {
    const parts = response.split("******").map((part) => part.trim());
    // Nothing may stand before the first and after the last separator, but something between two.
    if (parts.slice(1, -1).includes("")) return { followed: false, saw: "nothing between two separators" };
    const [first, second, ...rest] = parts.filter((part) => part !== "");
    if (second === undefined || rest.length > 0) {
      return { followed: false, saw: `${parts.filter((part) => part !== "").length} responses between ******, asked for 2` };
    }
    return { followed: first !== second, saw: first === second ? "two equal responses" : "two different responses" };
  },
});
