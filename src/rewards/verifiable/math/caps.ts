// What a mathematical answer may ask of its checker. Every cap is looked at before the work that it bounds is done; whatever passes one
// leaves the descent as `Beyond`, and the answer scores 0 with that cap as evidence.

/** Characters of a final answer, or of a reference. */
export const maxExpressionChars = 4000;
/** Digits of one number. */
export const maxDigits = 1000;
/** Brackets, fractions, roots and exponents inside one another. */
export const maxNesting = 40;
/** Absolute value of an exponent. */
export const maxExponent = 10_000;
/** Argument of a factorial or a binomial coefficient. */
export const maxFactorial = 3000;
/** Degree of a root. */
export const maxRootDegree = 64;
/** Bits of a numerator or denominator that is computed exactly. */
export const maxBits = 65_536;
/** Members of a list, set, tuple or matrix. */
export const maxItems = 100;
/** Nodes of an expression, terms and factors included. */
export const maxNodes = 4000;
/** Bits to which a number is computed to tell it from 0. */
export const maxPrecisionBits = 16_384;
/** Bits of all intermediate numbers of one comparison together: about a tenth of a second. */
export const maxWorkBits = 1 << 25;

/** An answer passed a cap; the message names it. */
export class Beyond extends Error {
  constructor(cap: string) {
    super(`beyond the cap of ${cap}`);
  }
}

/** A text that is no mathematical expression of the kinds that are read; the message says where reading stopped. */
export class Unreadable extends Error {}
