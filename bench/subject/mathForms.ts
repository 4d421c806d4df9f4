// Other forms of an answer, and near misses of it, made from its text by kind. None of it uses the verifier's own reader: what is equal and
// what differs follows from how a text was rewritten.

import { decimal, fraction, type Variants, wholeNumber } from "./mathNumbers.ts";
import { bracketsOf, digitChanges, splitTerms, splitTop } from "./mathText.ts";

/** Different texts that mean what `gold` means. */
export function formsOf(gold: string): string[] {
  const forms = variantsOf(gold.trim()).forms;
  const wrapped = forms.map((form, at) =>
    at % 3 === 1 ? `So we get \\boxed{${form}}.` : at % 3 === 2 ? `The answer is $${form}$.` : form,
  );
  return distinct(wrapped, gold);
}

/** Texts that mean something else, though not by much. */
export function nearMissesOf(gold: string): string[] {
  const misses = distinct(variantsOf(gold.trim()).misses, gold);
  return misses.map((miss, at) => (at % 2 === 1 ? `So we get \\boxed{${miss}}.` : miss));
}

function distinct(texts: readonly string[], gold: string): string[] {
  return [...new Set(texts)].filter((text) => text !== gold);
}

const kinds: readonly ((text: string) => Variants | undefined)[] = [
  words,
  numberInBase,
  money,
  degrees,
  measured,
  wholeNumber,
  decimal,
  fraction,
  matrix,
  equation,
  union,
  interval,
  tuple,
  plusMinus,
  list,
  expression,
];

function variantsOf(text: string): Variants {
  for (const kind of kinds) {
    const variants = kind(text);
    if (variants !== undefined) return variants;
  }
  return { forms: [], misses: [] };
}

const wordAlone = /^\\text\{(\(?)([A-Za-z]+)\)?\}$/;

function words(text: string): Variants | undefined {
  const [, bracket, word] = wordAlone.exec(text) ?? [];
  if (word === undefined) return undefined;
  const isChoice = bracket === "(";
  const others = isChoice ? "ABCDEF".split("").filter((letter) => letter !== word) : ["north", "circle", "neither", "Carla", "prime"];
  const wrap = (inner: string): string => (isChoice ? `\\text{(${inner})}` : `\\text{${inner}}`);
  return {
    forms: [
      word,
      `\\textbf{${isChoice ? `(${word})` : word}}`,
      wrap(word).replace("\\text", "\\mathrm"),
      isChoice ? `(${word})` : `\\text{ ${word} }`,
    ],
    misses: [...others.slice(0, 4).map(wrap), isChoice ? `\\text{(${word}) or (${others[0]})}` : `\\text{not ${word}}`],
  };
}

function numberInBase(text: string): Variants | undefined {
  const [, digits, base] = /^(\d+)_\{?(\d+)\}?$/.exec(text) ?? [];
  if (digits === undefined || base === undefined) return undefined;
  const value = Number.parseInt(digits, Number(base));
  return {
    forms: [`${digits}_{${base}}`, `(${digits})_{${base}}`, `${value}_{10}`, `${value.toString(2)}_2`, `\\mathrm{${digits}}_{${base}}`],
    misses: [
      `${digits}_{${Number(base) + 1}}`,
      digits,
      `${value + 1}_{10}`,
      `-${digits}_{${base}}`,
      `${digits}0_{${base}}`,
      `${value.toString(2)}_3`,
    ],
  };
}

function money(text: string): Variants | undefined {
  const [, amount] = /^\\\$(.+)$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const { forms, misses } = variantsOf(amount);
  return {
    forms: [amount, `${amount} \\text{ dollars}`, ...forms],
    misses: [...misses.map((miss) => `\\$${miss}`), `${amount} \\text{ cents}`],
  };
}

function degrees(text: string): Variants | undefined {
  const [, amount] = /^(.+?)\s*(?:\^\\circ|\\text\{ degrees\})$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const { misses } = variantsOf(amount);
  return {
    forms: [amount, `${amount}^{\\circ}`, `${amount} \\text{ degrees}`, `${amount}°`, `${amount} \\cdot \\frac{\\pi}{180}`],
    misses: [...misses.map((miss) => `${miss}^\\circ`), `${amount} \\text{ radians}`],
  };
}

