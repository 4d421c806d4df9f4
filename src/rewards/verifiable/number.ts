// One number, as people and models write it, to an exact fraction. Hand-written from a fixed grammar: nothing is evaluated.
//
//     -1,250.00   $1,250   1.25e3   1.25 \times 10^{3}   3/4   \frac{3}{4}   1 1/2   50%   .5   5 \text{ cm}
//
// Policies: commas group thousands and stand every three digits, or it is not a number; currency signs, a percent sign and a
// \text{...} unit are dropped, so 50% equals 50 and not 0.5. Words of scale ("million") are not read, nor is anything beyond the caps.

import { add, divide, multiply, negate, type Rational, whole } from "./rational.ts";

/** Longer numbers are refused: this bounds digits, and with them the work of every comparison. */
export const maxNumberChars = 1000;
/** Exponents beyond are refused: 10^1000 has 1001 digits, 10^1000000000 would need a gigabyte. */
export const maxExponent = 1000;

/** A number, or why the text is none. */
export type ParsedNumber =
  | { readonly kind: "number"; readonly value: Rational }
  | { readonly kind: "notNumber" }
  | { readonly kind: "beyondCaps"; readonly cap: string };

const digits = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)`;
const timesTen = String.raw`\s*(?:\\times|\\cdot|×|\*)\s*10\s*\^\s*`;
const exponent = String.raw`(?:[eE][+-]?\d+|${timesTen}\{\s*[+-]?\d+\s*\}|${timesTen}[+-]?\d+)`;
const decimal = String.raw`(?:${digits}(?:\.\d*)?|\.\d+)${exponent}?`;
const latexFraction = String.raw`\\[dt]?frac\s*\{\s*(?<top>-?${decimal})\s*\}\s*\{\s*(?<bottom>${decimal})\s*\}`;
const plainFraction = String.raw`(?<over>${decimal})\s*\/\s*(?<under>${decimal})`;
const number = new RegExp(
  String.raw`^(?<sign>[+-]?)\s*[$€£¥]?\s*(?:(?:(?<mixed>\d+)\s*)?(?:${latexFraction})|(?:(?<count>\d+)\s+)?(?:${plainFraction})|(?<plain>${decimal}))\s*[%€£¥]?$`,
);

/** Reads `text` as one number and nothing else. */
export function parseNumber(text: string): ParsedNumber {
  if (text.length > maxNumberChars) return { kind: "beyondCaps", cap: `${maxNumberChars} characters for a number` };
  const groups = number.exec(bare(text))?.groups;
  if (groups === undefined) return { kind: "notNumber" };
  const parts = [groups["top"] ?? groups["over"] ?? groups["plain"]!, groups["bottom"] ?? groups["under"] ?? "1"].map(parseDecimal);
  const [above, below] = parts;
  if (above === undefined || below === undefined) return { kind: "beyondCaps", cap: `exponents within ${maxExponent}` };
  const fraction = divide(above, below);
  if (fraction === undefined) return { kind: "notNumber" };
  const value = add(whole(BigInt(groups["mixed"] ?? groups["count"] ?? "0")), fraction);
  return { kind: "number", value: groups["sign"] === "-" ? negate(value) : value };
}

/** Undefined when the exponent is beyond its cap. */
function parseDecimal(text: string): Rational | undefined {
  const [mantissa, power = "0"] = text.split(/\s*(?:[eE]|(?:\\times|\\cdot|×|\*)\s*10\s*\^)\s*/);
  const shift = Number(power.replace(/[{}\s]/g, ""));
  if (Math.abs(shift) > maxExponent) return undefined;
  const [integer = "", decimals = ""] = mantissa!.replaceAll(",", "").split(".");
  const scaled = { numerator: BigInt(integer + decimals), denominator: 10n ** BigInt(decimals.length) };
  const tens = 10n ** BigInt(Math.abs(shift));
  return multiply(scaled, shift < 0 ? { numerator: 1n, denominator: tens } : whole(tens));
}

/** The number without what only dresses it: math delimiters, emphasis, spacing commands, a unit, a closing full stop. */
function bare(text: string): string {
  let current = text
    .replaceAll("−", "-")
    .replaceAll("{,}", ",")
    .replaceAll(/\\([$%])/g, "$1")
    .replaceAll(/(?<=[\d,])\\[,!](?=\d)/g, "");
  for (let before = ""; current !== before; ) {
    before = current;
    current = current.trim();
    for (const [open, close] of wrappers) {
      if (current.length > open.length + close.length && current.startsWith(open) && current.endsWith(close)) {
        current = current.slice(open.length, -close.length);
      }
    }
    current = current.replace(/(?<=[\d}%])\.$/, "").replace(unit, "");
  }
  return current.replace(/^[a-zA-Z]\s*=\s*/, "");
}

const wrappers = [
  ["$", "$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
  ["**", "**"],
] as const;

/** A unit at the end, without digits; a word of scale is not a unit. */
const unit = /(?:\\[,;! ]|\s)*\\(?:text|mathrm|mbox)\s*\{(?![^{}]*(?:hundred|thousand|[mb]illion|trillion|dozen))[^{}\d]*\}$/i;
