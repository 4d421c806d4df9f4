// docs/recipe.md as a function of the schemas: every key of a recipe with type, default, unit and meaning. Written by
// scripts/recipe-docs.ts.

import type { Json } from "../base/json.ts";
import { Recipe } from "./recipe.ts";

import { hasKeys, listKeys, type SchemaKey, type SchemaNode, schemaTree, unionMembers } from "./schemaKeys.ts";

const introduction = `# Recipes

A recipe describes a run. It is a TypeScript module whose default export is checked before anything starts:

\`\`\`ts
import { defineRecipe } from "whetstone";

export default defineRecipe({
  name: "sums",
  data: {
    training: { kind: "families", families: [{ family: "arithmetic-chain" }] },
    evaluation: { kind: "families", families: [{ family: "arithmetic-chain" }] },
  },
  rewards: { verifiers: [{ use: "numeric" }] },
  rl: { steps: 100, learningRate: 1e-4, maxNewTokens: 96 },
});
\`\`\`

\`whetstone train recipe.ts --dry-run\` prints it with its defaults. \`--set rl.steps=50\` sets one key for one run: the value is read as
JSON, or as text where it is none. Entries of a list go by number: \`--set data.training.families.0.weight=2\`. Paths are relative to the
recipe's file.

This page is generated from the schemas by \`scripts/recipe-docs.ts\`.
`;

/** The whole page. */
export function recipePage(): string {
  const tree = schemaTree(Recipe);
  const keys = withoutRepetition(listKeys(tree));
  const sections = Object.entries(tree.properties!).map(([name, node]) => {
    const own = keys.filter(({ path }) => path === name || path.startsWith(`${name}.`));
    return section(name, { node, keys: own });
  });
  return `${introduction}\n${sections.join("\n")}`;
}

/** Where two keys have the same keys below them, only the first one's are listed. */
function withoutRepetition(keys: readonly SchemaKey[]): SchemaKey[] {
  const firstWith = new Map<string, string>();
  let skipped = "\n"; // below no path
  const kept: SchemaKey[] = [];
  for (const key of keys) {
    if (key.path.startsWith(skipped)) continue;
    const below = JSON.stringify([key.node.properties, key.node.oneOf, key.node.anyOf]);
    const first = firstWith.get(below);
    if (first === undefined || !hasKeys(key.node)) {
      if (!firstWith.has(below)) firstWith.set(below, key.path);
      kept.push(key);
      continue;
    }
    skipped = `${key.path}.`;
    const description = `${sentence(key.node.description ?? "")} The same keys as \`${first}\`.`;
    kept.push({ ...key, node: { ...key.node, description } });
  }
  return kept;
}

function section(name: string, { node, keys }: { node: SchemaNode; keys: readonly SchemaKey[] }): string {
  const rows = keys.map((key) => `| ${cells(key).map(escapeCell).join(" | ")} |`);
  return `## ${name}\n\n${sentence(node.description ?? "")}\n\n| key | type | default | unit | meaning |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function cells({ path, node, required, variants }: SchemaKey): string[] {
  const meaning = [variants.length === 0 ? "" : `With ${variants.join(", ")}:`, meaningOf(node)].filter((part) => part !== "").join(" ");
  return [`\`${path}\``, typeText(node), required ? "required" : defaultText(node), node.unit ?? unitFromName(path), meaning];
}

/** A discriminator's constants each have a meaning of their own. */
function meaningOf(node: SchemaNode): string {
  const members = unionMembers(node);
  const constants = members.filter((member) => member.const !== undefined && member.description !== undefined);
  if (new Set(constants.map((member) => member.description)).size === 1) return sentence(constants[0]!.description!);
  if (members.length > 1 && constants.length > 0) {
    return constants.map((member) => `${JSON.stringify(member.const)}: ${sentence(member.description!)}`).join(" ");
  }
  return sentence(node.description ?? "");
}

function typeText(node: SchemaNode): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(", ");
  const members = unionMembers(node);
  if (node.oneOf?.length === 1) return typeText(members[0]!);
  if (members.length > 1) {
    if (members.every((member) => member.const !== undefined)) return members.map(typeText).join(", ");
    return [...new Set(members.map(({ type }) => type ?? "any"))].join(" or ");
  }
  if (node.type === "array") return `list of ${node.items === undefined ? "values" : plural(typeText(node.items))}`;
  return `${node.type ?? "any"}${rangeText(node)}`;
}

function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? `>= ${minimum}` : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `<= ${maximum}` : undefined;
  const bounds = [
    exclusiveMinimum === undefined ? low : `> ${exclusiveMinimum}`,
    exclusiveMaximum === undefined ? high : `< ${exclusiveMaximum}`,
  ].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? "" : `, ${bounds.join(", ")}`;
}

/** What the user gets by leaving the key out. An object's own defaults stand at its keys. */
function defaultText(node: SchemaNode): string {
  if (node.default === undefined) return "absent";
  return isEmptyObject(node.default) ? "" : `\`${JSON.stringify(node.default)}\``;
}

function isEmptyObject(value: Json): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Names carry their unit; the schema says it where they do not. */
function unitFromName(path: string): string {
  const name = path.split(".").at(-1)!;
  return units.find(([ending]) => ending.test(name))?.[1] ?? "";
}

const units: readonly (readonly [RegExp, string])[] = [
  [/tokens$/i, "tokens"],
  [/steps$/i, "steps"],
  [/tasks$/i, "tasks"],
  [/Ms$/, "ms"],
  [/MiB$/, "MiB"],
  [/digits$/i, "digits"],
];

function plural(type: string): string {
  return type.replace(/^(\w+)/, "$1s");
}

function sentence(text: string): string {
  return text === "" || /[.!?]$/.test(text) ? text : `${text}.`;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", "\\n");
}
