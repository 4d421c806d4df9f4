// The table of procedural task families, and how one of their questions becomes a task with a demonstration.
// Adding a family is adding its file, a row in `families` and the same row in `MixtureEntry`.

import { z } from "zod";

import { type Rng, rngFromSeed } from "../base/rng.ts";
import { arithmeticChain } from "./families/arithmeticChain.ts";
import { assignments } from "./families/assignments.ts";
import { boolean } from "./families/boolean.ts";
import { countdown } from "./families/countdown.ts";
import type { Family } from "./families/family.ts";
import { products } from "./families/products.ts";
import { sorting } from "./families/sorting.ts";
import { type Demonstration, questionTask } from "./task.ts";

/** Every family, in the order in which documents list them. */
export const families = [arithmeticChain, products, countdown, sorting, boolean, assignments] as const satisfies readonly Family[];

/** One family of a mixture, as a recipe says it. */
export const MixtureEntry = z.discriminatedUnion("family", [
  entryOf(arithmeticChain),
  entryOf(products),
  entryOf(countdown),
  entryOf(sorting),
  entryOf(boolean),
  entryOf(assignments),
]);
export type MixtureEntry = z.output<typeof MixtureEntry>;

type FamilyId = (typeof families)[number]["id"];

const byId: ReadonlyMap<FamilyId, Family> = new Map(families.map((family) => [family.id, family]));

function familyOf(id: FamilyId): Family {
  return byId.get(id)!;
}

/**
 * One task with its worked response, from the stream that `rng` names; the task alone does not depend on `slipRate`. `settings` are
 * parsed by the family's own schema.
 */
export function drawDemonstration(rng: Rng, { family, settings }: Pick<MixtureEntry, "family" | "settings">): Demonstration {
  const { id, verifier, make } = familyOf(family);
  const { question, thinking, terser, answer, reference } = make(rngFromSeed(rng.seed), settings);
  // The same question without slips, whose length is the task's own.
  const right = settings.slipRate === 0 ? thinking : make(rngFromSeed(rng.seed), { ...settings, slipRate: 0 }).thinking;
  const task = { ...questionTask({ family: id, question, verifier, reference }), difficulty: right.length };
  return { task, thinking, ...(terser === undefined ? {} : { terser }), answer };
}

function entryOf<Id extends string, Settings extends z.ZodType>({ id, settings }: Family<Id, Settings>) {
  return z.strictObject({
    family: z.literal(id).describe("Family that the tasks are drawn from"),
    weight: z.number().positive().default(1).describe("Share of the tasks, relative to the weights of the other entries"),
    // Every knob of every family has a default, which the type of Settings does not say.
    settings: settings.prefault({} as never).describe("Difficulty knobs of the family"),
  });
}
