// The answer is JSON, bare or in one code fence, and valid against the task's schema (JSON Schema, draft 2020-12). Two things could
// hang the validator, and cannot: patterns, which it would run with backtracking, are run in linear time beforehand and replaced by
// the texts of this answer that they match; and every step is counted, since branches of a recursive schema multiply with depth.

import { dereference, type OutputUnit, validate } from "@cfworker/json-schema";
import { z } from "zod";

import type { Json } from "../../base/json.ts";
import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { escapePattern } from "./instructions/keywords.ts";
import { jsonAnswer } from "./jsonAnswer.ts";
import { patternFinder, rewriteSchema, type Schema, SchemaRefusal } from "./schemaRules.ts";

/** Subschemas applied to values of one answer, in all; beyond it the answer scores 0. */
export const maxSteps = 200_000;
const maxErrorsShown = 3;

const Reference = z.strictObject({
  schema: z.union([z.boolean(), z.record(z.string(), z.json())]).describe("JSON Schema, draft 2020-12"),
});

export const jsonSchema = defineVerifier({
  id: "json-schema",
  version: 2,
  checks: "correctness",
  reference: Reference,
  verify({ reference: { schema }, answer }) {
    const broken = whyBroken(schema);
    if (broken !== undefined) return { kind: "unscorable", failure: "reference", reason: broken };
    const wrong = (evidence: string) => ({ kind: "scored", score: 0, evidence }) as const;
    const found = jsonAnswer(answer);
    if (found.kind === "none") return wrong(found.why);
    try {
      const { valid, errors } = validateWith(schema, found.value);
      if (!valid) return wrong(`not valid: ${explain(errors)}`);
    } catch (error) {
      if (error instanceof StepsUsedUp) return wrong(`the answer needs more than the cap of ${maxSteps} steps to validate`);
      throw error;
    }
    return { kind: "scored", score: 1, evidence: `${quoteExcerpt(JSON.stringify(found.value))} is valid` };
  },
});

class StepsUsedUp extends Error {}

/** Why nothing can be checked against the schema: it breaks a rule, refers to nothing, or refers to itself without end. */
function whyBroken(schema: Json): string | undefined {
  try {
    for (const probe of [null, true, 0, "", [], {}]) validateWith(schema, probe);
    return undefined;
  } catch (error) {
    if (error instanceof SchemaRefusal) return error.message;
    if (error instanceof StepsUsedUp || error instanceof RangeError) return "schema: refers to itself without end";
    return `schema: ${(error as Error).message.split("\n", 1)[0]}`;
  }
}

function validateWith(schema: Json, value: Json): { readonly valid: boolean; readonly errors: readonly OutputUnit[] } {
  const texts = textsOf(value);
  const finders = new Map<string, (text: string) => boolean>();
  let [steps, numPatterns] = [0, 0];
  const rewritten = rewriteSchema(schema, {
    pattern(source) {
      const finds = finders.get(source) ?? patternFinder(source);
      finders.set(source, finds);
      return anyOfTexts(texts.filter(finds), numPatterns++);
    },
    // The validator reads this keyword, which is refused in tasks' schemas, once for each application of a subschema.
    made(subschema) {
      Object.defineProperty(subschema, "$recursiveAnchor", {
        get: () => {
          if (++steps > maxSteps) throw new StepsUsedUp();
          return undefined;
        },
      });
    },
  });
  const lookup = dereference(rewritten);
  checkReferences(lookup);
  return validate(value, rewritten, "2020-12", lookup, false);
}

/** A pattern that matches exactly these texts. `number` only makes it differ from others that match the same. */
function anyOfTexts(texts: readonly string[], number: number): string {
  const alternatives = texts.length === 0 ? "(?!)" : texts.map(escapePattern).join("|");
  return `^(?:${alternatives})$(?:){${number}}`;
}

/** Every key and string of the value, each once. */
function textsOf(root: Json): string[] {
  const texts = new Set<string>();
  const left: Json[] = [root];
  while (left.length > 0) {
    const value = left.pop()!;
    if (typeof value === "string") texts.add(value);
    if (typeof value !== "object" || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) texts.add(key);
      left.push(inner);
    }
  }
  return [...texts];
}

/** The validator would find a reference to nothing only where an answer leads it there. */
function checkReferences(lookup: Readonly<Record<string, Schema>>): void {
  for (const schema of Object.values(lookup)) {
    if (typeof schema === "boolean" || schema["$ref"] === undefined) continue;
    const target = String(Reflect.get(schema, "__absolute_ref__"));
    if (!Object.hasOwn(lookup, target)) throw new SchemaRefusal(`schema: $ref "${schema["$ref"]}" refers to nothing in it`);
  }
}

/** The innermost errors, which say what is wrong; the others only lead there. */
function explain(errors: readonly OutputUnit[]): string {
  const leading = new Set([
    "properties",
    "items",
    "prefixItems",
    "allOf",
    "anyOf",
    "$ref",
    "additionalProperties",
    "patternProperties",
    "if",
  ]);
  const own = errors.filter(({ keyword }) => !leading.has(keyword));
  const shown = (own.length > 0 ? own : errors).slice(0, maxErrorsShown);
  const texts = shown.map(({ instanceLocation, error }) => `${quoteExcerpt(instanceLocation)}: ${error}`);
  return `${texts.join("; ")}${errors.length > shown.length ? "; ..." : ""}`;
}
