// Reads a final answer into a form. A recursive descent over tokens; nothing is evaluated as code.
//
//     answer   = members { ("," | ";" | "or" | "and") members }
//     member   = set { ("=" | "<" | "<=" | ... | "in") set }
//     set      = quantity { ("u" | "n" | "\") quantity }
//     quantity = [currency] sum [unit]
//     sum      = term { ("+" | "-" | "+-") term };   term = factor { ["*" | "/"] factor };   factor: operand.ts
//
// A member with a plus-or-minus sign is read twice, once for each sign: all signs of one member are taken together.

import { addForms, multiplyForms, negateForm, scalarOf } from "./arithmetic.ts";
import { Beyond, maxItems, Unreadable } from "./caps.ts";
import { accept, type Cursor, isSign, nested, peek, unexpected } from "./cursor.ts";
import { constant, type Expr, integer, integerOf, power, product, quotient, sum as sumOf, variable } from "./expr.ts";
import { type Comparison, type Form, scalar } from "./form.ts";
import { wholeNumeral } from "./numerals.ts";
import { fraction, marks, operand, primary, startsFactor } from "./operand.ts";
import { type Reading, type Token, tokenize } from "./tokens.ts";
import { unitName } from "./units.ts";

/** The form of `text`; throws `Unreadable` or `Beyond`. */
export function readForm(text: string, reading: Reading): Form {
  const inBase = wholeNumeral(text);
  if (inBase !== undefined) return inBase;
  const cursor: Cursor = {
    tokens: tokenize(text, reading),
    at: 0,
    depth: 0,
    bars: 0,
    choice: 1,
    choices: 0,
    sum,
    member,
    members,
    separator,
  };
  const items = members(cursor);
  let joint: "," | "and" | "or" = ",";
  for (let next = separator(cursor); next !== undefined; next = separator(cursor)) {
    if (next !== ",") joint = next;
    items.push(...members(cursor));
    if (items.length > maxItems) throw new Beyond(`${maxItems} members`);
  }
  if (peek(cursor).kind !== "end") throw unexpected(cursor);
  return items.length === 1 ? items[0]! : { kind: "list", joint, items };
}

/** What stands between two members, ", and" included; undefined when nothing does. */
function separator(cursor: Cursor): "," | "and" | "or" | undefined {
  let found: "," | "and" | "or" | undefined;
  for (;;) {
    const { kind, text } = peek(cursor);
    const joins = kind === "word" || kind === "sign" ? separators[text.toLowerCase()] : undefined;
    if (joins === undefined) return found;
    cursor.at++;
    found = joins;
  }
}

const separators: Readonly<Record<string, "," | "and" | "or">> = {
  ",": ",",
  ";": ",",
  or: "or",
  and: "and",
  或: "or",
  和: "and",
  "∨": "or",
  "∧": "and",
};

function members(cursor: Cursor): Form[] {
  const from = cursor.at;
  const { choice, choices } = cursor;
  const first = member(cursor);
  if (cursor.choices === choices) return [first];
  cursor.at = from;
  cursor.choice = choice === 1 ? -1 : 1;
  const second = member(cursor);
  cursor.choice = choice;
  cursor.choices = choices; // they are settled here, not once more further up
  return [first, second];
}

const comparisons: Readonly<Record<string, Comparison | "in">> = {
  "=": "=",
  "!=": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "~": "~",
  "∈": "in",
};

function member(cursor: Cursor): Form {
  const label = functionLabel(cursor);
  const sides: Form[] = [label ?? set(cursor)];
  const operators: Comparison[] = [];
  for (;;) {
    const { kind, text } = peek(cursor);
    const comparison = kind === "sign" ? comparisons[text] : kind === "word" && text === "in" ? "in" : undefined;
    if (comparison === undefined) break;
    cursor.at++;
    const right = set(cursor);
    if (comparison === "in") return sides.length === 1 ? right : wrongPlace();
    operators.push(comparison);
    sides.push(right);
  }
  return operators.length === 0 ? sides[0]! : { kind: "relation", sides, operators };
}

function wrongPlace(): never {
  throw new Unreadable("a set in a chain of comparisons");
}

