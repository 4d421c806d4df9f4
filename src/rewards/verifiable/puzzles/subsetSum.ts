// Some of the given numbers whose sum is the target, each used at most as often as it is given. A solution is the list of them,
// with commas or plus signs between; "= target" after it is allowed.

import { z } from "zod";

import { type Checked, integersOf, right, wrong } from "./puzzle.ts";

const limit = 1e12;

export const SubsetSum = z.strictObject({
  kind: z.literal("subset-sum"),
  numbers: z.array(z.int().min(-limit).max(limit)).min(1).max(1000).describe("Each may be used once"),
  target: z.int().describe("What those chosen must add up to"),
  count: z.int().min(1).exactOptional().describe("How many must be chosen; absent: any number, at least one"),
});

export function checkSubsetSum({ numbers, target, count }: z.output<typeof SubsetSum>, solution: string): Checked {
  const list = solution.replaceAll("−", "-").replace(new RegExp(`=\\s*${target}\\s*$`), "");
  // A plus between numbers joins them; a minus belongs to the number after it.
  const chosen = integersOf(list.replaceAll(/(?<=[\d)])\s*\+\s*(?=[(\d-])/g, ","));
  if (chosen === undefined || chosen.length === 0) return wrong("the answer is no list of whole numbers");
  if (count !== undefined && chosen.length !== count) return wrong(`${chosen.length} numbers, asked for ${count}`);
  const left = new Map<number, number>();
  for (const number of numbers) left.set(number, (left.get(number) ?? 0) + 1);
  for (const number of chosen) {
    const rest = left.get(number) ?? 0;
    if (rest === 0) return wrong(`${number} is used more often than it is given`);
    left.set(number, rest - 1);
  }
  const sum = chosen.reduce((total, number) => total + number, 0);
  return sum === target
    ? right(`${chosen.join(" + ")} = ${target}`)
    : wrong(`${chosen.join(" + ").slice(0, 200)} is ${sum}, not ${target}`);
}
