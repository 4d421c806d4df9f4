// Digits in a base that is written as a subscript: 52_8, 101_{2}, (1A)_{16}, 204_{\text{five}}, 52 base 8.
// Their value is what is compared; the base is kept, since a task may ask for it.

import { whole } from "../rational.ts";
import { Beyond, maxDigits, Unreadable } from "./caps.ts";
import { inAscii } from "./commands.ts";
import { number } from "./expr.ts";
import type { Scalar } from "./form.ts";

const baseWords: Readonly<Record<string, number>> = {
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  sixteen: 16,
};

const whole_ = /^(-?)(?:\(\s*([0-9A-Za-z]+)\s*\)|([0-9A-Za-z]+))\s*_\s*(?:\{\s*(\w+)\s*\}|(\w+))$/;
const inWords = /^(-?)([0-9A-Za-z]+)\s*,?\s*(?:\(\s*base\s+(\w+)\s*\)|(?:in\s+)?base\s+(\w+))$/i;

/** A text that is nothing but a number in a base, letters as digits included. */
export function wholeNumeral(text: string): Scalar | undefined {
  const plain = inAscii(text)
    .replace(/\\(?:text|mathrm)\s*\{([^{}]*)\}/g, "$1")
    .replace(/_\{\((\w+)\)\}/, "_{$1}")
    .trim();
  const [, sign, bracketed, bare, braced, open] = whole_.exec(plain) ?? [];
  const [, signInWords, digitsInWords, bracketedBase, plainBase] = inWords.exec(plain) ?? [];
  const digits = bracketed ?? bare ?? digitsInWords;
  const base = baseOf(braced ?? open ?? bracketedBase ?? plainBase ?? "");
  // A letter with a subscript is a variable, unless its base has letters for digits.
  if (digits === undefined || base === undefined || !/^\d/.test(digits)) return undefined;
  return numeral({ digits, base, negative: (sign ?? signInWords) === "-" });
}

/** 2 to 36, from digits or a word. */
export function baseOf(text: string): number | undefined {
  const base = baseWords[text.toLowerCase()] ?? (/^\d{1,2}$/.test(text) ? Number(text) : Number.NaN);
  return base >= 2 && base <= 36 ? base : undefined;
}

/** The number that `digits` mean in `base`; unreadable where a digit is too large for it. */
export function numeral({
  digits,
  base,
  negative = false,
}: {
  readonly digits: string;
  readonly base: number;
  readonly negative?: boolean;
}): Scalar {
  if (digits.length > maxDigits) throw new Beyond(`${maxDigits} digits`);
  let value = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (!(worth < base)) throw new Unreadable(`${digit} is no digit in base ${base}`);
    value = value * BigInt(base) + BigInt(worth);
  }
  return { kind: "scalar", value: number(whole(negative ? -value : value)), base };
}
