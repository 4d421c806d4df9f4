// The table of procedural task families, and how one of their questions becomes a task with a demonstration.
// Adding a family is adding its file, a row in `families` and the same row in `MixtureEntry`.

import { z } from "zod";

import type { Rng } from "../base/rng.ts";
import { arithmeticChain } from "./families/arithmeticChain.ts";
import { boolean } from "./families/boolean.ts";
import { countdown } from "./families/countdown.ts";
import type { Family } from "./families/family.ts";
import { products } from "./families/products.ts";
import { sorting } from "./families/sorting.ts";
import { type Demonstration, questionTask } from "./task.ts";

/** Every family, in the order in which documents list them. */
export const families = [arithmeticChain, products, countdown, sorting, boolean] as const satisfies readonly Family[];

/** One family of a mixture, as a recipe says it. */
export const MixtureEntry = z.discriminatedUnion("family", [
  entryOf(arithmeticChain),
  entryOf(products),
  entryOf(countdown),
  entryOf(sorting),
  entryOf(boolean),
]);
export type MixtureEntry = z.output<typeof MixtureEntry>;

type FamilyId = (typeof families)[number]["id"];

const byId: ReadonlyMap<FamilyId, Family> = new Map(families.map((family) => [family.id, family]));

function familyOf(id: FamilyId): Family {
  return byId.get(id)!;
}

/** One task with its worked response; the task alone does not depend on `slipRate`. `settings` are parsed by the family's own schema. */
export function drawDemonstration(rng: Rng, { family, settings }: Pick<MixtureEntry, "family" | "settings">): Demonstration {
  const { id, verifier, make } = familyOf(family);
  const { question, thinking, answer, reference } = make(rng, settings);
  return { task: questionTask({ family: id, question, verifier, reference }), thinking, answer };
}

function entryOf<Id extends string, Settings extends z.ZodType>({ id, settings }: Family<Id, Settings>) {
  return z.strictObject({
    family: z.literal(id).describe("Family that the tasks are drawn from"),
    weight: z.number().positive().default(1).describe("Share of the tasks, relative to the weights of the other entries"),
    // Every knob of every family has a default, which the type of Settings does not say.
    settings: settings.prefault({} as never).describe("Difficulty knobs of the family"),
  });
}