function measured(text: string): Variants | undefined {
  const [, amount, unit] = /^([\d.,]+)\s*(\\(?:text|mbox)\{.*)$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const { forms, misses } = variantsOf(amount);
  return {
    forms: [amount, ...forms.map((form) => `${form} ${unit}`), ...forms],
    misses: [...misses.map((miss) => `${miss} ${unit}`), `${amount} \\text{ kilograms}`],
  };
}

function matrix(text: string): Variants | undefined {
  const [, body] = /^\\begin\{pmatrix\}(.*)\\end\{pmatrix\}$/.exec(text) ?? [];
  if (body === undefined) return undefined;
  const rows = body.split("\\\\").map((row) => row.split("&").map((cell) => cell.trim()));
  const write = (of: readonly (readonly string[])[], kind = "pmatrix"): string =>
    `\\begin{${kind}} ${of.map((row) => row.join(" & ")).join(" \\\\ ")} \\end{${kind}}`;
  const twice = rows.map((row) => row.map((cell) => `2 \\cdot (${cell})`));
  const bumped = rows.map((row, i) => row.map((cell, j) => (i === 0 && j === 0 ? `${cell} + 1` : cell)));
  const negated = rows.map((row) => row.map((cell) => `-(${cell})`));
  const column = rows[0]!.length === 1 ? [`(${rows.flat().join(", ")})`] : [write(rows, "matrix")];
  return {
    forms: [
      write(rows, "bmatrix"),
      `\\frac{1}{2}${write(twice)}`,
      ...column,
      write(rows.map((row) => row.map((cell) => `\\frac{3(${cell})}{3}`))),
    ],
    misses: [write([...rows].reverse()), write(bumped), write(rows.slice(1)), write(negated), write([rows.flat()])],
  };
}

function equation(text: string): Variants | undefined {
  const parts = text.split("=");
  if (parts.length !== 2) return undefined;
  const [left, right] = parts.map((part) => part.trim()) as [string, string];
  return {
    forms: [
      `${right} = ${left}`,
      `2(${left}) = 2(${right})`,
      `${left} - (${right}) = 0`,
      `-(${left}) = -(${right})`,
      `${left} + 1 = ${right} + 1`,
    ],
    misses: [
      `${left} = ${right} + 1`,
      `-(${left}) = ${right} + 2`,
      `2(${left}) = ${right} + 3`,
      `${left} > ${right}`,
      ...digitChanges(text),
    ],
  };
}

function union(text: string): Variants | undefined {
  const parts = splitTop(text, "\\cup");
  if (parts.length < 2) return undefined;
  const reversed = [...parts].reverse().join(" \\cup ");
  const inWords = parts.map(inequality).join(" \\text{ or } ");
  return {
    forms: [reversed, inWords, `x \\in ${text}`, `${text} \\cup ${parts[0]}`],
    misses: [...parts, ...parts.map((part) => text.replace(part, flip(part))), ...digitChanges(text)],
  };
}

/** "(a, b]" as a < x <= b. */
function inequality(interval: string): string {
  const { open, close, inner } = bracketsOf(interval)!;
  const [low, high] = splitTop(inner, ",") as [string, string];
  const left = low.includes("\\infty") ? "" : `${low} ${open === "[" ? "\\le" : "<"} `;
  const right = high.includes("\\infty") ? "" : ` ${close === "]" ? "\\le" : "<"} ${high}`;
  return `${left}x${right}`;
}

/** The interval with its first end opened or closed; with the other one, where the first is infinite. */
function flip(interval: string): string {
  const { open, close, inner } = bracketsOf(interval)!;
  if (splitTop(inner, ",")[0]!.includes("\\infty")) return `${open}${inner}${close === "]" ? ")" : "]"}`;
  return `${open === "[" ? "(" : "["}${inner}${close}`;
}

function interval(text: string): Variants | undefined {
  const bare = text.replace(/^x\s*\\in\s*/, "");
  const brackets = bracketsOf(bare);
  const items = brackets === undefined ? [] : splitTop(brackets.inner, ",");
  if (brackets === undefined || items.length !== 2) return undefined;
  const isPlain = brackets.open === "(" && brackets.close === ")" && !bare.includes("\\infty") && bare === text;
  if (isPlain) return undefined;
  const [low, high] = items as [string, string];
  return {
    forms: [
      inequality(bare),
      `${brackets.open} ${low}, ${high} ${brackets.close}`,
      `x \\in ${bare}`,
      `\\left${brackets.open}${low},${high}\\right${brackets.close}`,
      `${bare} \\cup ${bare}`,
      `\\{x \\mid ${inequality(bare)}\\}`,
    ],
    misses: [
      flip(bare),
      `${brackets.open}${high}, ${low}${brackets.close}`,
      `${low}, ${high}`,
      ...digitChanges(bare),
      low,
      `\\{${low}, ${high}\\}`,
    ],
  };
}

function tuple(text: string): Variants | undefined {
  const brackets = bracketsOf(text);
  const items = brackets === undefined ? [] : splitTop(brackets.inner, ",");
  if (items.length < 2 || text.startsWith("\\{")) return undefined;
  const write = (of: readonly string[]): string => `(${of.join(", ")})`;
  const doubled = items.map((item) => `\\frac{2(${item})}{2}`);
  return {
    forms: [
      write(doubled),
      `\\left(${items.join(" , ")}\\right)`,
      `\\begin{pmatrix} ${items.join(" \\\\ ")} \\end{pmatrix}`,
      `\\langle ${items.join(", ")} \\rangle`,
    ],
    misses: [
      write([...items].reverse()),
      write(items.slice(1)),
      write([...items.slice(0, -1), `${items.at(-1)} + 1`]),
      write([`-(${items[0]}) - 1`, ...items.slice(1)]),
      `\\{${items.join(", ")}\\}`,
      ...digitChanges(text),
    ],
  };
}

function plusMinus(text: string): Variants | undefined {
  if (!text.includes("\\pm") || text.startsWith("\\{")) return undefined;
  const [plus, minus] = [text.replace("\\pm", "+"), text.replace("\\pm", "-")];
  return {
    forms: [`${plus}, ${minus}`, `\\{${minus}, ${plus}\\}`, `x = ${text}`, `${minus} \\text{ or } ${plus}`, text.replace("\\pm", "\\mp")],
    misses: [plus, minus, `-(${plus}), ${minus}`, ...digitChanges(text), `${text}, 0`],
  };
}

function list(text: string): Variants | undefined {
  const bare = text.replace(/^\\\{|\\\}$/g, "");
  const items = splitTop(bare, ",");
  if (items.length < 2) return undefined;
  const reversed = [...items].reverse();
  return {
    forms: [
      reversed.join(", "),
      `\\{${reversed.join(",")}\\}`,
      items.join(" \\text{ and } "),
      items.map((item) => `x = ${item}`).join(", "),
      items.map((item) => `\\frac{2(${item})}{2}`).join(" , "),
    ],
    misses: [
      items.slice(1).join(", "),
      `${bare}, 99`,
      items.map((item, at) => (at === 0 ? `${item} + 1` : item)).join(", "),
      `[${bare}]`.replace(/\[(.*)\]/, "-($1)").replace(/^-\((.*)\)$/, "99, $1"),
      ...digitChanges(text),
    ],
  };
}

function expression(text: string): Variants | undefined {
  const terms = splitTerms(text);
  const moved =
    terms.length > 1
      ? [
          [...terms]
            .reverse()
            .join(" ")
            .replace(/^\+\s*/, ""),
        ]
      : [`1 \\cdot (${text})`];
  return {
    forms: [
      ...moved,
      ...underRoot(text),
      `\\frac{6(${text})}{6}`,
      `3(${text}) - 2(${text})`,
      text
        .replaceAll("\\frac", "\\dfrac")
        .replaceAll("\\sqrt", "\\sqrt ")
        .replaceAll(/(?<=\d)(?=[a-z\\])/g, " "),
      `\\left(${text}\\right)`,
    ],
    misses: [`-(${text})`, `${text} + 1`, `2(${text})`, `(${text}) \\pm 1`, ...digitChanges(text)],
  };
}

/** a\sqrt{b} as \sqrt{a^2 b}. */
function underRoot(text: string): string[] {
  const [, outside, inside] = /^(\d+)\s*\\sqrt\s*\{?(\d+)\}?$/.exec(text) ?? [];
  return inside === undefined ? [] : [`\\sqrt{${BigInt(outside!) ** 2n * BigInt(inside)}}`, `${outside} \\cdot ${inside}^{1/2}`];
}
