// What kinds of answers there are. A reference is read once into its form, and that form decides how an answer is compared.
// Forms are as written until normal.ts has joined sets and solved comparisons.

import type { ConstantName, Expr } from "./expr.ts";

/** A number or symbolic expression, perhaps with a unit. */
export interface Scalar {
  readonly kind: "scalar";
  readonly value: Expr;
  readonly unit?: string;
  /** It was written as a percentage; `value` is the share of one. */
  readonly percent?: true;
  /** It was written as digits in this base. */
  readonly base?: number;
  /** It was written as a fraction that is not in lowest terms. */
  readonly unreduced?: true;
}

export type Opening = "(" | "[" | "<" | "]";
export type Closing = ")" | "]" | ">" | "[";

/** Several members in order between brackets; of two members, perhaps an interval. */
export interface Tuple {
  readonly kind: "tuple";
  readonly open: Opening;
  readonly close: Closing;
  readonly items: readonly Form[];
}

/** One end of an interval. */
export interface Bound {
  readonly value: Expr;
  readonly closed: boolean;
}

export interface Interval {
  readonly low: Bound;
  readonly high: Bound;
}

/** A union of intervals; points are intervals of one member. */
export interface Reals {
  readonly kind: "reals";
  readonly parts: readonly Interval[];
  /** The unknown of the comparisons that were solved: y > 2 is not x > 2. */
  readonly of?: string;
}

export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~";

/** a = b, a < b <= c, ...: one operator between each two sides. */
export interface Relation {
  readonly kind: "relation";
  readonly sides: readonly Form[];
  readonly operators: readonly Comparison[];
}

export type Form =
  | Scalar
  | Tuple
  | Reals
  | Relation
  /** Sets that are still to be joined; normal forms have none. */
  | { readonly kind: "sets"; readonly operator: "union" | "meet" | "without"; readonly left: Form; readonly right: Form }
  | { readonly kind: "matrix"; readonly rows: readonly (readonly Expr[])[] }
  | { readonly kind: "set"; readonly items: readonly Form[] }
  /** Several without brackets; `joint` is what stood between them. */
  | { readonly kind: "list"; readonly joint: "," | "and" | "or"; readonly items: readonly Form[] }
  | { readonly kind: "choice"; readonly letter: string }
  | { readonly kind: "text"; readonly words: string };

export function scalar(value: Expr): Scalar {
  return { kind: "scalar", value };
}

const constantText: Readonly<Record<ConstantName, string>> = { pi: "pi", e: "e", i: "i", degree: "deg", infinity: "inf" };

/** The normal form as one line, for evidence. */
export function showForm(form: Form): string {
  const list = (items: readonly Form[]): string => items.map(showForm).join(", ");
  switch (form.kind) {
    case "scalar": {
      const marks = [form.unit && `unit ${form.unit}`, form.percent && "percent", form.base && `base ${form.base}`].filter(Boolean);
      return `${showExpr(form.value)}${marks.length === 0 ? "" : ` [${marks.join(", ")}]`}`;
    }
    case "tuple":
      return `${form.open}${list(form.items)}${form.close}`;
    case "reals":
      return form.parts.length === 0 ? "empty set" : form.parts.map(showInterval).join(" u ");
    case "relation":
      return form.sides.map((side, at) => (at === 0 ? "" : ` ${form.operators[at - 1]} `) + showForm(side)).join("");
    case "sets":
      return `${showForm(form.left)} ${form.operator} ${showForm(form.right)}`;
    case "matrix":
      return `[${form.rows.map((row) => row.map((each) => showExpr(each)).join(", ")).join("; ")}]`;
    case "set":
      return `{${list(form.items)}}`;
    case "list":
      return `list of ${form.items.length}: ${list(form.items)}`;
    case "choice":
      return `choice ${form.letter}`;
    case "text":
      return `text ${JSON.stringify(form.words)}`;
    default:
      return form satisfies never;
  }
}

function showInterval({ low, high }: Interval): string {
  return `${low.closed ? "[" : "("}${showExpr(low.value)}, ${showExpr(high.value)}${high.closed ? "]" : ")"}`;
}

/** Longer numbers are shown by their first digits. */
const maxShownDigits = 30;

function digits(value: bigint): string {
  const text = value.toString();
  return text.length <= maxShownDigits ? text : `${text.slice(0, maxShownDigits)}...(${text.length} digits)`;
}

/** The expression in plain notation; brackets stand around every part that needs them. */
function showExpr(expr: Expr, tight = false): string {
  const within = (text: string): string => (tight ? `(${text})` : text);
  switch (expr.kind) {
    case "number": {
      const { numerator, denominator } = expr.value;
      const text = denominator === 1n ? digits(numerator) : `${digits(numerator)}/${digits(denominator)}`;
      return denominator === 1n && numerator >= 0n ? text : within(text);
    }
    case "constant":
      return constantText[expr.name];
    case "variable":
      return expr.name;
    case "sum":
      return within(
        expr.terms
          .map((term) => showExpr(term))
          .join(" + ")
          .replaceAll("+ -", "- "),
      );
    case "product": {
      const [first, ...rest] = expr.factors.map((factor) => showExpr(factor, true));
      const signed = first!.replace(/^\((-\d+)\)$/, "$1");
      return within(signed === "-1" ? `-${rest.join("*")}` : [signed, ...rest].join("*"));
    }
    case "power":
      return within(`${showExpr(expr.base, true)}^${showExpr(expr.exponent, true)}`);
    case "root":
      return expr.degree === 2 ? `sqrt(${showExpr(expr.of)})` : `root${expr.degree}(${showExpr(expr.of)})`;
    case "call":
      return `${expr.name}(${expr.args.map((each) => showExpr(each)).join(", ")})`;
    default:
      return expr satisfies never;
  }
}
