// The keys of a zod schema as data: what `docs/recipe.md` lists, what `--set` may name, and what a misspelt key is compared with.
// Read from the schema's JSON Schema, which zod derives, so that there is no second description of a recipe to keep in step.

import { z } from "zod";

import type { Json } from "../base/json.ts";

/** The part of JSON Schema that zod writes for the schemas of this project. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly description?: string;
  readonly unit?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
}

/** One key of a schema. List items are written `key[]`, entries of a record `key.*`. */
export interface SchemaKey {
  readonly path: string;
  readonly node: SchemaNode;
  readonly required: boolean;
  /** The union members that have it, e.g. `kind "grpo"`; empty where the key is always there. */
  readonly variants: readonly string[];
}

/** What a user writes for `schema`: defaults are optional, transforms have not happened. */
export function schemaTree(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as SchemaNode;
}

/** Members of a union, or the node itself. */
export function unionMembers(node: SchemaNode): readonly SchemaNode[] {
  return node.oneOf ?? node.anyOf ?? [node];
}

/** Every key below `node`, parents before children, in the order of the schema. A key of several union members is listed for each. */
export function listKeys(node: SchemaNode, prefix = ""): SchemaKey[] {
  const members = unionMembers(node);
  if (members.length === 1) return keysOfMember(members[0]!, prefix);
  const discriminator = discriminatorOf(members);
  const keys = members.flatMap((member) =>
    keysOfMember(member, prefix).map((key) => ({ ...key, variants: [variantName(member), ...key.variants] })),
  );
  if (discriminator === undefined) return keys;
  const path = prefix === "" ? discriminator : `${prefix}.${discriminator}`;
  const nodes = members.map((member) => member.properties![discriminator]!);
  return [{ path, node: { type: "string", oneOf: nodes }, required: true, variants: [] }, ...keys.filter((key) => key.path !== path)];
}

/** The child of `node` under `key`, for `value` where the choice of a union member depends on it. Undefined: no such key. */
export function childNode(node: SchemaNode, { key, value }: { key: string; value: unknown }): SchemaNode | undefined {
  const members = membersFor(node, value);
  for (const member of members) {
    if (member.items !== undefined && /^\d+$/.test(key)) return member.items;
    const child = ownChild(member, key) ?? (typeof member.additionalProperties === "object" ? member.additionalProperties : undefined);
    if (child !== undefined) return child;
  }
  return undefined;
}

/** Not what every object inherits: "constructor" is no key of a recipe. */
function ownChild({ properties = {} }: SchemaNode, key: string): SchemaNode | undefined {
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Names of the keys that `value` may have at `node`. */
export function keyNames(node: SchemaNode, value: unknown): string[] {
  return [...new Set(membersFor(node, value).flatMap((member) => Object.keys(member.properties ?? {})))];
}

/** The union members that `value` can belong to by its constants; all of them where it says nothing. */
export function membersFor(node: SchemaNode, value: unknown): readonly SchemaNode[] {
  const members = unionMembers(node);
  if (members.length === 1 || typeof value !== "object" || value === null) return members;
  const fitting = members.filter((member) =>
    Object.entries(member.properties ?? {}).some(([key, child]) => child.const !== undefined && child.const === Reflect.get(value, key)),
  );
  return fitting.length > 0 ? fitting : members;
}

function keysOfMember(member: SchemaNode, prefix: string): SchemaKey[] {
  if (member.items !== undefined) return listKeys(member.items, `${prefix}[]`);
  const entries = Object.entries(member.properties ?? {}).map(([name, node]) => ({ name, node }));
  if (typeof member.additionalProperties === "object") entries.push({ name: "*", node: member.additionalProperties });
  return entries.flatMap(({ name, node }) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const required = member.required?.includes(name) ?? false;
    return [{ path, node, required, variants: [] }, ...listKeys(node, path)];
  });
}

/** The key that tells the members apart: a different constant in each. */
export function discriminatorOf(members: readonly SchemaNode[]): string | undefined {
  const names = Object.keys(members[0]?.properties ?? {});
  return names.find((name) => members.every((member) => member.properties?.[name]?.const !== undefined));
}

function variantName(member: SchemaNode): string {
  const constant = Object.entries(member.properties ?? {}).find(([, child]) => child.const !== undefined);
  return constant === undefined ? (member.type ?? "any") : `${constant[0]} ${JSON.stringify(constant[1]?.const)}`;
}

/** Whether the node holds other keys, so that a path may go on below it. */
export function hasKeys(node: SchemaNode): boolean {
  return unionMembers(node).some((member) => member.properties !== undefined || typeof member.additionalProperties === "object");
}
