// The smallest parts of an expression: numbers, names, function calls, fractions, roots, brackets, and what stands behind them
// (powers, factorials, percent and degree signs).

import { divide, type Rational, reduce } from "../rational.ts";
import { scalarOf } from "./arithmetic.ts";
import { Beyond, maxItems, maxRootDegree, Unreadable } from "./caps.ts";
import { accept, type Cursor, expect, isSign, nested, peek, unexpected } from "./cursor.ts";
import {
  call,
  constant,
  type Expr,
  type FunctionName,
  integer,
  integerOf,
  literal,
  power,
  product,
  quotient,
  root,
  variable,
} from "./expr.ts";
import { type Closing, type Form, type Opening, scalar } from "./form.ts";
import { baseOf, numeral } from "./numerals.ts";

/** A part with everything behind it. */
export function operand(cursor: Cursor): Form {
  return nested(cursor, () => postfix(cursor, primary(cursor)));
}

function postfix(cursor: Cursor, first: Form): Form {
  let form = first;
  for (;;) {
    if (accept(cursor, "^")) form = scalar(power(scalarOf(form), exponent(cursor)));
    else if (isSign(peek(cursor), "!") && form.kind === "scalar") {
      cursor.at++;
      form = scalar(call("factorial", [scalarOf(form)]));
    } else {
      const marked = marks(cursor, form);
      if (marked === form) return form;
      form = marked;
    }
  }
}

/** `form` with the percent or degree sign that stands behind it. */
export function marks(cursor: Cursor, form: Form): Form {
  if (accept(cursor, "%")) return { kind: "scalar", value: quotient(scalarOf(form), integer(100n)), percent: true };
  if (accept(cursor, "°")) return scalar(product([scalarOf(form), constant("degree")]));
  return form;
}

function exponent(cursor: Cursor): Expr {
  const negative = accept(cursor, "-");
  if (!negative) accept(cursor, "+");
  const by = scalarOf(operand(cursor));
  return negative ? product([integer(-1n), by]) : by;
}

/** A part without what stands behind it. */
export function primary(cursor: Cursor): Form {
  const token = peek(cursor);
  switch (token.kind) {
    case "number":
      cursor.at++;
      return isSign(peek(cursor), "_") ? subscriptedNumber(cursor, token.text) : scalar(literal(token.value!));
    case "name":
      cursor.at++;
      return scalar(named(cursor, token.text));
    case "function":
      cursor.at++;
      return scalar(applied(cursor, token.text));
    case "sign":
      return bySign(cursor, token.text);
    default:
      throw unexpected(cursor);
  }
}

function subscriptedNumber(cursor: Cursor, digits: string): Form {
  cursor.at++;
  const braced = accept(cursor, "{");
  const { text } = peek(cursor);
  const base = baseOf(text);
  if (base === undefined || !/^\d+$/.test(digits)) throw unexpected(cursor);
  cursor.at++;
  if (braced) expect(cursor, "}");
  return numeral({ digits, base });
}

const constants = { pi: "pi", e: "e", i: "i" } as const;

/** A constant, or a variable with its subscript. */
function named(cursor: Cursor, name: string): Expr {
  if (!accept(cursor, "_")) return name in constants ? constant(constants[name as keyof typeof constants]) : variable(name);
  if (!accept(cursor, "{")) return variable(`${name}_${cursor.tokens[cursor.at++]?.text ?? ""}`);
  let subscript = "";
  while (!isSign(peek(cursor), "}")) {
    if (peek(cursor).kind === "end") throw unexpected(cursor);
    subscript += cursor.tokens[cursor.at++]!.text;
  }
  cursor.at++;
  return variable(`${name}_${subscript}`);
}

const inverses: Readonly<Record<string, FunctionName>> = { sin: "arcsin", cos: "arccos", tan: "arctan" };

function applied(cursor: Cursor, name: string): Expr {
  if (name === "sqrt") return squareRoot(cursor);
  const base = name === "log" ? logBase(cursor) : undefined;
  const raised = accept(cursor, "^") ? exponent(cursor) : undefined;
  const args = functionArguments(cursor);
  if (raised !== undefined && integerOf(raised) === -1n && inverses[name] !== undefined) return call(inverses[name], args);
  const value = apply(name, { args, base });
  return raised === undefined ? value : power(value, raised);
}

function logBase(cursor: Cursor): Expr | undefined {
  return accept(cursor, "_")
    ? scalarOf(cursor.tokens[cursor.at]?.kind === "number" ? firstDigitOrAll(cursor) : primary(cursor))
    : undefined;
}

/** log_28 is the logarithm of 8 in base 2 in LaTeX, log_2 8 with a blank anywhere: a whole number before a blank, else one digit. */
function firstDigitOrAll(cursor: Cursor): Form {
  const after = peek(cursor, 1);
  const takesRest =
    after.kind === "number" ||
    after.kind === "name" ||
    after.kind === "function" ||
    (after.kind === "sign" && "({|frac".includes(after.text));
  if (!takesRest) splitDigits(cursor);
  return primary(cursor);
}

