// What every instruction is: a schema of its arguments and a check of one response. Ids, arguments and meanings are those of IFEval
// (Zhou et al. 2023, arXiv:2311.07911); where the published checker draws missing arguments at random, they are required here, and
// where it counts "cannot tell" as followed, it is not. Checks are pure and linear in the response, up to a logarithm.

import { z } from "zod";

/** What a check found. `saw` goes on from the instruction's id: "keywords:existence: lacks "sun"". */
export interface Finding {
  readonly followed: boolean;
  readonly saw: string;
}

/** One instruction that a program can check. */
export interface Instruction<Arguments> {
  readonly arguments: z.ZodType<Arguments>;
  /** `response` is not blank. */
  check(response: string, given: Arguments): Finding;
}

/** Identity with inference: the type of `arguments` flows into `check`, and is then forgotten, so that a table can hold it. */
export function defineInstruction<Arguments>(instruction: Instruction<Arguments>): Instruction<unknown> {
  return instruction as Instruction<unknown>; // `check` is only called with what `arguments` parsed
}

/** Arguments of an instruction that takes none. */
export const none = z.strictObject({});

/** How a count compares with its bound: "less than" is strict, "at least" is not. */
export const Relation = z.enum(["less than", "at least"]);

/** A bound that a count is compared with. */
export const Count = z.int().nonnegative();

/** Whether `count` stands in `relation` to `bound`, and both in words. */
export function compareCount(
  { count, what }: { readonly count: number; readonly what: string },
  { relation, bound }: { readonly relation: z.infer<typeof Relation>; readonly bound: number },
): Finding {
  const followed = relation === "less than" ? count < bound : count >= bound;
  return { followed, saw: `${count} ${what}, asked for ${relation} ${bound}` };
}

/** Letters, digits and the underscore of any script: `\w` of Python's `re`, in which IFEval's patterns are written. */
export const wordCharacter = String.raw`[\p{L}\p{N}_]`;
