// Exact fractions of big integers, so that no comparison depends on how a float rounds. Nothing is reduced: the values live for
// one check, and the caps on what is parsed bound their size.

export interface Rational {
  readonly numerator: bigint;
  /** Above 0; the sign is the numerator's. */
  readonly denominator: bigint;
}

export function whole(value: bigint): Rational {
  return { numerator: value, denominator: 1n };
}

export function add(a: Rational, b: Rational): Rational {
  return { numerator: a.numerator * b.denominator + b.numerator * a.denominator, denominator: a.denominator * b.denominator };
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, negate(b));
}

export function multiply(a: Rational, b: Rational): Rational {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

/** Undefined when `b` is 0. */
export function divide(a: Rational, b: Rational): Rational | undefined {
  if (b.numerator === 0n) return undefined;
  const sign = b.numerator < 0n ? -1n : 1n;
  return { numerator: sign * a.numerator * b.denominator, denominator: sign * a.denominator * b.numerator };
}

export function negate({ numerator, denominator }: Rational): Rational {
  return { numerator: -numerator, denominator };
}

/** Without its sign. */
export function magnitude(value: Rational): Rational {
  return value.numerator < 0n ? negate(value) : value;
}

/** Whether a and b differ by at most `tolerance`; 0 asks for equality. */
export function within(a: Rational, b: Rational, tolerance: Rational): boolean {
  return subtract(magnitude(subtract(a, b)), tolerance).numerator <= 0n;
}

/** In lowest terms. Costs far more than the other operations on numbers of thousands of digits. */
export function reduce({ numerator, denominator }: Rational): Rational {
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return a <= 1n ? { numerator, denominator } : { numerator: numerator / a, denominator: denominator / a };
}
