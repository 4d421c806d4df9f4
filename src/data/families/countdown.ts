// Countdown: reach a target by using each given number exactly once. "reach 25 with 1,3,8?" is answered "(8*3)+1" and worked
// as "8*3=24;24+1=25". Any expression that does it is right; the demonstrated one is the one the task was made from.
//
// The numbers are listed in ascending order, so that one task has one text and cannot stand on both sides of the split.

import { z } from "zod";

import { DataError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { defineFamily, slipRate } from "./family.ts";
import { drawBetween } from "./numbers.ts";

const Operator = z.enum(["+", "-", "*", "/"]);
type Operator = z.output<typeof Operator>;

const Settings = z
  .strictObject({
    minNumbers: z.int().min(2).max(6).default(3).describe("Fewest given numbers"),
    maxNumbers: z.int().min(2).max(6).default(4).describe("Most given numbers"),
    maxNumber: z.int().min(2).max(9999).default(20).describe("Largest given number; the smallest is 1"),
    maxTarget: z.int().min(2).max(999_999).default(100).describe("Largest target, and largest partial result on the way to it"),
    operators: z
      .array(Operator)
      .min(1)
      .default(["+", "-", "*"])
      .describe("Operators that the demonstrated solution may use; partial results are positive whole numbers"),
    slipRate,
  })
  .refine((s) => s.minNumbers <= s.maxNumbers, { path: ["maxNumbers"], error: "must be at least minNumbers, or no task is allowed" });
type Settings = z.output<typeof Settings>;

/** A given number, or what was made of some: its value and how it is written. */
interface Part {
  readonly value: number;
  readonly text: string;
}

/** One combination on the way: operand positions among the parts left, and the result. */
interface Step {
  readonly left: number;
  readonly right: number;
  readonly operator: Operator;
  readonly result: number;
}

export const countdown = defineFamily({
  id: "countdown",
  verifier: "countdown",
  settings: Settings,
  make(rng, settings) {
    const { numbers, steps } = drawSolved(rng, settings);
    const target = steps.at(-1)!.result;
    const { thinking, answer } = write(numbers, slipOperators(rng, { numbers, steps, slipRate: settings.slipRate }));
    const ascending = [...numbers].sort((a, b) => a - b);
    return { question: `reach ${target} with ${ascending.join(",")}?`, thinking, answer, reference: { numbers: ascending, target } };
  },
});

const maxAttempts = 1000;

function drawSolved(rng: Rng, settings: Settings): { readonly numbers: number[]; readonly steps: Step[] } {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const count = drawBetween(rng, { min: settings.minNumbers, max: settings.maxNumbers });
    const numbers = Array.from({ length: count }, () => drawBetween(rng, { min: 1, max: settings.maxNumber }));
    const steps = drawSteps(rng, numbers, settings);
    if (steps !== undefined) return { numbers, steps };
  }
  throw new DataError(
    `countdown: ${settings.operators.join(" ")} must be able to combine numbers up to ${settings.maxNumber} within ${settings.maxTarget}, ` +
      `got no solvable task in ${maxAttempts} draws; raise maxTarget, lower maxNumber or maxNumbers, or allow more operators`,
  );
}

/** Combines two parts at random until one is left; undefined when no allowed combination remains. */
function drawSteps(rng: Rng, numbers: readonly number[], { operators, maxTarget }: Settings): Step[] | undefined {
  let values = [...numbers];
  const steps: Step[] = [];
  while (values.length > 1) {
    const possible = combinations(values, operators).filter(({ result }) => result >= 1 && result <= maxTarget && Number.isInteger(result));
    if (possible.length === 0) return undefined;
    const step = rng.pick(possible);
    steps.push(step);
    values = merge(values, step, step.result);
  }
  return steps;
}

function combinations(values: readonly number[], operators: readonly Operator[]): Step[] {
  return values.flatMap((a, left) =>
    values.flatMap((b, right) =>
      left === right ? [] : operators.map((operator) => ({ left, right, operator, result: compute(a, { operator, b }) })),
    ),
  );
}

function compute(a: number, { operator, b }: { readonly operator: Operator; readonly b: number }): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    default:
      return operator satisfies never;
  }
}

/** The items without the two that a step uses, and with what it makes at the end. */
function merge<T>(items: readonly T[], { left, right }: Step, made: T): T[] {
  return [...items.filter((_, i) => i !== left && i !== right), made];
}

/**
 * A slip writes another operator but believes the same result, "8+3=24": the thinking still reaches the target, the expression does
 * not. A wrong result instead of a wrong operator would never reach the answer, which holds no results.
 */
function slipOperators(
  rng: Rng,
  { numbers, steps, slipRate }: { numbers: readonly number[]; steps: readonly Step[]; slipRate: number },
): Step[] {
  let values = [...numbers];
  return steps.map((step) => {
    const [a, b] = [values[step.left]!, values[step.right]!];
    values = merge(values, step, step.result);
    if (rng.uniform() >= slipRate) return step;
    return { ...step, operator: rng.pick((["+", "-", "*"] as const).filter((operator) => compute(a, { operator, b }) !== step.result)) };
  });
}

function write(numbers: readonly number[], steps: readonly Step[]): { readonly thinking: string; readonly answer: string } {
  let parts: Part[] = numbers.map((value) => ({ value, text: String(value) }));
  const lines: string[] = [];
  for (const step of steps) {
    const [a, b] = [parts[step.left]!, parts[step.right]!];
    lines.push(`${a.value}${step.operator}${b.value}=${step.result}`);
    parts = merge(parts, step, { value: step.result, text: `(${a.text}${step.operator}${b.text})` });
  }
  return { thinking: lines.join(";"), answer: parts[0]!.text.slice(1, -1) };
}
