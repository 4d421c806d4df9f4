// Marks that a response must do without. Only the comma of ASCII counts: the published instruction is about English punctuation,
// and its checker looks for no other.

import { defineInstruction, none } from "./instruction.ts";

export const noComma = defineInstruction({
  arguments: none,
  check(response) {
    const count = response.split(",").length - 1;
    return { followed: count === 0, saw: `${count} commas, asked for none` };
  },
});