function apply(name: string, { args, base }: { readonly args: readonly Expr[]; readonly base: Expr | undefined }): Expr {
  if (args.length !== 1) throw new Unreadable(`${name} of ${args.length} numbers`);
  const [of] = args as [Expr];
  if (name === "log") return quotient(call("ln", [of]), call("ln", [base ?? integer(10n)]));
  if (name === "exp") return power(constant("e"), of);
  if (name === "cis") return power(constant("e"), product([constant("i"), of]));
  if (name === "cbrt") return root(3, of);
  return call(name as FunctionName, [of]);
}

/** What follows a function: a bracket, or factors without an operator up to the next function or bracket. */
function functionArguments(cursor: Cursor): Expr[] {
  if (isSign(peek(cursor), "(")) {
    const inner = primary(cursor);
    return inner.kind === "tuple" ? inner.items.map(scalarOf) : [scalarOf(inner)];
  }
  const negative = accept(cursor, "-");
  const factors = [scalarOf(operand(cursor))];
  while (startsFactor(cursor) && peek(cursor).kind !== "function" && !isSign(peek(cursor), "(")) factors.push(scalarOf(operand(cursor)));
  return [product(negative ? [integer(-1n), ...factors] : factors)];
}

const factorStarts = new Set(["(", "{", "frac", "sqrt", "binom", "⌊", "⌈", "begin pmatrix", "begin bmatrix", "⟨"]);

/** Whether the next token begins a factor that needs no operator before it. */
export function startsFactor(cursor: Cursor): boolean {
  const token = peek(cursor);
  if (token.kind === "sign")
    return factorStarts.has(token.text) || (token.text === "|" && cursor.bars === 0 && peek(cursor, -1).kind === "number");
  return token.kind === "name" || token.kind === "function" || token.kind === "number";
}

function bySign(cursor: Cursor, sign: string): Form {
  switch (sign) {
    case "(":
    case "[":
    case "⟨":
    case "]":
      return bracketed(cursor, sign);
    case "{":
      return braced(cursor);
    case "\\{":
      return set(cursor);
    case "|":
      return bars(cursor);
    case "⌊":
    case "⌈":
      return rounded(cursor, sign);
    case "frac":
      cursor.at++;
      return fraction(argument(cursor), argument(cursor));
    case "binom":
      cursor.at++;
      return scalar(call("binomial", [argument(cursor), argument(cursor)]));
    case "sqrt":
      cursor.at++;
      return scalar(squareRoot(cursor));
    case "∞":
      cursor.at++;
      return scalar(constant("infinity"));
    case "∅":
      cursor.at++;
      return { kind: "set", items: [] };
    case "ℝ": {
      cursor.at++;
      const ends = {
        low: { value: product([integer(-1n), constant("infinity")]), closed: false },
        high: { value: constant("infinity"), closed: false },
      };
      return { kind: "reals", parts: [ends] };
    }
    default:
      if (sign.startsWith("begin ")) return matrix(cursor, sign.slice("begin ".length));
      throw unexpected(cursor);
  }
}

const closings: Readonly<Record<string, readonly string[]>> = { "(": [")", "]"], "[": ["]", ")", "["], "⟨": ["⟩"], "]": ["[", "]"] };

function bracketed(cursor: Cursor, sign: string): Form {
  cursor.at++;
  const items = itemsUntil(cursor, closings[sign]!);
  const close = cursor.tokens[cursor.at - 1]!.text;
  if (items.length === 1 && sign === "(" && close === ")") return items[0]!;
  if (items.length === 1 && sign === "[" && close === "]" && items[0]!.kind === "matrix") return items[0]!;
  const [open, end] = sign === "⟨" ? ["<", ">"] : [sign, close];
  if (items.length === 0 || (sign === "]" || close === "[" ? items.length !== 2 : sign !== "[" && items.length === 1))
    throw unexpected(cursor);
  return { kind: "tuple", open: open as Opening, close: end as Closing, items };
}

/** Members up to one of the closing signs, which is taken. */
function itemsUntil(cursor: Cursor, closing: readonly string[]): Form[] {
  const { bars: outer } = cursor;
  cursor.bars = 0;
  const items: Form[] = [];
  do {
    items.push(nested(cursor, () => cursor.member(cursor)));
    if (items.length > maxItems) throw new Beyond(`${maxItems} members`);
  } while (accept(cursor, ",") || accept(cursor, ";"));
  if (!closing.some((sign) => accept(cursor, sign))) throw unexpected(cursor);
  cursor.bars = outer;
  return items;
}

/** LaTeX's invisible braces; with commas inside, they were meant to be seen. */
function braced(cursor: Cursor): Form {
  cursor.at++;
  if (accept(cursor, "}")) return { kind: "set", items: [] };
  const items = itemsUntil(cursor, ["}"]);
  return items.length === 1 ? items[0]! : { kind: "set", items };
}

