// What is imported from "whetstone/testing": a verifier's cases and laws as tests of node:test, one for each law. They run in the
// processes of the pool, as `whetstone verifier test` runs them. Importing this starts nothing.

import { basename } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { type Examination, type ExaminationSettings, examinedLaws, examineVerifier } from "./examine.ts";
import type { Breach } from "./laws.ts";

/** How a verifier is tried where nothing else is said. */
const usual: ExaminationSettings = { deadlineMs: 2000, numWorkers: 2, containment: "jail" };

/** Registers a test for each law, for the verifier that `file` exports. */
export function testVerifier(file: string | URL, settings: Partial<ExaminationSettings> = {}): void {
  const path = file instanceof URL || file.startsWith("file:") ? fileURLToPath(file) : file;
  describe(`verifier ${basename(path)}`, () => {
    let examination: Examination;
    before(async () => {
      examination = await examineVerifier(path, { ...usual, ...settings }, new AbortController().signal);
    });
    for (const [i, law] of examinedLaws.entries()) {
      test(law, (t) => {
        const { excuse, breaches } = examination.laws[i]!;
        if (excuse !== undefined) t.skip(excuse);
        const [first] = breaches;
        if (first !== undefined) throw new Error(`${breaches.length} verdicts break this law, such as: ${breachText(first)}`);
      });
    }
  });
}

function breachText({ question: { reference, answer, thinking }, expected, got }: Breach): string {
  const asked = { reference, answer: answer.slice(0, 80), ...(thinking === "" ? {} : { thinking: thinking.slice(0, 80) }) };
  return `${JSON.stringify(asked)}: expected ${expected}, got ${JSON.stringify(got)}`;
}
