// From what a recipe or the command line says to running verifiers: an id of the table or a file becomes the file that a
// worker loads. An author's file may lie anywhere.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { VerifierError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { checkTerms } from "../compose.ts";
import type { RewardConfig } from "../config.ts";
import { describeVerifiers, startVerifierPool, type VerifierPool } from "../pool.ts";
import type { VerifierDescription } from "../protocol.ts";
import { builtInVerifiers } from "./table.ts";

/** The pool that a run's rewards need. Files are relative to `folder`. Everything a user can get wrong is told before it resolves. */
export async function openVerifierPool({ verifiers, terms, numWorkers, sandbox }: RewardConfig, folder: string): Promise<VerifierPool> {
  const pool = await startVerifierPool({
    verifiers: verifiers.map(({ use, ...settings }) => ({ file: locateVerifier(use, folder), ...settings })),
    numWorkers,
    containment: sandbox,
  });
  try {
    checkTerms(terms, pool.verifiers);
    return pool;
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a verifier says about itself; a VerifierError when there is none to ask. `use` is an id of the table or a file. */
export async function describeVerifier(use: string, folder: string): Promise<VerifierDescription> {
  const [description] = await describeVerifiers([locateVerifier(use, folder)]);
  return description!;
}

/** The files of a recipe's verifiers, in their order; a VerifierError names the key of the first that has none. */
export function locateVerifiers(verifiers: RewardConfig["verifiers"], folder: string): string[] {
  return verifiers.map(({ use }, i) => {
    try {
      return locateVerifier(use, folder);
    } catch (cause) {
      throw new VerifierError(`rewards.verifiers.${i}.use: ${(cause as Error).message}`, cause);
    }
  });
}

/** The file that exports a verifier. What looks like a path is one. */
export function locateVerifier(use: string, folder: string): string {
  if (use.startsWith("file:")) return existing(fileURLToPath(use), use);
  if (/[\\/]|\.[cm]?[jt]s$/.test(use)) return existing(resolve(folder, use), use);
  const row = builtInVerifiers.find(({ verifier }) => verifier.id === use);
  if (row !== undefined) return row.file;
  const known = builtInVerifiers.map(({ verifier }) => verifier.id).sort();
  const meant = nearest(use, known);
  const hint = meant === undefined ? "" : `did you mean "${meant}"; `;
  throw new VerifierError(`verifier "${use}": not in the table; ${hint}known: ${known.join(", ")}; or give the file that exports it`);
}

function existing(path: string, use: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new VerifierError(`verifier "${use}": must be a file, got a folder; name the module in it`);
  if (found !== undefined) return path;
  throw new VerifierError(`verifier "${use}": no such file, looked for "${path}"; give the path of a module that exports one verifier`);
}
