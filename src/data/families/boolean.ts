// Boolean expressions: "not (true and false) or true=?" is worked by reducing the leftmost part that can be reduced and writing the
// whole expression again: "not false or true;true or true;true".
//
// An operand that is itself an "and" or an "or" stands in brackets, so only "not" before "and" and "or" is a matter of precedence.

import { z } from "zod";

import type { Rng } from "../../base/rng.ts";
import { defineFamily, slipRate } from "./family.ts";
import { drawBetween } from "./numbers.ts";

const Settings = z
  .strictObject({
    minOperators: z.int().min(1).max(32).default(1).describe('Fewest "and" and "or" in an expression'),
    maxOperators: z.int().min(1).max(32).default(3).describe('Most "and" and "or" in an expression'),
    notRate: z.number().min(0).max(1).default(0.25).describe('Probability that a value or a bracketed part has a "not" before it'),
    slipRate,
  })
  .refine((s) => s.minOperators <= s.maxOperators, {
    path: ["maxOperators"],
    error: "must be at least minOperators, or no expression has an allowed size",
  });

type Expression =
  | { readonly kind: "value"; readonly value: boolean }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression };

export const boolean = defineFamily({
  id: "boolean",
  verifier: "exact",
  settings: Settings,
  make(rng, settings) {
    const numOperators = drawBetween(rng, { min: settings.minOperators, max: settings.maxOperators });
    const expression = drawExpression(rng, { numOperators, notRate: settings.notRate });
    const steps: string[] = [];
    let left = expression;
    while (left.kind !== "value") {
      left = reduceLeftmost(left, (value) => (rng.uniform() < settings.slipRate ? !value : value));
      steps.push(text(left));
    }
    return {
      question: `${text(expression)}=?`,
      thinking: steps.join(";"),
      answer: String(left.value),
      reference: { answer: String(evaluate(expression)) },
    };
  },
});

function drawExpression(rng: Rng, { numOperators, notRate }: { numOperators: number; notRate: number }): Expression {
  if (numOperators === 0) return maybeNot(rng, { notRate, operand: { kind: "value", value: rng.int(2) === 1 } });
  const numLeft = rng.int(numOperators);
  const kind = rng.pick(["and", "or"] as const);
  const operand = (count: number): Expression => {
    const drawn = drawExpression(rng, { numOperators: count, notRate });
    return count === 0 ? drawn : maybeNot(rng, { notRate, operand: drawn });
  };
  return { kind, left: operand(numLeft), right: operand(numOperators - 1 - numLeft) };
}

function maybeNot(rng: Rng, { notRate, operand }: { notRate: number; operand: Expression }): Expression {
  return rng.uniform() < notRate ? { kind: "not", operand } : operand;
}

function evaluate(expression: Expression): boolean {
  switch (expression.kind) {
    case "value":
      return expression.value;
    case "not":
      return !evaluate(expression.operand);
    case "and":
      return evaluate(expression.left) && evaluate(expression.right);
    case "or":
      return evaluate(expression.left) || evaluate(expression.right);
    default:
      return expression satisfies never;
  }
}

/** Replaces the leftmost operator whose operands are values by its result, as `write` puts it down. */
function reduceLeftmost(expression: Expression, write: (value: boolean) => boolean): Expression {
  switch (expression.kind) {
    case "value":
      return expression;
    case "not":
      if (expression.operand.kind === "value") return { kind: "value", value: write(evaluate(expression)) };
      return { kind: "not", operand: reduceLeftmost(expression.operand, write) };
    case "and":
    case "or":
      if (expression.left.kind !== "value") return { ...expression, left: reduceLeftmost(expression.left, write) };
      if (expression.right.kind !== "value") return { ...expression, right: reduceLeftmost(expression.right, write) };
      return { kind: "value", value: write(evaluate(expression)) };
    default:
      return expression satisfies never;
  }
}

function text(expression: Expression): string {
  switch (expression.kind) {
    case "value":
      return String(expression.value);
    case "not":
      return `not ${operandText(expression.operand)}`;
    case "and":
    case "or":
      return `${operandText(expression.left)} ${expression.kind} ${operandText(expression.right)}`;
    default:
      return expression satisfies never;
  }
}

function operandText(operand: Expression): string {
  return operand.kind === "and" || operand.kind === "or" ? `(${text(operand)})` : text(operand);
}
