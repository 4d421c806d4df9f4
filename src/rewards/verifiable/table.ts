// The built-in verifiers, each with the file that exports it, by which worker processes know it. Adding one is adding its file
// and a row here.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import type { Verifier } from "../verifier.ts";
import { codeTests } from "./codeTests.ts";
import { countdown } from "./countdown.ts";
import { exact } from "./exact.ts";
import { numeric } from "./numeric.ts";
import { thinkingFormat } from "./thinkingFormat.ts";

/** A row of the table. */
export interface BuiltInVerifier {
  readonly verifier: Verifier;
  readonly file: string;
}

export const builtInVerifiers: readonly BuiltInVerifier[] = [
  { verifier: codeTests as Verifier, file: sibling("codeTests") },
  { verifier: numeric, file: sibling("numeric") },
  { verifier: exact, file: sibling("exact") },
  { verifier: countdown, file: sibling("countdown") },
  { verifier: thinkingFormat, file: sibling("thinkingFormat") },
];

/** Sources and the built package differ in the extension. */
function sibling(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
}
