// From a recipe file and `--set` options to a validated recipe. Every way this can fail is one ConfigError with the file in it.
// A recipe is a module: loading it runs its author's code in this process.

import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { errorPlace } from "../base/errorPlace.ts";
import { ConfigError, VerifierError } from "../base/errors.ts";
import { ruleText } from "../base/parse.ts";
import { provideAuthorModules } from "../rewards/authorModules.ts";
import { locateVerifiers } from "../rewards/verifiable/open.ts";
import { Recipe } from "./recipe.ts";
import { issueMessages, nodeAt, unknownKey } from "./recipeIssues.ts";
import { hasKeys, type SchemaNode, schemaTree } from "./schemaKeys.ts";

/** A recipe and where it came from. */
export interface LoadedRecipe {
  readonly recipe: Recipe;
  /** Paths in the recipe are relative to it. */
  readonly folder: string;
  readonly file: string;
}

/** Loads `file`, applies `overrides` of the form `rl.steps=50`, and validates. */
export async function loadRecipe(file: string, overrides: readonly string[] = []): Promise<LoadedRecipe> {
  const path = resolve(file);
  const written = await importRecipe(path, file);
  const recipe = parseRecipe(written, { file: basename(file), overrides });
  checkVerifierFiles(recipe, path);
  return { recipe, folder: dirname(path), file: path };
}

function checkVerifierFiles({ rewards }: Recipe, file: string): void {
  try {
    locateVerifiers(rewards.verifiers, dirname(file));
  } catch (cause) {
    throw new VerifierError(`${basename(file)}: ${(cause as Error).message}`, cause);
  }
}

/** Validates what a recipe file exports, or what the store holds; `file` is what messages call it. */
export function parseRecipe(written: unknown, { file, overrides = [] }: { file: string; overrides?: readonly string[] }): Recipe {
  const tree = schemaTree(Recipe);
  if (!isObject(written))
    throw new ConfigError(
      `${file}: the default export must be a recipe object, got ${describeKind(written)}; use export default defineRecipe({...})`,
    );
  const input = overrides.reduce(
    (current, override) => applyOverride(current, { override, tree }),
    copyOf(written, { file, path: [] }) as object,
  );
  const parsed = Recipe.safeParse(input, { error: ruleText });
  if (!parsed.success) throw new ConfigError(issueMessages(parsed.error.issues, { file, tree, input }).join("\n"));
  return parsed.data;
}

/** A copy of `input` with one key set. The value is JSON where it can be read as such, else text. */
function applyOverride(input: object, { override, tree }: { override: string; tree: SchemaNode }): object {
  const equals = override.indexOf("=");
  if (equals < 1) throw new ConfigError(`--set: must have the form key=value, got "${override}"; for example --set rl.steps=50`);
  const path = override.slice(0, equals).trim().split(".");
  const result = structuredClone(input);
  let target: object = result;
  for (const [depth, key] of path.entries()) {
    const here = path.slice(0, depth + 1);
    const node = nodeAt(tree, { path: here, input: result });
    if (node === undefined) throw new ConfigError(`--set: ${unknownKey({ path: here, tree, input: result })}`);
    if (depth === path.length - 1) {
      Reflect.set(target, key, parseValue(override.slice(equals + 1)));
    } else {
      target = descend(target, { key, node, path: here });
    }
  }
  return result;
}

/** The object below `key`, made from the schema's default where the recipe leaves it out. */
function descend(target: object, { key, node, path }: { key: string; node: SchemaNode; path: readonly string[] }): object {
  const present: unknown = Reflect.get(target, key);
  if (isObject(present)) return present;
  if (present !== undefined || !hasKeys(node))
    throw new ConfigError(`--set: "${path.join(".")}" holds no keys, so nothing below it can be set`);
  const made = isObject(node.default) ? structuredClone(node.default) : {};
  Reflect.set(target, key, made);
  return made;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a bare word is a string
  }
}

async function importRecipe(path: string, shown: string): Promise<unknown> {
  if (!existsSync(path))
    throw new ConfigError(`${shown}: no such file; give the path of a recipe, a TypeScript module that exports defineRecipe({...})`);
  if (!statSync(path).isFile()) throw new ConfigError(`${shown}: must be a file, got a folder; give the path of a recipe`);
  if (!/\.[cm]?[jt]s$/.test(path))
    throw new ConfigError(`${shown}: must be a TypeScript or JavaScript module, got "${basename(path)}"; name it recipe.ts`);
  const module = await loadModule(path, shown);
  if (module["default"] === undefined)
    throw new ConfigError(`${shown}: has no default export; end it with export default defineRecipe({...})`);
  return module["default"];
}

async function loadModule(path: string, shown: string): Promise<Record<string, unknown>> {
  provideAuthorModules();
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const place = errorPlace(cause, path);
    throw new ConfigError(`${shown}: could not be loaded: ${said}${place === undefined ? "" : ` at ${place}`}`, cause);
  }
}

/**
 * A copy in which no two keys share an object, so that `--set` changes one place. Recipes are data: a function in one would be lost in
 * the run record.
 */
function copyOf(written: unknown, { file, path }: { file: string; path: readonly string[] }): unknown {
  if (typeof written === "function") {
    throw new ConfigError(`${file}: ${path.join(".")} must be data, got a function; a recipe names verifiers by id or file`);
  }
  if (!isObject(written)) return written;
  const entries = Object.entries(written).map(([key, value]) => [key, copyOf(value, { file, path: [...path, key] })] as const);
  return Array.isArray(written) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function describeKind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
