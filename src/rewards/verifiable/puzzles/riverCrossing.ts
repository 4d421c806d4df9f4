// River crossing: everyone starts on the left bank with the boat and must get to the right one. A rower is always aboard; some pairs must
// not be left on a bank without the rower. A solution is one crossing a line, in turn to the right and to the left: who goes along,
// with commas between, or "nothing".

import { z } from "zod";

import { type Checked, maxEntries, right, wrong } from "./puzzle.ts";

const Name = z.string().regex(/^[a-z][a-z -]{0,30}$/, "must be small letters");

export const RiverCrossing = z
  .strictObject({
    kind: z.literal("river-crossing"),
    passengers: z.array(Name).min(1).max(20).describe('Who must cross, the rower aside; "nothing" is taken'),
    forbidden: z.array(z.tuple([Name, Name])).describe("Pairs that must not be alone together"),
    capacity: z.int().min(1).default(1).describe("Most passengers in the boat, the rower aside"),
  })
  .superRefine(({ passengers, forbidden }, context) => {
    const fail = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (new Set(passengers).size < passengers.length || passengers.includes("nothing"))
      fail("passengers", "must be different, and not nothing");
    if (forbidden.flat().some((name) => !passengers.includes(name))) fail("forbidden", "must be pairs of passengers");
  });

export function checkRiverCrossing({ passengers, forbidden, capacity }: z.output<typeof RiverCrossing>, solution: string): Checked {
  const crossings = solution
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (crossings.length > maxEntries) return wrong(`more than ${maxEntries} crossings`);
  const banks = [new Set(passengers), new Set<string>()] as const;
  for (const [i, line] of crossings.entries()) {
    const [from, to] = i % 2 === 0 ? banks : [banks[1], banks[0]];
    const words = line
      .toLowerCase()
      .replace(/^(?:\d+[.):]|[-*])\s*/, "")
      .replace(/\.$/, "");
    const aboard = words === "nothing" ? [] : words.split(/\s*,\s*/);
    if (aboard.length > capacity) return wrong(`crossing ${i + 1} takes ${aboard.length} passengers, at most ${capacity} fit`);
    for (const name of aboard) {
      if (!from.delete(name)) return wrong(`crossing ${i + 1}: "${name.slice(0, 40)}" is not on the bank with the boat`);
      to.add(name);
    }
    const eaten = forbidden.find(([a, b]) => from.has(a) && from.has(b));
    if (eaten !== undefined) return wrong(`after crossing ${i + 1}, ${eaten[0]} and ${eaten[1]} are alone together`);
  }
  if (banks[0].size > 0) return wrong(`${[...banks[0]].join(", ")} never crossed`);
  if (crossings.length % 2 === 0) return wrong("the boat and its rower end on the left bank");
  return right(`all cross in ${crossings.length} crossings`);
}
