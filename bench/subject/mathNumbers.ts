// Other forms and near misses of whole numbers, decimals and fractions, from their digits.
// Each function takes one kind of text and leaves the others alone.

/** Texts that mean the same, and texts that do not. */
export interface Variants {
  readonly forms: readonly string[];
  readonly misses: readonly string[];
}

/** Undefined when the text is none. */
export function wholeNumber(text: string): Variants | undefined {
  const plain = text.replace(/,?\\!\s*|(?<=\d),(?=\d{3})|\s/g, "");
  if (!/^-?\d+$/.test(plain) || (text.includes(" ") && !text.includes("\\!"))) return undefined;
  const value = BigInt(plain);
  const size = value < 0n ? -value : value;
  const factor = [2n, 3n, 5n, 7n].find((each) => size > each && size % each === 0n);
  const zeros = /0*$/.exec(size.toString())![0].length;
  return {
    forms: [
      `${value}.0`,
      `\\frac{${value * 2n}}{2}`,
      `${value} \\text{ units}`,
      size >= 1000n ? value.toLocaleString("en-US") : `${value * 3n}/3`,
      factor === undefined ? `${value - 1n} + 1` : `${value / factor} \\cdot ${factor}`,
      zeros > 1 ? `${value / 10n ** BigInt(zeros)} \\times 10^{${zeros}}` : `x = ${value}`,
    ],
    misses: [
      value === 0n ? "-1" : `${-value}`,
      `${value + 1n}`,
      `${value - 1n}`,
      `${value}.1`,
      value === 0n ? "0.01" : `${value}0`,
      `${value} \\pm 1`,
      `${value} \\text{ or } ${value + 1n}`,
      `\\frac{${value * 2n + 1n}}{2}`,
    ],
  };
}

/** Undefined when the text is none. */
export function decimal(text: string): Variants | undefined {
  const [, sign, head, tail] = /^(-?)(\d*)\.(\d+)$/.exec(text) ?? [];
  if (tail === undefined) return undefined;
  const scaled = BigInt(`${head}${tail}`);
  const percent = Number(`${head}.${tail}`) * 100;
  const isShort = Number.isInteger(Math.round(percent * 1e9) / 1e6);
  return {
    forms: [
      `\\frac{${sign}${scaled}}{${10n ** BigInt(tail.length)}}`,
      `${sign}${head || "0"}.${tail}0`,
      `${sign}${scaled}e-${tail.length}`,
      `${sign}${scaled} \\times 10^{-${tail.length}}`,
      ...(isShort ? [`${sign}${Number(percent.toFixed(6))}\\%`] : []),
    ],
    misses: [
      sign === "-" ? text.slice(1) : `-${text}`,
      `${sign}${head || "0"}.${tail}1`,
      `${sign}${head || "0"}.0${tail}`,
      `\\frac{${scaled + 1n}}{${10n ** BigInt(tail.length)}}`,
      `${scaled}`,
      `${text}\\%`,
    ],
  };
}

/** Undefined when the text is none. */
export function fraction(text: string): Variants | undefined {
  const [, sign, above, below] = /^(-?)\\[dt]?frac\s*(\{-?\d+\}|\d)\s*(\{\d+\}|\d)$/.exec(text) ?? [];
  const [, count, top, bottom] = /^(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}$/.exec(text) ?? [];
  const digits = (part: string): bigint => BigInt(part.replace(/[{}]/g, ""));
  if (below === undefined && bottom === undefined) return undefined;
  const b = digits(below ?? bottom!);
  const a = below === undefined ? BigInt(count!) * b + digits(top!) : (sign === "-" ? -1n : 1n) * digits(above!);
  const size = a < 0n ? -a : a;
  return {
    forms: [
      `${a}/${b}`,
      `\\dfrac{${a * 3n}}{${b * 3n}}`,
      `\\frac{${-a}}{${-b}}`,
      size > b ? `${a < 0n ? "-" : ""}${size / b}\\frac{${size % b}}{${b}}` : `${a} \\cdot \\frac{1}{${b}}`,
      ...terminating(a, b),
    ],
    misses: [
      `${-a}/${b}`,
      `${a + 1n}/${b}`,
      `\\frac{${a}}{${b + 1n}}`,
      `${b}/${a}`,
      `${(Number(a) / Number(b)).toFixed(4)}1`,
      `${a}`,
      `\\frac{${a}}{${b}} + 1`,
    ],
  };
}

/** The decimal and the percentage, when they end. */
function terminating(a: bigint, b: bigint): string[] {
  const scaled = a * 10n ** 12n;
  if (scaled % b !== 0n) return [];
  const sign = a < 0n ? "-" : "";
  const text = (scaled / b).toString().replace("-", "").padStart(13, "0");
  const shown = (places: number): string =>
    `${text.slice(0, -places)}.${text.slice(-places)}`.replace(/^0+(?=\d)/, "").replace(/\.?0*$/, "");
  return [`${sign}${shown(12)}`, `${sign}${shown(10)}\\%`];
}
