// Chains of additions and subtractions: "17+25-8=?" is worked as "17+25=42;42-8=34".
//
// In few words it is the partial results alone, "42;34".
//
// Partial results stay within 0..maxTotal, so that a step of a long chain looks like a step of a short one: whoever can do
// one step and find the next term can do chains longer than any demonstrated.

import { z } from "zod";

import type { Rng } from "../../base/rng.ts";
import { defineFamily, slipRate } from "./family.ts";
import { applyMove, drawBetween, drawNumber, largestWith, type Move, runningTotals, slipTotals, smallestWith } from "./numbers.ts";

const Settings = z
  .strictObject({
    minTerms: z.int().min(2).max(64).default(2).describe("Fewest numbers in a chain"),
    maxTerms: z.int().min(2).max(64).default(4).describe("Most numbers in a chain"),
    minDigits: z.int().min(1).max(8).default(1).describe("Fewest digits of a number"),
    maxDigits: z.int().min(1).max(8).default(2).describe("Most digits of a number"),
    maxTotal: z.int().positive().max(1e12).optional().describe("Largest partial result; absent: the largest number with maxDigits digits"),
    thinking: z
      .enum(["steps", "rewrite"])
      .default("steps")
      .describe(
        'How the thinking is written. "steps": one equation a step, "17+25=42;42-8=34"; "rewrite": the chain that is left after each step, "42-8;34", longer, but each part follows from the one before alone',
      ),
    slipRate,
  })
  .refine((s) => s.minTerms <= s.maxTerms, { path: ["maxTerms"], error: "must be at least minTerms, or no chain has an allowed length" })
  .refine((s) => s.minDigits <= s.maxDigits, { path: ["maxDigits"], error: "must be at least minDigits, or no number is allowed" })
  .refine((s) => s.maxTotal === undefined || s.maxTotal >= largestWith(s.maxDigits), {
    path: ["maxTotal"],
    error: "must be at least the largest number with maxDigits digits, or such numbers never occur",
  });
type Settings = z.output<typeof Settings>;

export const arithmeticChain = defineFamily({
  id: "arithmetic-chain",
  verifier: "numeric",
  settings: Settings,
  make(rng, settings) {
    const { first, moves } = drawChain(rng, settings);
    const totals = runningTotals(first, moves);
    const believed = slipTotals(rng, totals, { slipRate: settings.slipRate, max: maxTotal(settings) });
    return {
      question: `${chainText(first, moves)}=?`,
      thinking: settings.thinking === "steps" ? equations(believed, moves) : remainders(believed, moves),
      terser: [believed.slice(1).join(";")],
      answer: String(believed.at(-1)),
      reference: { answer: String(totals.at(-1)) },
    };
  },
});

function maxTotal(settings: Settings): number {
  return settings.maxTotal ?? largestWith(settings.maxDigits);
}

function drawChain(rng: Rng, settings: Settings): { readonly first: number; readonly moves: readonly Move[] } {
  const { minDigits, maxDigits } = settings;
  const numTerms = drawBetween(rng, { min: settings.minTerms, max: settings.maxTerms });
  const first = drawNumber(rng, { minDigits, maxDigits });
  const moves: Move[] = [];
  let total = first;
  while (moves.length < numTerms - 1) {
    const room = { "+": maxTotal(settings) - total, "-": total };
    // One of the two always has room: maxTotal is at least twice the smallest number.
    const operator = rng.pick((["+", "-"] as const).filter((sign) => room[sign] >= smallestWith(minDigits)));
    const term = drawNumber(rng, { minDigits, maxDigits, atMost: room[operator] });
    moves.push({ operator, term });
    total = applyMove(total, { operator, term });
  }
  return { first, moves };
}

function chainText(first: number, moves: readonly Move[]): string {
  return first + moves.map(({ operator, term }) => operator + term).join("");
}

function equations(totals: readonly number[], moves: readonly Move[]): string {
  return moves.map((move, step) => `${chainText(totals[step]!, [move])}=${totals[step + 1]}`).join(";");
}

function remainders(totals: readonly number[], moves: readonly Move[]): string {
  return moves.map((_, step) => chainText(totals[step + 1]!, moves.slice(step + 1))).join(";");
}