/** {1, 2, 3}, or {x | a condition on x}, which is the condition. */
function set(cursor: Cursor): Form {
  cursor.at++;
  if (accept(cursor, "\\}")) return { kind: "set", items: [] };
  const { bars: outer } = cursor;
  cursor.bars = 0;
  const items: Form[] = [];
  do {
    items.push(...nested(cursor, () => cursor.members(cursor)));
    if (items.length > maxItems) throw new Beyond(`${maxItems} members`);
  } while (accept(cursor, ",") || accept(cursor, ";"));
  cursor.bars = outer;
  if (accept(cursor, "\\}")) return { kind: "set", items };
  if (items.length !== 1 || !(accept(cursor, "|") || accept(cursor, ":"))) throw unexpected(cursor);
  const conditions: Form[] = [nested(cursor, () => cursor.member(cursor))];
  const joints = new Set<"and" | "or">();
  for (let next = cursor.separator(cursor); next !== undefined; next = cursor.separator(cursor)) {
    joints.add(next === "or" ? "or" : "and");
    conditions.push(nested(cursor, () => cursor.member(cursor)));
    if (conditions.length > maxItems) throw new Beyond(`${maxItems} members`);
  }
  expect(cursor, "\\}");
  if (joints.size > 1) throw new Unreadable("conditions that are joined by both and and or");
  const joint = joints.has("or") ? "or" : "and";
  const condition: Form = conditions.length === 1 ? conditions[0]! : { kind: "list", joint, items: conditions };
  return items[0]!.kind === "scalar" ? condition : { kind: "list", joint: "and", items: [items[0]!, condition] };
}

function bars(cursor: Cursor): Form {
  cursor.at++;
  cursor.bars++;
  const inner = scalarOf(cursor.sum(cursor));
  cursor.bars--;
  expect(cursor, "|");
  return scalar(call("abs", [inner]));
}

function rounded(cursor: Cursor, sign: "⌊" | "⌈"): Form {
  cursor.at++;
  const inner = scalarOf(cursor.sum(cursor));
  expect(cursor, sign === "⌊" ? "⌋" : "⌉");
  return scalar(call(sign === "⌊" ? "floor" : "ceil", [inner]));
}

/** One argument of a command: braces, or one digit or sign. */
function argument(cursor: Cursor): Expr {
  if (peek(cursor).kind === "number") splitDigits(cursor);
  return scalarOf(nested(cursor, () => primary(cursor)));
}

/** Turns the number that is next into its first digit and the rest. */
function splitDigits(cursor: Cursor): void {
  const { text, spaced } = peek(cursor);
  if (text.length === 1) return;
  if (!/^\d+$/.test(text)) throw unexpected(cursor);
  const digits = (part: string): Rational => ({ numerator: BigInt(part), denominator: 1n });
  const [head, rest] = [text.slice(0, 1), text.slice(1)];
  cursor.tokens.splice(
    cursor.at,
    1,
    { kind: "number", text: head, value: digits(head), spaced },
    { kind: "number", text: rest, value: digits(rest), spaced: false },
  );
}

/** above / below, with a note when it is a fraction of whole numbers that is not in lowest terms. */
export function fraction(above: Expr, below: Expr): Form {
  const value = quotient(above, below);
  const [top, bottom] = [integerOf(above), integerOf(below)];
  if (top === undefined || bottom === undefined) return scalar(value);
  const exact = divide({ numerator: top, denominator: 1n }, { numerator: bottom, denominator: 1n })!;
  const lowest = reduce(exact).denominator === exact.denominator && exact.denominator !== 1n;
  return lowest ? scalar(value) : { kind: "scalar", value, unreduced: true };
}

function squareRoot(cursor: Cursor): Expr {
  let degree = 2n;
  if (accept(cursor, "[")) {
    degree = integerOf(scalarOf(cursor.sum(cursor))) ?? 0n;
    expect(cursor, "]");
    if (degree < 2n) throw new Unreadable("the degree of a root is a whole number from 2");
    if (degree > BigInt(maxRootDegree)) throw new Beyond(`${maxRootDegree} for the degree of a root`);
  }
  return root(Number(degree), scalarOf(nested(cursor, () => primary(cursor))));
}

const matrices = new Set(["pmatrix", "bmatrix", "matrix", "Bmatrix", "smallmatrix", "array"]);

function matrix(cursor: Cursor, environment: string): Form {
  if (!matrices.has(environment)) throw new Unreadable(`the environment ${environment} is not read`);
  cursor.at++;
  const rows: Expr[][] = [[]];
  while (!accept(cursor, `end ${environment}`)) {
    if (accept(cursor, "\\\\")) rows.push([]);
    else if (!accept(cursor, "&")) rows.at(-1)!.push(scalarOf(nested(cursor, () => cursor.sum(cursor))));
    if (rows.length * rows[0]!.length > maxItems || rows.length > maxItems) throw new Beyond(`${maxItems} members`);
  }
  if (rows.at(-1)!.length === 0) rows.pop();
  const [width] = rows.map((row) => row.length);
  if (width === undefined || width === 0 || rows.some((row) => row.length !== width)) throw new Unreadable("rows of different lengths");
  return { kind: "matrix", rows };
}
