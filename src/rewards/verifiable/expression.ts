// Arithmetic expressions of whole numbers, the four operations and brackets, computed exactly. A recursive descent over characters: nothing
// is evaluated as code, and length, depth and digits are capped.
//
//     sum     = product { ("+" | "-") product }
//     product = factor { ("*" | "/") factor }
//     factor  = digits | "(" sum ")"

import { add, divide, multiply, type Rational, subtract, whole } from "./rational.ts";

export const maxExpressionChars = 1000;
const maxDepth = 50;
const maxDigits = 15;

export type Evaluated =
  /** `numbers` are those written in the expression, in order. */
  | { readonly kind: "value"; readonly value: Rational; readonly numbers: readonly bigint[] }
  | { readonly kind: "refused"; readonly why: string };

export function evaluateExpression(text: string): Evaluated {
  if (text.length > maxExpressionChars)
    return { kind: "refused", why: `the expression is beyond the cap of ${maxExpressionChars} characters` };
  const reader = new Reader(text);
  const value = reader.sum(0);
  const why = reader.problem ?? reader.leftover();
  if (value === undefined || why !== undefined) return { kind: "refused", why: why ?? "the expression has no value" };
  return { kind: "value", value, numbers: reader.numbers };
}

/** One pass over one text. A method gives undefined once `problem` is set. */
class Reader {
  readonly numbers: bigint[] = [];
  problem: string | undefined;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  sum(depth: number): Rational | undefined {
    return this.#chain({ operand: () => this.#product(depth), signs: "+-" });
  }

  /** What stands after a complete expression, as a problem. */
  leftover(): string | undefined {
    const next = this.#peek();
    return next === "" ? undefined : `unexpected ${JSON.stringify(next)} at character ${this.#at + 1}`;
  }

  #product(depth: number): Rational | undefined {
    return this.#chain({ operand: () => this.#factor(depth), signs: "*/" });
  }

  /** Operands of equal rank, from left to right. */
  #chain({ operand, signs }: { readonly operand: () => Rational | undefined; readonly signs: string }): Rational | undefined {
    let value = operand();
    while (value !== undefined && this.#peek() !== "" && signs.includes(this.#peek())) {
      const sign = this.#text[this.#at++]!;
      const right = operand();
      if (right === undefined) return undefined;
      value = this.#apply(sign, { left: value, right });
    }
    return value;
  }

  #apply(sign: string, { left, right }: { readonly left: Rational; readonly right: Rational }): Rational | undefined {
    if (sign === "+") return add(left, right);
    if (sign === "-") return subtract(left, right);
    if (sign === "*") return multiply(left, right);
    return divide(left, right) ?? this.#fail("division by zero");
  }

  #factor(depth: number): Rational | undefined {
    if (this.#peek() !== "(") return this.#number();
    if (depth === maxDepth) return this.#fail(`brackets are nested beyond the cap of ${maxDepth}`);
    this.#at++;
    const inner = this.sum(depth + 1);
    if (inner === undefined) return undefined;
    if (this.#peek() !== ")") return this.#fail(this.leftover() ?? "a bracket is never closed");
    this.#at++;
    return inner;
  }

  #number(): Rational | undefined {
    this.#peek();
    const digits = /^[0-9]+/.exec(this.#text.slice(this.#at))?.[0];
    if (digits === undefined) return this.#fail(this.leftover() ?? "the expression ends where a number should stand");
    if (digits.length > maxDigits) return this.#fail(`a number is beyond the cap of ${maxDigits} digits`);
    this.#at += digits.length;
    this.numbers.push(BigInt(digits));
    return whole(BigInt(digits));
  }

  /** The next character that is not blank, or "" at the end. */
  #peek(): string {
    while (this.#text[this.#at] === " ") this.#at++;
    return this.#text[this.#at] ?? "";
  }

  #fail(why: string): undefined {
    this.problem ??= why;
    return undefined;
  }
}
