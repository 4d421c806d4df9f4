// Sorting numbers in ascending order by selection: "sort 31,4,17?" is worked as "31,4,17=4;31,17=17;31=31", each step the
// numbers that are left and the smallest of them. The answer, "4,17,31", is the right-hand sides.

import { z } from "zod";

import { defineFamily, slipRate } from "./family.ts";
import { drawBetween, drawNumber } from "./numbers.ts";

const Settings = z
  .strictObject({
    minItems: z.int().min(2).max(32).default(3).describe("Fewest numbers to sort"),
    maxItems: z.int().min(2).max(32).default(5).describe("Most numbers to sort"),
    minDigits: z.int().min(1).max(8).default(1).describe("Fewest digits of a number"),
    maxDigits: z.int().min(1).max(8).default(2).describe("Most digits of a number"),
    slipRate,
  })
  .refine((s) => s.minItems <= s.maxItems, { path: ["maxItems"], error: "must be at least minItems, or no list has an allowed length" })
  .refine((s) => s.minDigits <= s.maxDigits, { path: ["maxDigits"], error: "must be at least minDigits, or no number is allowed" });

export const sorting = defineFamily({
  id: "sorting",
  verifier: "exact",
  settings: Settings,
  make(rng, settings) {
    const count = drawBetween(rng, { min: settings.minItems, max: settings.maxItems });
    const items = Array.from({ length: count }, () => drawNumber(rng, settings));
    const steps: string[] = [];
    const chosen: number[] = [];
    let left = items;
    while (left.length > 0) {
      const smallest = Math.min(...left);
      const larger = left.filter((item) => item !== smallest);
      // A slip takes a number that is not the smallest; where all are equal there is none.
      const taken = rng.uniform() < settings.slipRate && larger.length > 0 ? rng.pick(larger) : smallest;
      steps.push(`${left.join(",")}=${taken}`);
      chosen.push(taken);
      left = left.toSpliced(left.indexOf(taken), 1);
    }
    return {
      question: `sort ${items.join(",")}?`,
      thinking: steps.join(";"),
      answer: chosen.join(","),
      reference: { answer: items.toSorted((a, b) => a - b).join(",") },
    };
  },
});
