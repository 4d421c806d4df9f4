// From a file to the one verifier it exports. Runs in worker processes only, since importing a file runs its author's code.
// An author's copy of zod may be another one, and a schema may be hand-made: anything with `safeParse` or `parse` will do.

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

import type { z } from "zod";

import { errorPlace } from "../base/errorPlace.ts";
import { VerifierError } from "../base/errors.ts";
import { ruleText, valueAt, withValue } from "../base/parse.ts";
import { ownVerifier } from "./compose.ts";
import type { Verifier } from "./verifier.ts";

/** The verifier that `file` exports; a VerifierError says what is wrong with the file. */
export async function loadVerifier(file: string): Promise<Verifier> {
  if (!existsSync(file)) throw new VerifierError(`verifier "${file}": no such file; give the path of a module that exports one verifier`);
  const exported = await importModule(file);
  const found = new Map(Object.entries(exported).flatMap(([name, value]) => (looksLikeVerifier(value) ? [[value, name]] : [])));
  const [first] = found.keys();
  if (first === undefined) {
    const names = Object.keys(exported).join(", ") || "nothing";
    throw new VerifierError(`verifier "${file}": must export a verifier, got ${names}; export default defineVerifier({...})`);
  }
  if (found.size > 1) {
    throw new VerifierError(
      `verifier "${file}": must export exactly one verifier, got ${[...found.values()].join(", ")}; one file for each`,
    );
  }
  checkShape(first, file);
  return first;
}

/** The cases beside the verifier of `file`: the verifier's own, or those that the file exports. Undefined where there are none. */
export async function loadCases(file: string): Promise<unknown> {
  const verifier = await loadVerifier(file);
  const { cases } = await importModule(file);
  if (verifier.cases !== undefined && cases !== undefined && cases !== verifier.cases) {
    throw new VerifierError(
      `verifier "${file}": cases must stand in one place, got some in the verifier and some exported; keep one of them`,
    );
  }
  return verifier.cases ?? cases;
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : inspect(cause);
    const place = errorPlace(cause, file);
    throw new VerifierError(`verifier "${file}": could not be imported: ${said}${place === undefined ? "" : ` at ${place}`}`, cause);
  }
}

/** Enough to be meant as one; `checkShape` says what is missing. */
function looksLikeVerifier(value: unknown): value is Verifier {
  return typeof value === "object" && value !== null && "id" in value && "verify" in value;
}

function checkShape({ id, version, checks, reference, verify, runsPrograms }: Verifier, file: string): void {
  const rules: readonly (readonly [boolean, string, unknown])[] = [
    [typeof id === "string" && /^[\w.-]+$/.test(id), "id must be letters, digits, dots and dashes", id],
    [id !== ownVerifier, `id must not be "${ownVerifier}", which names the task's own verifier`, id],
    [Number.isInteger(version) && version >= 1, "version must be a whole number from 1", version],
    [checks === "correctness" || checks === "form", 'checks must be "correctness" or "form"', checks],
    [isSchema(reference), "reference must be a zod schema or have safeParse or parse", reference],
    [runsPrograms === undefined || typeof runsPrograms === "boolean", "runsPrograms must be true or false", runsPrograms],
    [typeof verify === "function", "verify must be a function", verify],
  ];
  for (const [holds, rule, got] of rules) {
    if (!holds) throw new VerifierError(`verifier "${file}": ${rule}, got ${inspect(got, { depth: 0 })}`);
  }
}

function isSchema(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && ["safeParse", "parse"].some((name) => typeof Reflect.get(value, name) === "function")
  );
}

/** A task's reference as its verifier reads it. */
export type ParsedReference = { readonly success: true; readonly data: unknown } | { readonly success: false; readonly reason: string };

/** Parses with the verifier's own schema, whichever of the two methods it has. */
export function parseReference(schema: Verifier["reference"], value: unknown): ParsedReference {
  if (typeof schema.safeParse === "function") {
    const result = schema.safeParse(value, { error: ruleText });
    return result.success ? { success: true, data: result.data } : { success: false, reason: reasonOf(result.error, value) };
  }
  try {
    return { success: true, data: (schema as Verifier["reference"]).parse(value) };
  } catch (error) {
    return { success: false, reason: reasonOf(error, value) };
  }
}

/** The first issue with its place, for a zod error of any copy; else the message. */
function reasonOf(error: unknown, value: unknown): string {
  const issue = (error as Partial<z.ZodError> | undefined)?.issues?.[0];
  if (typeof issue?.message === "string" && Array.isArray(issue.path)) {
    const keys = issue.path.map(String);
    return `${keys.length === 0 ? "the reference" : keys.join(".")}: ${withValue(issue, valueAt(value, keys))}`;
  }
  return error instanceof Error ? error.message : inspect(error, { depth: 1 });
}
