// Mathematical equivalence of the final answer, in LaTeX or plain notation: numbers, expressions, tuples, sets, intervals, equations,
// matrices, choices and words. Which part of the response is the answer: math/finalAnswer.ts; what kinds there are: math/form.ts; what
// counts as equal: math/compare.ts, math/identity.ts and math/zero.ts. Nothing is evaluated as code, and a difference is never called equal
// to be lenient. Caps, all in math/caps.ts: 32,768 characters of response, 4,000 of final answer, 1,000 digits, 40 levels of nesting,
// exponents to 10,000, factorials to 3,000, roots to the 64th, 100 members, 65,536 bits of an exact number, 16,384 bits of precision. An answer
// beyond one scores 0 and says so; a reference beyond one is unscorable.

import { z } from "zod";

import type { Verdict } from "../../data/verdict.ts";
import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { lastBox } from "./boxed.ts";
import { freshWork } from "./math/ball.ts";
import { Beyond, maxExpressionChars, Unreadable } from "./math/caps.ts";
import { type Policy, sameForm } from "./math/compare.ts";
import { number, some } from "./math/expr.ts";
import { finalAnswer } from "./math/finalAnswer.ts";
import { type Form, showForm } from "./math/form.ts";
import type { Check } from "./math/identity.ts";
import { formAsAsked, normalForm } from "./math/normal.ts";
import { isRestated } from "./math/restated.ts";
import { parseNumber } from "./number.ts";

const Reference = z.strictObject({
  answer: z
    .string()
    .refine((text) => text.trim() !== "", "must not be blank, or saying nothing would be right")
    .describe("The right answer, in LaTeX or plain notation"),
  listOrder: z.enum(["any", "given"]).default("any").describe("Whether the order of a list without brackets matters"),
  members: z.enum(["all", "some"]).default("all").describe("Whether all members of a list or set must be given, or some suffice"),
  percent: z.enum(["value", "sign"]).default("value").describe("Whether 50% is one half, or 50 with a sign that counts for nothing"),
  units: z.enum(["optional", "required"]).default("optional").describe("Whether a unit may be left out; two different units never agree"),
  unreduced: z.enum(["accept", "refuse"]).default("accept").describe("Whether 2/4 counts for 1/2"),
  base: z.enum(["any", "same"]).default("any").describe("Whether a number in a base may be given in another"),
  restated: z.enum(["refuse", "accept"]).default("refuse").describe("Whether an unevaluated expression copied from the task counts"),
  variables: z.enum(["real", "positive"]).default("real").describe("Where expressions must agree: sqrt(x^2) is x where x is positive"),
  tolerance: z.number().nonnegative().exactOptional().describe("Largest difference of numbers that still counts, absolute; absent: none"),
});
type Reference = z.infer<typeof Reference>;

export const math = defineVerifier({
  id: "math",
  version: 3,
  checks: "correctness",
  reference: Reference,
  verify({ task, reference, answer }, { rng }) {
    const check: Check = { rng, work: freshWork(), variables: reference.variables };
    const gold = goldForm(reference, check);
    if (gold.kind === "refused") return { kind: "unscorable", failure: "reference", reason: gold.why };
    const against = `reference ${quoteExcerpt(reference.answer)} (${shown(gold.form)})`;
    const wrong = (why: string): Verdict => ({ kind: "scored", score: 0, evidence: `${why}; ${against}` });
    const final = finalAnswer(answer);
    if (final.kind === "none") return wrong(final.why);
    const wantsSeveral = gold.form.kind === "list" || gold.form.kind === "set";
    const isPhrase = gold.form.kind === "text" && isWholly(answer, gold.form);
    const text = isPhrase ? answer : ((wantsSeveral ? final.several : undefined) ?? final.text);
    const seen = `${isPhrase ? "the whole answer" : final.source} ${quoteExcerpt(text.trim())}`;
    try {
      const own: Check = { ...check, work: freshWork() };
      const forms = formsOf(text, { gold: gold.form, check: own });
      const [first] = forms;
      if (reference.restated === "refuse" && isRestated(text, { form: first!, gold: reference.answer, task })) {
        return wrong(`${seen} repeats an expression of the task`);
      }
      const equal = forms.find((form) => sameForm(gold.form, form, { ...own, policy: policyOf(reference) }));
      if (equal === undefined) return wrong(`${seen} (${shown(first!)}) differs`);
      return { kind: "scored", score: 1, evidence: `${seen} (${shown(equal)}) equals ${against}` };
    } catch (error) {
      if (error instanceof Beyond) return wrong(`${seen} is ${error.message}`);
      if (error instanceof Unreadable) return wrong(`${seen} cannot be compared: ${error.message}`);
      throw error;
    }
  },
});

