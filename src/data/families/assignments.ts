// Variables that are defined one from another: "k=3;l=k+4;m=l-2;m=?" is worked as "l=3+4=7;m=7-2=5", or in few words "l=7;m=5".
//
// All numbers have one digit, and what a step needs is found by its letter, so that a step far into a long thinking is as easy as
// the first: what makes a task hard is only how many steps it takes. The first letter is drawn, so that every letter occurs in short tasks.
// A question may end with definitions that nothing needs, "k=3;l=k+4;m=5-2;l=?", so that its length does not tell how much there is to do.

import { z } from "zod";

import type { Rng } from "../../base/rng.ts";
import { defineFamily, slipRate } from "./family.ts";
import { applyMove, drawBetween, type Move, runningTotals, slipTotals } from "./numbers.ts";

const letters = "abcdefghijklmnopqrstuvwxyz";
const largest = 9;

const Settings = z
  .strictObject({
    minSteps: z
      .int()
      .min(1)
      .max(letters.length - 1)
      .default(1)
      .describe("Fewest variables that are defined from another"),
    maxSteps: z
      .int()
      .min(1)
      .max(letters.length - 1)
      .default(5)
      .describe("Most variables that are defined from another"),
    maxUnused: z
      .int()
      .min(0)
      .max(letters.length - 2)
      .default(0)
      .describe("Most variables that are defined from numbers alone after the one that is asked for, as far as there are letters"),
    slipRate,
  })
  .refine((s) => s.minSteps <= s.maxSteps, { path: ["maxSteps"], error: "must be at least minSteps, or no number of steps is allowed" });

export const assignments = defineFamily({
  id: "assignments",
  verifier: "numeric",
  settings: Settings,
  make(rng, settings) {
    const numSteps = drawBetween(rng, { min: settings.minSteps, max: settings.maxSteps });
    const room = Math.min(settings.maxUnused, letters.length - 1 - numSteps);
    const numUnused = room === 0 ? 0 : drawBetween(rng, { min: 0, max: room });
    const from = rng.int(letters.length - numSteps - numUnused);
    const names = [...letters.slice(from, from + numSteps + numUnused + 1)];
    const first = drawBetween(rng, { min: 0, max: largest });
    const steps = drawSteps(rng, { first, numSteps });
    const definitions = steps.map(({ operator, term }, i) => `${names[i + 1]}=${names[i]}${operator}${term}`);
    const unused = names.slice(numSteps + 1).map((name) => `${name}=${drawSum(rng)}`);
    const values = runningTotals(first, steps);
    const believed = slipTotals(rng, values, { slipRate: settings.slipRate, max: largest });
    const worked = steps.map(({ operator, term }, i) => ({
      name: names[i + 1],
      sum: `${believed[i]}${operator}${term}`,
      value: believed[i + 1],
    }));
    return {
      question: [`${names[0]}=${first}`, ...definitions, ...unused, `${names[numSteps]}=?`].join(";"),
      thinking: worked.map(({ name, sum, value }) => `${name}=${sum}=${value}`).join(";"),
      terser: [worked.map(({ name, value }) => `${name}=${value}`).join(";")],
      answer: String(believed.at(-1)),
      reference: { answer: String(values.at(-1)) },
    };
  },
});

/** Two numbers and what is done with them, such as "5-2". */
function drawSum(rng: Rng): string {
  const first = drawBetween(rng, { min: 0, max: largest });
  const [{ operator, term }] = drawSteps(rng, { first, numSteps: 1 }) as [Move];
  return `${first}${operator}${term}`;
}

/** Terms of 1 to 9 that keep every value within 0..9; at any value one of the operators has room. */
function drawSteps(rng: Rng, { first, numSteps }: { first: number; numSteps: number }): Move[] {
  const steps: Move[] = [];
  let value = first;
  while (steps.length < numSteps) {
    const room = { "+": largest - value, "-": value };
    const operator = rng.pick((["+", "-"] as const).filter((sign) => room[sign] > 0));
    const term = drawBetween(rng, { min: 1, max: room[operator] });
    steps.push({ operator, term });
    value = applyMove(value, { operator, term });
  }
  return steps;
}
