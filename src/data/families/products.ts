// Products of two small numbers: "34*56=?" is worked digit by digit, as on paper:
// "30*50=1500;30*6=180;4*50=200;4*6=24;1500+180=1680;1680+200=1880;1880+24=1904".
//
// 34*56 and 56*34 are different questions and may fall on different sides of the split.

import { z } from "zod";

import type { Rng } from "../../base/rng.ts";
import { defineFamily, slipRate } from "./family.ts";
import { drawNumber, nearMiss } from "./numbers.ts";

const Settings = z
  .strictObject({
    minDigits: z.int().min(1).max(6).default(1).describe("Fewest digits of a factor"),
    maxDigits: z.int().min(1).max(6).default(2).describe("Most digits of a factor"),
    slipRate,
  })
  .refine((s) => s.minDigits <= s.maxDigits, { path: ["maxDigits"], error: "must be at least minDigits, or no factor is allowed" });

export const products = defineFamily({
  id: "products",
  verifier: "numeric",
  settings: Settings,
  make(rng, settings) {
    const left = drawNumber(rng, settings);
    const right = drawNumber(rng, settings);
    const { steps, result } = multiply({ left, right }, slipper(rng, settings.slipRate));
    return {
      question: `${left}*${right}=?`,
      thinking: steps.join(";"),
      answer: String(result),
      reference: { answer: String(left * right) },
    };
  },
});

/** Takes the right result of a step to what is written down. */
type Write = (result: number) => number;

function slipper(rng: Rng, slipRate: number): Write {
  return (result) => (rng.uniform() < slipRate ? nearMiss(rng, { value: result, min: 0, max: Number.MAX_SAFE_INTEGER }) : result);
}

/** Partial products of all pairs of places, then their sum from left to right. */
function multiply({ left, right }: { left: number; right: number }, write: Write): { steps: string[]; result: number } {
  const steps: string[] = [];
  const partials: number[] = [];
  for (const a of places(left)) {
    for (const b of places(right)) {
      const partial = write(a * b);
      steps.push(`${a}*${b}=${partial}`);
      partials.push(partial);
    }
  }
  const result = partials.reduce((sum, partial) => {
    const next = write(sum + partial);
    steps.push(`${sum}+${partial}=${next}`);
    return next;
  });
  return { steps, result };
}

/** 304 is 300 and 4. */
function places(value: number): number[] {
  const digits = [...String(value)];
  return digits.map((digit, i) => Number(digit) * 10 ** (digits.length - 1 - i)).filter((place) => place > 0);
}
