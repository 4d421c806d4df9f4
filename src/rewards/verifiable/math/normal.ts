// The normal form of what was read: sets joined, comparisons solved, names of unknowns dropped from lists, and texts and choices told
// from expressions. Reading falls back to text: an answer that is no expression is compared as words.

import { Beyond, maxExpressionChars, Unreadable } from "./caps.ts";
import { type Expr, some, variablesOf } from "./expr.ts";
import type { Form, Reals, Relation } from "./form.ts";
import { readForm } from "./grammar.ts";
import type { Check } from "./identity.ts";
import { asReals, intervalOf, isPlainlyInterval, meet, solve, unite, without } from "./reals.ts";
import type { Reading } from "./tokens.ts";

const choice = /^(?:\\(?:text|textbf|mathrm|mbox|textrm)\s*\{\s*)*\(?\s*([A-J])\s*\)?\s*\}*$/;
const noSolution = /^(?:there (?:is|are) )?(?:no (?:real )?(?:solutions?|values?|roots?)|none|the empty set|empty set|empty)$/;
/** Short answers in words, which would read as products of letters. */
const plainWord = /^(?:yes|no|true|false|odd|even|neither|both|always|never|sometimes|dne|undefined)$/;
const allReals = /^(?:all|any|every) real(?:s| numbers?)?$/;

/** Reads `text` and normalises it. Throws `Beyond`, never `Unreadable`. */
export function normalForm(text: string, { reading, check }: { readonly reading: Reading; readonly check: Check }): Form {
  const bare = undressed(withinCap(text)).replace(/^<([^<>=]+,[^<>=]+)>$/, "\\langle $1\\rangle ");
  const letter = choice.exec(bare)?.[1];
  if (letter !== undefined) return { kind: "choice", letter };
  const words = wordsOf(bare);
  if (plainWord.test(words)) return { kind: "text", words };
  if (noSolution.test(words)) return { kind: "set", items: [] };
  for (const candidate of [bare, afterLabel(bare), beforeRange(bare)]) {
    if (candidate === undefined) continue;
    try {
      if (allReals.test(wordsOf(candidate))) return normalise(readForm("\\R", reading), check);
      return normalise(readForm(candidate, reading), check);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
    }
  }
  return { kind: "text", words };
}

/** Reads an answer to compare it with a reference that is a choice or words; undefined for other references. */
export function formAsAsked(text: string, gold: Form): Form | undefined {
  const bare = undressed(withinCap(text));
  if (gold.kind === "text") return { kind: "text", words: (ratio.test(gold.words) ? ratioOf(bare) : undefined) ?? wordsOf(bare) };
  if (gold.kind !== "choice") return undefined;
  const plain = bare.replace(/\\(?:text|textbf|mathrm|mbox|textrm)\s*(?=\{)|[{}$]/g, "").trim();
  const [, bracketed, open, rest = ""] = labelled.exec(plain) ?? [];
  const letter = bracketed ?? open;
  if (letter === undefined || otherLetter.test(rest)) return { kind: "text", words: wordsOf(bare) };
  return { kind: "choice", letter: letter.toUpperCase() };
}

/** A ratio is compared term by term, since 10:30 is perhaps a time; a fraction with its terms is another spelling of it. */
const ratio = /^\d+:\d+$/;

function ratioOf(text: string): string | undefined {
  const terms = (/^\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}$/.exec(text) ?? /^(\d+)\s*\/\s*(\d+)$/.exec(text))?.slice(1);
  return terms?.join(":");
}

/** "(C)", "C. Plane", "option C": a letter, and perhaps the text of the choice. */
const labelled = /^(?:(?:option|choice|answer)\s+)?(?:\(([A-J])\)|([A-J])(?=[.:)]|$))[.:)]?(.*)$/i;
const otherLetter = /\b(?:or|and|not)\b|\([A-J]\)|[,;]/i;

/** Whether `text` is an expression of any kind. One beyond the caps counts, so that its cap is told. */
export function readsAsMathematics(text: string): boolean {
  const bare = undressed(text);
  if (choice.test(bare)) return true;
  try {
    readForm(bare, { commas: "group" });
    return true;
  } catch (error) {
    if (error instanceof Beyond) return true;
    if (error instanceof Unreadable) return false;
    throw error;
  }
}

/** Looked at first: the patterns below are slow on long runs of blanks. */
function withinCap(text: string): string {
  if (text.length > maxExpressionChars) throw new Beyond(`${maxExpressionChars} characters for a final answer`);
  return text.replace(/\s+/g, " ");
}

