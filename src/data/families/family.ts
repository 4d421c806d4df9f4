// What a procedural task family is: an unlimited source of questions with a right answer and worked thinking.
//
// A family draws the whole question before it draws any slip, so that `slipRate` changes what is demonstrated but never what is asked.

import { z } from "zod";

import type { Json } from "../../base/json.ts";
import type { Rng } from "../../base/rng.ts";

/** One question with its reference, and a response to learn from. */
export interface WorkedQuestion {
  readonly question: string;
  /** Correct, step by step, unless a slip was drawn. */
  readonly thinking: string;
  /** The same thinking in ever fewer words; absent where the family has one style only. */
  readonly terser?: readonly string[];
  /** Follows from `thinking`, so that a slip reaches it. */
  readonly answer: string;
  /** What the verifier needs. Always right. */
  readonly reference: Json;
}

/** A row of the table in `families.ts`. */
export interface Family<Id extends string = string, Settings extends z.ZodType = z.ZodType> {
  readonly id: Id;
  /** Id of the verifier that checks its answers. */
  readonly verifier: string;
  /** Difficulty knobs; `settings.parse({})` gives the defaults. */
  readonly settings: Settings;
  make(rng: Rng, settings: z.output<Settings>): WorkedQuestion;
}

/** Identity with inference: the type of `settings` flows into `make`. */
export function defineFamily<Id extends string, Settings extends z.ZodType>(family: Family<Id, Settings>): Family<Id, Settings> {
  return family;
}

/** The knob that every family has. */
export const slipRate = z
  .number()
  .min(0)
  .max(1)
  .default(0)
  .describe(
    "Probability that a step of the demonstrated thinking is wrong and is carried on to the answer; makes demonstrations imperfect on purpose. Questions and references stay right",
  );
