// Which JSON Schemas (draft 2020-12) a task may bring, and what is made of one before it meets an answer. Every keyword is checked, so
// that a broken schema is found whatever the answer is. What only annotates is dropped. What the validator does not do as the
// draft has it is put in other words ($dynamicRef, two formats); keywords of older drafts are refused.

import { z } from "zod";

import type { Json } from "../../base/json.ts";
import { ruleText } from "../../base/parse.ts";
import { dynamicReferences, type Part } from "./dynamicReferences.ts";
import { compilePattern } from "./linearRegex.ts";

const maxSchemaDepth = 64;
const maxSubschemas = 2000;

/** A schema as the validator takes it. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

/** What to put in the place of a pattern, and what to do to each subschema that is made. */
export interface Rewriting {
  readonly pattern: (source: string) => string;
  readonly made: (schema: Record<string, unknown>) => void;
}

/** Says what is wrong with a schema; its message names the place. */
export class SchemaRefusal extends Error {}

const Type = z.enum(["null", "boolean", "object", "array", "number", "string", "integer"]);
const Names = z.array(z.string());
const size = z.int().nonnegative();

/** Keywords that hold no schema. */
const plain: Readonly<Record<string, z.ZodType>> = {
  $id: z.string(),
  $ref: z.string(),
  $anchor: z.string(),
  $dynamicRef: z.string(),
  $dynamicAnchor: z.string(),
  $schema: z.literal(["https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#"]),
  type: z.union([Type, z.array(Type).min(1)]),
  const: z.json(),
  enum: z.array(z.json()),
  required: Names,
  dependentRequired: z.record(z.string(), Names),
  pattern: z.string(),
  format: z.string(),
  uniqueItems: z.boolean(),
  multipleOf: z.number().positive(),
  ...Object.fromEntries(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].map((name) => [name, z.number()])),
  ...Object.fromEntries(
    ["minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties"].map((name) => [
      name,
      size,
    ]),
  ),
};
const single = new Set(
  "additionalProperties unevaluatedProperties propertyNames items unevaluatedItems contains not if then else".split(" "),
);
const lists = new Set(["prefixItems", "allOf", "anyOf", "oneOf"]);
const maps = new Set(["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"]);
const refused = new Set(["$recursiveRef", "$recursiveAnchor", "dependencies", "additionalItems", "id"]);
/** Formats that are checked; any other annotates. Those left out have checks whose time is not linear. */
const checkedFormats = new Set("date time date-time duration email hostname ipv4 ipv6 uri uri-reference uuid json-pointer".split(" "));

/** What the validator's own checks of a format let pass: leading zeros, and a blank for the T. */
const byte = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const stricter: Readonly<Record<string, string>> = {
  ipv4: String.raw`^(?:${byte}\.){3}${byte}$`,
  "date-time": String.raw`^\d{4}-\d\d-\d\d[Tt]`,
};