/** f(x) before an equals sign is a name, not a product. */
function functionLabel(cursor: Cursor): Form | undefined {
  if (peek(cursor).kind !== "name" || !isSign(peek(cursor, 1), "(")) return undefined;
  let at = 2;
  const isArgument = (ahead: number): boolean => ["name", "number"].includes(peek(cursor, ahead).kind);
  while (isArgument(at) && isSign(peek(cursor, at + 1), ",")) at += 2;
  const closes = isArgument(at) && isSign(peek(cursor, at + 1), ")") && isSign(peek(cursor, at + 2), "=");
  if (!closes) return undefined;
  const name = cursor.tokens
    .slice(cursor.at, cursor.at + at + 2)
    .map(({ text }) => text)
    .join("");
  cursor.at += at + 2;
  return scalar(variable(name));
}

const setOperators: Readonly<Record<string, "union" | "meet" | "without">> = { "∪": "union", "∩": "meet", "∖": "without" };

function set(cursor: Cursor): Form {
  let left = quantity(cursor);
  for (;;) {
    const { kind, text } = peek(cursor);
    const operator = kind === "sign" ? setOperators[text] : undefined;
    if (operator === undefined) return left;
    cursor.at++;
    left = { kind: "sets", operator, left, right: memberOfUnion(cursor) };
  }
}

/** What follows a union sign: braces around one number were meant to be seen there. */
function memberOfUnion(cursor: Cursor): Form {
  const isBraced = isSign(peek(cursor), "{");
  const right = quantity(cursor);
  return isBraced && right.kind === "scalar" && isSign(peek(cursor, -1), "}") ? { kind: "set", items: [right] } : right;
}

function quantity(cursor: Cursor): Form {
  const currency = peek(cursor).kind === "word" && /^(?:dollar|usd|eur|gbp|[€£¥])$/i.test(peek(cursor).text) ? unitWords(cursor) : [];
  const negative = currency.length === 0 && isSign(peek(cursor), "-") && peek(cursor, 1).text === "dollar";
  if (negative) {
    cursor.at++;
    return negateWithUnit(quantity(cursor));
  }
  const value = sum(cursor);
  const words = [...currency, ...unitWords(cursor)];
  if (words.length === 0) return value;
  const unit = value.kind === "scalar" ? unitName(words) : undefined;
  if (unit === undefined) throw new Unreadable(`${JSON.stringify(words.join(" "))} is no unit`);
  if (unit === "") return value;
  if (unit === "percent") return { kind: "scalar", value: quotient(scalarOf(value), integer(100n)), percent: true };
  if (unit === "degree") return scalar(product([scalarOf(value), constant("degree")]));
  return { ...value, kind: "scalar", value: scalarOf(value), unit };
}

function negateWithUnit(form: Form): Form {
  if (form.kind !== "scalar") throw new Unreadable("a number is needed here");
  return { ...form, value: product([integer(-1n), form.value]) };
}

/** Words up to a joining one, with their powers and fraction bars. */
function unitWords(cursor: Cursor): string[] {
  const words: string[] = [];
  for (;;) {
    const { kind, text } = peek(cursor);
    if (kind === "word" && separators[text.toLowerCase()] === undefined && !(text === "in" && startsBracket(peek(cursor, 1)))) {
      words.push(text);
      cursor.at++;
    } else if (words.length > 0 && kind === "sign" && text === "^") {
      cursor.at++;
      words.push(`^${integerOf(scalarOf(operand(cursor))) ?? ""}`);
    } else if (words.length > 0 && kind === "sign" && text === "/" && peek(cursor, 1).kind === "word") {
      cursor.at++;
      words.push("/");
    } else return words;
  }
}

function startsBracket({ kind, text }: Token): boolean {
  return kind === "sign" && ["(", "[", "\\{", "{", "ℝ", "]"].includes(text);
}

function sum(cursor: Cursor): Form {
  return nested(cursor, () => {
    let total = signedTerm(cursor, { required: false })!;
    for (;;) {
      if (total.kind === "reals" && accept(cursor, "-")) {
        total = { kind: "sets", operator: "without", left: total, right: term(cursor) };
        continue;
      }
      const next = signedTerm(cursor, { required: true });
      if (next === undefined) return total;
      total = addForms(total, next);
    }
  });
}

/** A term with the signs before it; undefined when a sign is required and none is there. */
function signedTerm(cursor: Cursor, { required }: { readonly required: boolean }): Form | undefined {
  let negative = false;
  let signs = 0;
  for (; ; signs++) {
    if (accept(cursor, "-")) negative = !negative;
    else if (isSign(peek(cursor), "±") || isSign(peek(cursor), "∓")) {
      cursor.choices++;
      if (isSign(peek(cursor), "±") === cursor.choice < 0) negative = !negative;
      cursor.at++;
    } else if (!accept(cursor, "+")) break;
  }
  if (required && signs === 0) return undefined;
  if (signs > 2) throw unexpected(cursor);
  const value = term(cursor);
  return negative ? negateForm(value) : value;
}