const maxShownChars = 200;

function shown(form: Form): string {
  const text = showForm(form);
  return text.length <= maxShownChars ? text : `${text.slice(0, maxShownChars)}...`;
}

type Gold = { readonly kind: "form"; readonly form: Form } | { readonly kind: "refused"; readonly why: string };

function goldForm({ answer }: Reference, check: Check): Gold {
  const box = lastBox(answer);
  try {
    const form = normalForm(box.kind === "closed" ? box.content : answer, { reading: { commas: "group" }, check });
    const isBlank = form.kind === "text" && form.words === "";
    return isBlank ? { kind: "refused", why: `reference answer says nothing, got ${quoteExcerpt(answer)}` } : { kind: "form", form };
  } catch (error) {
    if (error instanceof Beyond) return { kind: "refused", why: `reference answer is ${error.message}, got ${quoteExcerpt(answer)}` };
    throw error;
  }
}

/** Whether all of the answer is the phrase that is asked for: "3:45 PM" is more than its last number. */
function isWholly(answer: string, gold: Form): boolean {
  if (answer.length > maxExpressionChars || lastBox(answer).kind !== "none" || gold.kind !== "text") return false;
  const form = formAsAsked(answer, gold);
  return form?.kind === "text" && form.words === gold.words;
}

function policyOf({ tolerance, listOrder, members, percent, units, unreduced, base }: Reference): Policy {
  const policy = { listOrder, members, percent, units, unreduced, base };
  // JSON numbers always parse; 0.1 is one tenth.
  const parsed = tolerance === undefined ? undefined : parseNumber(String(tolerance));
  return parsed?.kind === "number" ? { ...policy, tolerance: number(parsed.value) } : policy;
}

function formsOf(text: string, { gold, check }: { readonly gold: Form; readonly check: Check }): readonly Form[] {
  const asked = formAsAsked(text, gold);
  if (asked !== undefined) return [asked];
  if (text.length > maxExpressionChars) throw new Beyond(`${maxExpressionChars} characters for a final answer`);
  return readings(text.replace(/\s+/g, " "), gold).map((each) => normalForm(each.text, { reading: { commas: each.commas }, check }));
}

/** A word after a number that is too short to be told from variables, where the reference has no variables. */
const shortWord = /(?<=[\d})%]\s+)(?=[a-z]*[aeiou])([a-z]{3}(?:\s[a-z]+){0,3})\.?$/i;

/** Signs of units after a number: a quotient of two, or one that a blank sets apart. */
const unitSign = String.raw`(?:[kcdm]?(?:m|g|[lL]|s|N|J|W|V|A|K|Hz|Pa)|min|hr?|ft|yd|mi|lb|oz)(?:\^\{?[23]\}?|[²³])?`;
const unitSigns = new RegExp(String.raw`(?<=[\d})])(?:\s*(${unitSign}\s?\/\s?${unitSign})|\s+(${unitSign}))\.?$`);

/** How the text may be read: "1,250" is one number, but two where the reference is a list. */
function readings(text: string, gold: Form): readonly { readonly text: string; readonly commas: "group" | "separate" }[] {
  if (gold.kind === "list" || gold.kind === "set" || gold.kind === "tuple") {
    // P(1, 2) is the point (1, 2)
    const bare = gold.kind === "tuple" ? text.replace(/^\s*[A-Z]'?\s*(?=\()/, "") : text;
    return [
      { text: bare, commas: "separate" },
      { text: bare, commas: "group" },
    ];
  }
  if (gold.kind === "matrix") return [{ text: text.replace(rowsInBrackets, rowsOf), commas: "group" }];
  const isNumber = gold.kind === "scalar" && !some(gold.value, (part) => part.kind === "variable");
  return [{ text: isNumber ? numberAsRead(text) : text, commas: "group" }];
}

/** Letters of a text that stands for a number, as the unit or the count of combinations that they mean there. */
function numberAsRead(text: string): string {
  return text
    .replace(/^\s*C\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*$/, "\\binom{$1}{$2}")
    .replace(shortWord, "\\text{$1}")
    .replace(unitSigns, (_, over: string | undefined, alone: string | undefined) => {
      return `\\text{ ${(over ?? alone)!
        .replace("²", "^2")
        .replace("³", "^3")
        .replace(/[{}\s]/g, "")}}`;
    });
}

/** [2, -1; 0, 3] */
const rowsInBrackets = /^\s*\[([^[\];]*(?:;[^[\];]*)+)\]\s*$/;

function rowsOf(_: string, rows: string): string {
  return `\\begin{matrix}${rows.replaceAll(",", "&").replaceAll(";", "\\\\")}\\end{matrix}`;
}