/** `schema` with its patterns rewritten and its annotations dropped; a SchemaRefusal where it breaks a rule. */
export function rewriteSchema(schema: Json, rewriting: Rewriting): Schema {
  let count = 0;
  const dynamic = dynamicReferences(schema, partsOf);
  const rewrite = (value: Json, place: string, depth: number): Schema => {
    if (typeof value === "boolean") return value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw refusal(place, "must be an object or a boolean");
    if (depth > maxSchemaDepth) throw refusal(place, `is nested beyond the cap of ${maxSchemaDepth}`);
    if (++count > maxSubschemas) throw refusal(place, `is beyond the cap of ${maxSubschemas} subschemas`);
    const made: Record<string, unknown> = {};
    const also: Schema[] = [];
    for (const [keyword, inner] of Object.entries(value)) {
      const at = `${place}/${keyword}`;
      const each = (part: Json, key: string | number) => rewrite(part, `${at}/${key}`, depth + 1);
      if (refused.has(keyword) || (keyword === "items" && Array.isArray(inner)))
        throw refusal(at, "is not of draft 2020-12, or not supported");
      if (single.has(keyword)) made[keyword] = rewrite(inner, at, depth + 1);
      else if (lists.has(keyword)) made[keyword] = listOf(inner, at).map(each);
      else if (maps.has(keyword))
        made[keyword] = mapOf(inner, at, { each, rename: keyword === "patternProperties" ? rewriting.pattern : same });
      else if (keyword === "pattern") made[keyword] = patternIn(at, () => rewriting.pattern(plainValue(keyword, inner, at) as string));
      else if (Object.hasOwn(plain, keyword)) {
        const parsed = plainValue(keyword, inner, at);
        if (keyword === "$dynamicRef") also.push(extra({ $ref: refOf(value, at) }));
        else if (keyword === "$dynamicAnchor")
          addAnchor(made, { name: parsed as string, given: Reflect.get(value, "$anchor") as Json | undefined, at });
        else if (keyword !== "format" || checkedFormats.has(parsed as string)) made[keyword] = parsed;
        const rule = keyword === "format" ? stricter[parsed as string] : undefined;
        if (rule !== undefined) also.push(extra({ pattern: rewriting.pattern(rule) }));
      }
    }
    if (also.length > 0) made["allOf"] = [...((made["allOf"] as Schema[] | undefined) ?? []), ...also];
    rewriting.made(made);
    return made;
  };
  const extra = (subschema: Record<string, unknown>): Schema => {
    rewriting.made(subschema);
    return subschema;
  };
  const refOf = (value: object, at: string): string => {
    const resolved = dynamic(value);
    if (resolved.kind === "refused") throw refusal(at, resolved.why);
    return resolved.ref;
  };
  return rewrite(schema, "#", 0);
}

const same = (text: string) => text;

/** The subschemas right below one that may still break every rule. */
function partsOf(subschema: object): readonly Part[] {
  return Object.entries(subschema as Record<string, Json>).flatMap(([keyword, inner]): Part[] => {
    if (single.has(keyword)) return [[`/${keyword}`, inner]];
    const holdsMany = (lists.has(keyword) || maps.has(keyword)) && typeof inner === "object" && inner !== null;
    const token = (key: string) => encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
    return holdsMany ? Object.entries(inner).map(([key, part]) => [`/${keyword}/${token(key)}`, part]) : [];
  });
}

function addAnchor(made: Record<string, unknown>, { name, given, at }: { name: string; given: Json | undefined; at: string }): void {
  if (given !== undefined && given !== name) throw refusal(at, "must be the only anchor of its schema");
  made["$anchor"] = name;
}

function plainValue(keyword: string, value: Json, at: string): unknown {
  const parsed = plain[keyword]!.safeParse(value, { error: ruleText });
  if (!parsed.success) throw refusal(at, parsed.error.issues[0]!.message);
  return value;
}

function listOf(value: Json, at: string): readonly Json[] {
  if (!Array.isArray(value) || value.length === 0) throw refusal(at, "must be a list of schemas, at least one");
  return value;
}

function mapOf(
  value: Json,
  at: string,
  { each, rename }: { readonly each: (part: Json, key: string) => Schema; readonly rename: (key: string) => string },
): Record<string, Schema> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refusal(at, "must be an object of schemas");
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [patternIn(`${at}/${key}`, () => rename(key)), each(part, key)]));
}

function patternIn(at: string, rename: () => string): string {
  try {
    return rename();
  } catch (error) {
    throw error instanceof PatternRefusal ? refusal(at, error.message) : error;
  }
}

class PatternRefusal extends Error {}

/** Which texts a task's pattern matches somewhere; refused where a linear-time engine refuses it. */
export function patternFinder(source: string): (text: string) => boolean {
  const compiled = compilePattern(source);
  if (compiled.kind === "refused") throw new PatternRefusal(`pattern ${JSON.stringify(source)}: ${compiled.why}`);
  return (text) => compiled.find(text) !== undefined;
}

function refusal(place: string, rule: string): SchemaRefusal {
  return new SchemaRefusal(`schema: ${place} ${rule}`);
}
