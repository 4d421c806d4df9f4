// The table of procedural task families, and how one of their questions becomes a task with a demonstration.
// Adding a family is adding its file and a row here.

import type { Rng } from "../base/rng.ts";
import { arithmeticChain } from "./families/arithmeticChain.ts";
import { boolean } from "./families/boolean.ts";
import { countdown } from "./families/countdown.ts";
import type { Family } from "./families/family.ts";
import { products } from "./families/products.ts";
import { sorting } from "./families/sorting.ts";
import { type Demonstration, questionTask } from "./task.ts";

export const families = [arithmeticChain, products, countdown, sorting, boolean] as const satisfies readonly Family[];

export type FamilyId = (typeof families)[number]["id"];

const byId: ReadonlyMap<FamilyId, Family> = new Map(families.map((family) => [family.id, family]));

/** The row of the table. */
export function familyOf(id: FamilyId): Family {
  return byId.get(id)!;
}

/** One task with its worked response; the task alone does not depend on `slipRate`. `settings` are parsed by the family's own schema. */
export function drawDemonstration(
  rng: Rng,
  { family, settings }: { readonly family: FamilyId; readonly settings: unknown },
): Demonstration {
  const { id, verifier, make } = familyOf(family);
  const { question, thinking, answer, reference } = make(rng, settings);
  return { task: questionTask({ family: id, question, verifier, reference }), thinking, answer };
}