/** The text without math delimiters, emphasis and a closing full stop. */
function undressed(text: string): string {
  let current = text.trim();
  for (let before = ""; before !== current; ) {
    before = current;
    current = current.replace(/^(?:\\\[|\\\(|\$\$?(?!\s*\d[^$]*$)|\*\*|`)\s*|\s*(?:\\\]|\\\)|\*\*|`|(?<!\\)\$\$?)$/g, "");
    current = current.replace(/(?:(?<!\.)\.|,|;|\\\\)$/, "").trim();
  }
  return current;
}

/** What follows "\text{The area is }", "Area =", "\angle ABC =": the one equals sign, when no digit or operator stands before it. */
function afterLabel(text: string): string | undefined {
  const [, inWords] = /^\\(?:text|mbox|textbf)\s*\{[^{}\d]*(?:\bis|[:=])\s*\}([\s\S]+)$/.exec(text) ?? [];
  if (inWords !== undefined) return inWords;
  const parts = text.split("=");
  if (parts.length !== 2 || !/^[^\d+*^<>!(),[\]]*[a-zA-Z][^\d+*^<>!,[\]]*$/.test(parts[0]!)) return undefined;
  return parts[1];
}

/** "\\pi k, k \\in \\mathbb{Z}" without what its letter ranges over. */
function beforeRange(text: string): string | undefined {
  const range =
    /,?\s*(?:\\(?:text|mbox)\s*\{[\s,]*(?:where|for|with)?\s*\}|\\quad|\s)*\(?\s*[a-z]\s*\\in\s*\\?(?:mathbb\s*\{?[ZN]\}?|[ZN])\s*\)?$/;
  return range.test(text) ? text.replace(range, "") : undefined;
}

/** Words in lower case without markup, articles and punctuation. */
function wordsOf(text: string): string {
  return text
    .replace(/\\(?:text|textbf|textit|textrm|mathrm|mbox|mathbf|emph)\s*(?=\{)/g, "")
    .replace(/\\(?:left|right|,|!|;|:|quad)/g, " ")
    .replace(/\\[dt]frac/g, "\\frac")
    .replace(/[{}$~]|\*\*/g, " ")
    .replace(/\\ /g, " ")
    .replace(/\s+/g, " ")
    .replace(/\\colon\b/g, ":")
    .replace(/(?<=\d)\s+to\s+(?=\d)/g, ":")
    .replace(/\s*:\s*/g, ":")
    .toLowerCase()
    .replace(/\b([ap])\.\s?m\.?(?![a-z])/g, "$1m")
    .replace(/^["“'‘](.*)["”'’]$/, "$1")
    .trim()
    .replace(/^(?:an?|the) /, "")
    .replace(/[.!,;:]+$/, "")
    .trim();
}

function normalise(form: Form, check: Check): Form {
  switch (form.kind) {
    case "sets":
      return joined(form, check);
    case "reals":
      return unite([form], check);
    case "tuple": {
      const interval = isPlainlyInterval(form) ? intervalOf(form) : undefined;
      return interval === undefined ? { ...form, items: form.items.map((item) => normalise(item, check)) } : orderedOrRaw(interval, check);
    }
    case "set":
      return { kind: "set", items: flat(form.items.map((item) => normalise(item, check))) };
    case "list":
      return normaliseList(form, check);
    case "relation":
      return solved(form, check) ?? { ...form, sides: form.sides.map((side) => normalise(side, check)) };
    default:
      return form;
  }
}

/** Members of sets within sets stay; of lists within them, they are members. */
function flat(items: readonly Form[]): Form[] {
  return items.flatMap((item) => (item.kind === "list" ? item.items : [item]));
}

function orderedOrRaw(reals: Reals, check: Check): Form {
  try {
    return unite([reals], check);
  } catch (error) {
    if (error instanceof Unreadable) return reals; // its ends have letters: compared end by end
    throw error;
  }
}

function joined({ operator, left, right }: Extract<Form, { kind: "sets" }>, check: Check): Form {
  const [a, b] = [normalise(left, check), normalise(right, check)];
  if (a.kind === "set" && b.kind === "set" && operator === "union") return { kind: "set", items: [...a.items, ...b.items] };
  const [first, second] = [asReals(a), asReals(b)];
  if (first === undefined || second === undefined) throw new Unreadable("sets that cannot be joined");
  if (operator === "union") return unite([first, second], check);
  return operator === "meet" ? meet(first, second, check) : without(first, second, check);
}

function solved(relation: Relation, check: Check): Reals | undefined {
  const set = solve(relation, check);
  const names = new Set(relation.sides.flatMap(expressionsOf).flatMap(variablesOf));
  return set && { ...set, of: [...names].join() };
}

function normaliseList(list: Extract<Form, { kind: "list" }>, check: Check): Form {
  const items = flat(list.items.map((item) => normalise(item, check)));
  const joined_ = joinedConditions(list, { items, check });
  if (joined_ !== undefined) return joined_;
  const values = withoutNames(items);
  // Several values of one unknown are alternatives, whatever stands between them.
  return { kind: "list", joint: values === items ? list.joint : "or", items: values };
}

/** Conditions on one unknown as the set where they hold; undefined where they are none. */
function joinedConditions(
  { joint, items: written }: Extract<Form, { kind: "list" }>,
  { items, check }: { readonly items: readonly Form[]; readonly check: Check },
): Reals | undefined {
  const sets = items.map((item) => (joint === "or" ? pointOf(item) : undefined) ?? (item.kind === "reals" ? item : undefined));
  if (sets.some((set) => set === undefined) || !items.some((item) => item.kind === "reals")) return undefined;
  const all = sets as readonly Reals[];
  const names = new Set(all.flatMap(({ of }) => of ?? []));
  if (names.size > 1) return undefined;
  const [of] = names;
  const named = (set: Reals): Reals => (of === undefined ? set : { ...set, of });
  if (joint === "or") return named(unite(all, check));
  if (joint === "," && written.some((item) => item.kind !== "relation")) return undefined;
  const both = all.reduce((most, set) => meet(most, set, check));
  // A comma between conditions that cannot both hold stands for "or": x <= -1, x >= 5.
  return named(joint === "," && both.parts.length === 0 ? unite(all, check) : both);
}

/** x = 3, between conditions, as the set that holds 3. */
function pointOf(item: Form): Reals | undefined {
  const named = item.kind === "relation" ? namedValue(item) : undefined;
  if (named?.value.kind !== "scalar") return undefined;
  const end = { value: named.value.value, closed: true };
  return { kind: "reals", parts: [{ low: end, high: end }], of: named.name };
}

/** x = 1, x = -2 and x = 1, -2 as the list of values, when all are values of one unknown. */
function withoutNames(items: readonly Form[]): readonly Form[] {
  const named = items.map((item) => (item.kind === "relation" ? namedValue(item) : undefined));
  const names = new Set(named.flatMap((each) => (each === undefined ? [] : [each.name])));
  if (names.size !== 1 || named[0] === undefined) return items;
  const values = items.map((item, at) => named[at]?.value ?? (item.kind === "relation" ? undefined : item));
  return values.every((value) => value !== undefined) ? values : items;
}

/** The name and the value of "x = 5", "f(x) = 2x" or "(x, y) = (1, 2)"; undefined where the left side is no name or stands on the right. */
export function namedValue({ sides, operators }: Relation): { readonly name: string; readonly value: Form } | undefined {
  const [label, value] = sides;
  if (sides.length !== 2 || operators[0] !== "=" || label === undefined || value === undefined) return undefined;
  const names = nameOf(label);
  if (names === undefined) return undefined;
  const recurs = expressionsOf(value).some((expr) => some(expr, (part) => part.kind === "variable" && names.includes(part.name)));
  return recurs ? undefined : { name: names.join(","), value };
}

function nameOf(label: Form): string[] | undefined {
  if (label.kind === "scalar" && label.value.kind === "variable") return [label.value.name];
  if (label.kind === "scalar" && isSegment(label.value)) return [variablesOf(label.value).join("")];
  if (label.kind !== "tuple") return undefined;
  const names = label.items.map((item) => (item.kind === "scalar" && item.value.kind === "variable" ? item.value.name : undefined));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** AB and ABC, as points name a length or an area. */
function isSegment(expr: Expr): boolean {
  return expr.kind === "product" && expr.factors.every((factor) => factor.kind === "variable" && /^[A-Z]$/.test(factor.name));
}

function expressionsOf(form: Form): Expr[] {
  switch (form.kind) {
    case "scalar":
      return [form.value];
    case "tuple":
    case "set":
    case "list":
      return form.items.flatMap(expressionsOf);
    case "matrix":
      return form.rows.flat();
    default:
      return [];
  }
}
