// The built-in verifiers, each with the file that exports it, by which worker processes know it. Adding one is adding its file
// and a row here.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import type { Verifier } from "../verifier.ts";
import { choice } from "./choice.ts";
import { codeTests } from "./codeTests.ts";
import { countdown } from "./countdown.ts";
import { exact } from "./exact.ts";
import { instructions } from "./instructions.ts";
import { jsonSchema } from "./jsonSchema.ts";
import { language } from "./language.ts";
import { length } from "./length.ts";
import { math } from "./math.ts";
import { numeric } from "./numeric.ts";
import { puzzle } from "./puzzle.ts";
import { regex } from "./regex.ts";
import { repetition } from "./repetition.ts";
import { sql } from "./sql.ts";
import { thinkingFormat } from "./thinkingFormat.ts";

/** A row of the table. */
export interface BuiltInVerifier {
  readonly verifier: Verifier;
  readonly file: string;
}

export const builtInVerifiers: readonly BuiltInVerifier[] = [
  { verifier: choice, file: sibling("choice") },
  { verifier: codeTests as Verifier, file: sibling("codeTests") },
  { verifier: countdown, file: sibling("countdown") },
  { verifier: exact, file: sibling("exact") },
  { verifier: instructions, file: sibling("instructions") },
  { verifier: jsonSchema, file: sibling("jsonSchema") },
  { verifier: language, file: sibling("language") },
  { verifier: length, file: sibling("length") },
  { verifier: math, file: sibling("math") },
  { verifier: numeric, file: sibling("numeric") },
  { verifier: puzzle, file: sibling("puzzle") },
  { verifier: regex, file: sibling("regex") },
  { verifier: repetition, file: sibling("repetition") },
  { verifier: sql as Verifier, file: sibling("sql") },
  { verifier: thinkingFormat, file: sibling("thinkingFormat") },
];

/** Sources and the built package differ in the extension. */
function sibling(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
}