function term(cursor: Cursor): Form {
  const first = peek(cursor);
  let value = operand(cursor);
  const mixed = first.kind === "number" && cursor.tokens[cursor.at - 1] === first ? mixedNumber(cursor, value) : undefined;
  value = mixed === undefined ? value : marks(cursor, mixed);
  for (;;) {
    if (accept(cursor, "*")) value = multiplyForms(value, signedOperand(cursor));
    else if (isSign(peek(cursor), "/") && peek(cursor, 1).kind !== "word") {
      const isPlain = cursor.tokens[cursor.at - 1] === first && peek(cursor, 1).kind === "number";
      cursor.at++;
      // 25/2% is 12.5%: the sign belongs to the whole fraction
      value =
        isPlain && marked.has(peek(cursor, 1).text)
          ? marks(cursor, divideForms(value, primary(cursor)))
          : divideForms(value, signedOperand(cursor));
    } else if (startsFactor(cursor)) {
      // Two numbers side by side are neither a product nor a number.
      const isNumeral = value.kind === "scalar" && value.base !== undefined;
      if (peek(cursor).kind === "number" && (isNumeral || !followsNonNumber(cursor))) throw unexpected(cursor);
      value = multiplyForms(value, operand(cursor));
    } else return value;
  }
}

const marked = new Set(["%", "°"]);

function signedOperand(cursor: Cursor): Form {
  return accept(cursor, "-") ? negateForm(operand(cursor)) : operand(cursor);
}

/** `x 2`, `) 2` and `3! 2` are products; `1 2` is not. */
function followsNonNumber(cursor: Cursor): boolean {
  const before = peek(cursor, -1);
  return before.kind === "name" || (before.kind === "sign" && [")", "}", "!"].includes(before.text));
}

function divideForms(above: Form, below: Form): Form {
  if (above.kind === "scalar" && above.unit === undefined) return fraction(scalarOf(above), scalarOf(below));
  return multiplyForms(above, scalar(power(scalarOf(below), integer(-1n))));
}

/** 1\frac{1}{2} and 1 1/2: a whole number and a proper fraction right after it are added. */
function mixedNumber(cursor: Cursor, count: Form): Form | undefined {
  const from = cursor.at;
  const whole = count.kind === "scalar" ? integerOf(count.value) : undefined;
  if (whole === undefined || peek(cursor, -1).text.includes(".")) return undefined;
  const part = isSign(peek(cursor), "frac") ? latexFraction(cursor) : plainFraction(cursor);
  const value = part === undefined ? undefined : properFraction(part);
  if (value === undefined) cursor.at = from;
  // In 1\frac{1}{2}^2 the power may be of the fraction or of the number.
  else if (isSign(peek(cursor), "^") || isSign(peek(cursor), "!")) throw unexpected(cursor);
  return value === undefined ? undefined : scalar(sumOf([scalarOf(count), value]));
}

/** Both arguments must be written as whole numbers: 2\frac{\sqrt{3}}{3} is a product. */
function latexFraction(cursor: Cursor): readonly [Expr, Expr] | undefined {
  const written = cursor.tokens
    .slice(cursor.at, cursor.at + 7)
    .map(({ text }) => text)
    .join("");
  const [, above, below] = /^frac(\{\d+\}|\d)(\{\d+\}|\d)/.exec(written) ?? [];
  if (above === undefined || below === undefined) return undefined;
  primary(cursor);
  const value = (text: string): Expr => integer(BigInt(text.replace(/[{}]/g, "")));
  return [value(above), value(below)];
}

function plainFraction(cursor: Cursor): readonly [Expr, Expr] | undefined {
  const [above, bar, below] = [peek(cursor), peek(cursor, 1), peek(cursor, 2)];
  if (above.kind !== "number" || !above.spaced || !isSign(bar, "/") || below.kind !== "number") return undefined;
  if (above.text.includes(".") || below.text.includes(".")) return undefined;
  cursor.at += 3;
  return [integer(BigInt(above.text)), integer(BigInt(below.text))];
}

function properFraction([above, below]: readonly [Expr, Expr]): Expr | undefined {
  const [top, bottom] = [integerOf(above)!, integerOf(below)!];
  return top > 0n && top < bottom ? scalarOf(fraction(above, below)) : undefined;
}
