import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { z } from "zod";

import { knownLanguages } from "../../../src/rewards/verifiable/languageOf.ts";
import { builtInVerifiers } from "../../../src/rewards/verifiable/table.ts";
import { scoreOf } from "./verdictOf.ts";

const page = readFileSync(new URL("../../../docs/verifiers.md", import.meta.url), "utf8");

/** Text below each `## \`id\``. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [/^`([\w-]+)`/.exec(section)?.[1] ?? section, section] as const),
);

const Example = z.strictObject({ reference: z.json(), answer: z.string(), thinking: z.string().default(""), score: z.number() });

function examplesIn(section: string): z.output<typeof Example>[] {
  const blocks = [...section.matchAll(/^```jsonl\n([\s\S]*?)^```$/gm)].map(([, block]) => block!.trim());
  return blocks.flatMap((block) => block.split("\n").map((line) => Example.parse(JSON.parse(line))));
}

/** Keys of a reference, of every member of a union. */
function keysOf(schema: z.ZodType): string[] {
  const node = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const members = [node, ...(node.oneOf ?? []), ...(node.anyOf ?? [])];
  return [...new Set(members.flatMap((member) => Object.keys((typeof member === "object" && member.properties) || {})))];
}

describe("docs/verifiers.md", () => {
  test("has a section for each verifier of the table, in order of id, and no other", () => {
    assert.deepEqual([...sections.keys()], builtInVerifiers.map(({ verifier }) => verifier.id).sort());
  });

  test("says how many languages can be told", () =>
    assert.ok(page.includes(`one of the ${knownLanguages.length} that`), `${knownLanguages.length}`));

  for (const { verifier } of builtInVerifiers) {
    const section = sections.get(verifier.id) ?? "";

    test(`names each key that the reference of ${verifier.id} may have`, () => {
      const missing = keysOf(verifier.reference).filter((key) => !section.includes(`\`${key}\``));
      assert.deepEqual(missing, []);
    });

    test(`shows examples of ${verifier.id} that score what it says`, async () => {
      const examples = examplesIn(section);
      assert.ok(
        examples.some(({ score }) => score > 0) && examples.some(({ score }) => score < 1),
        "one that scores and one that does not",
      );
      for (const { score, ...asked } of examples) assert.equal(await scoreOf(verifier, asked), score, JSON.stringify(asked));
    });
  }
});
