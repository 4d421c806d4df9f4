// The text of the two files that `whetstone verifier new` writes. They import "whetstone", which the pool's processes find wherever the
// files lie; for `node --test` the test finds the copy that wrote it where the package is not installed.

import { extname } from "node:path";

/** A verifier that compares texts: small, whole, and true to the laws. */
export function verifierTemplate(name: string): string {
  return `// ${name}: the answer must be the text of the reference; letter case and blanks around it do not matter.
// Try it with: whetstone verifier test ${name}.ts

import { defineVerifier } from "whetstone";
import { z } from "zod";

/** A longer answer scores 0 and says so: checking must never take longer than the deadline. */
const maxAnswerChars = 10_000;

export default defineVerifier({
  id: "${name}",
  version: 1, // raise it with every change that could alter a score; it is stored with every reward
  checks: "correctness", // "form" for a verifier that looks at how something is said: it may then pay for noise
  reference: z.strictObject({ answer: z.string().trim().min(1) }), // what each task tells this verifier
  cases: [
    {
      task: "What is the capital of France?",
      reference: { answer: "Paris" },
      accepted: ["Paris", " paris\\n"],
      rejected: ["Lyon", "Paris or Lyon", "Pari"],
    },
    { broken: { answer: " " } }, // such a reference says nothing: no answer may be scored against it
  ],
  verify({ reference, answer }) {
    if (answer.length > maxAnswerChars) {
      return { kind: "scored", score: 0, evidence: \`\${answer.length} characters, more than the cap of \${maxAnswerChars}\` };
    }
    const right = plain(answer) === plain(reference.answer);
    const seen = JSON.stringify(answer.trim().slice(0, 80));
    return { kind: "scored", score: right ? 1 : 0, evidence: \`\${seen} \${right ? "is" : "is not"} "\${reference.answer}"\` };
  },
});

function plain(text: string): string {
  return text.trim().toLowerCase();
}
`;
}

/** Its test: each law is a test of its own. */
export function verifierTestTemplate(name: string): string {
  const copy = new URL(`../rewards/testing${extname(import.meta.url)}`, import.meta.url).href;
  return `// Tries the cases of ${name}.ts and the laws of every verifier: node --test ${name}.test.ts

/** Used where the package "whetstone" is not installed: the copy that wrote this file. */
const copy = ${JSON.stringify(copy)};
const { testVerifier } = await import("whetstone/testing").catch(() => import(copy));

testVerifier(new URL("./${name}.ts", import.meta.url));
`;
}
