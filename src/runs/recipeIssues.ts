// What zod found wrong with a recipe, as messages of the form `recipe.ts: rl.minibatchTasks must divide tasksPerStep, got 5 and 32`.
// Pure: from issues, schema and input to text.

import type { z } from "zod";

import { nearest } from "../base/nearest.ts";
import { valueAt, withValue } from "../base/parse.ts";
import { childNode, discriminatorOf, keyNames, listKeys, membersFor, type SchemaNode, unionMembers } from "./schemaKeys.ts";

type Issue = z.core.$ZodIssue;

/** One message for each thing that is wrong; `file` is what the user knows the recipe by. */
export function issueMessages(issues: readonly Issue[], at: { file: string; tree: SchemaNode; input: unknown }): string[] {
  // A rule across fields means little while one of the fields is wrong by itself.
  const ofOneField = issues.filter(({ code }) => code !== "custom");
  return (ofOneField.length > 0 ? ofOneField : issues).flatMap((issue) => messagesOf(issue, at));
}

function messagesOf(issue: Issue, at: { file: string; tree: SchemaNode; input: unknown }): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${at.file}: ${unknownKey({ path: [...issue.path.map(String), key], tree: at.tree, input: at.input })}`);
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const closest = issue.errors.toSorted((a, b) => deviation(a) - deviation(b))[0]!;
    return issueMessages(
      closest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })),
      at,
    );
  }
  const path = issue.path.map(String);
  return [`${at.file}: ${path.length === 0 ? "the recipe" : path.join(".")} ${withValue(issue, valueAt(at.input, path))}`];
}

/** `unknown key "rl.stpes"; did you mean "rl.steps"`: whose key it is, a neighbour that is spelt alike, or the key of this name elsewhere. */
export function unknownKey({ path, tree, input }: { path: readonly string[]; tree: SchemaNode; input: unknown }): string {
  const parent = path.slice(0, -1);
  const wrong = path.at(-1)!;
  const neighbours = keyNames(nodeAt(tree, { path: parent, input }) ?? {}, valueAt(input, parent));
  const prefix = parent.length === 0 ? "" : `${parent.join(".")}.`;
  const said = `unknown key "${prefix}${wrong}"`;

  const otherKind = kindOf(path, { tree, input });
  if (otherKind !== undefined) return `${said}; it belongs to ${otherKind}`;
  const spelt = nearest(wrong, neighbours);
  if (spelt !== undefined) return `${said}; did you mean "${prefix}${spelt}"`;
  const elsewhere = listKeys(tree).find((key) => key.path.split(".").at(-1) === wrong);
  if (elsewhere !== undefined) return `${said}; did you mean "${elsewhere.path}"`;
  return `${said}; known here: ${neighbours.join(", ") || "none"}`;
}

/** Whose key it is, where another choice at it or above it would have it: `kind "new", but model.kind is "checkpoint"`, and what to do. */
function kindOf(path: readonly string[], { tree, input }: { tree: SchemaNode; input: unknown }): string | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const at = path.slice(0, depth);
    const members = unionMembers(nodeAt(tree, { path: at, input }) ?? {});
    const chosenBy = members.length > 1 ? discriminatorOf(members) : undefined;
    if (chosenBy === undefined) continue;
    const value = valueAt(input, at);
    const fitting = membersFor({ oneOf: members }, value);
    const others = members.filter((member) => !fitting.includes(member) && hasPath(member, path.slice(depth)));
    if (others.length === 0) continue;
    const names = others.map(({ properties }) => JSON.stringify(properties![chosenBy]!.const));
    const chosen = [...at, chosenBy].join(".");
    const whole = `--set '${at.join(".")}=${JSON.stringify({ [chosenBy]: valueAt(value, [chosenBy]) })}'`;
    const is = JSON.stringify(valueAt(value, [chosenBy]));
    return `${chosenBy} ${names.join(" or ")}, but ${chosen} is ${is}; leave it out or change ${chosen}; ${whole} sets all of ${at.join(".")}`;
  }
  return undefined;
}

function hasPath(node: SchemaNode, path: readonly string[]): boolean {
  return path.reduce<SchemaNode | undefined>((at, key) => at && childNode(at, { key, value: undefined }), node) !== undefined;
}

/** The schema of the value at `path`, following the union members that `input` belongs to. */
export function nodeAt(tree: SchemaNode, { path, input }: { path: readonly string[]; input: unknown }): SchemaNode | undefined {
  let node: SchemaNode | undefined = tree;
  for (const [depth, key] of path.entries()) {
    if (node === undefined) return undefined;
    node = childNode(node, { key, value: valueAt(input, path.slice(0, depth)) });
  }
  return node;
}

/** How far a union member's issues are from a fit: a wrong kind of value is no fit at all. */
function deviation(issues: readonly Issue[]): number {
  return issues.reduce((sum, { path, code }) => sum + (path.length === 0 && code === "invalid_type" ? 100 : 1), 0);
}
