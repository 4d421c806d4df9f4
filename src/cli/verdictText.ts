// A verdict as people read it in a terminal: the score and why, the verifier's own components behind it.
// Texts of policies and authors stay as they are.

import { failureText, type Verdict } from "../data/verdict.ts";
import { shortNumber } from "./output.ts";

/** `0.5, two of four cases pass; cases 0.5`, or `could not tell: timeout, ...`. */
export function verdictText(verdict: Verdict): string {
  if (verdict.kind === "unscorable") return `could not tell: ${failureText(verdict)}`;
  const components = Object.entries(verdict.components ?? {}).map(([name, value]) => `${name} ${shortNumber(value)}`);
  return [`${shortNumber(verdict.score)}, ${verdict.evidence}`, ...components].join("; ");
}
