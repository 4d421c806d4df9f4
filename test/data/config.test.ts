import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";

import { DataSource } from "../../src/data/config.ts";
import { families } from "../../src/data/families.ts";

/** Path and message of the first thing that is wrong. */
function complaint(value: unknown): string {
  const { path, message } = DataSource.safeParse(value).error!.issues[0]!;
  return `${path.join(".")}: ${message}`;
}
const file = (columns: object): object => ({ kind: "file", path: "a.jsonl", columns: { verifier: "numeric", ...columns } });
const family = (entry: object): object => ({ kind: "families", families: [entry] });

describe("DataSource", () => {
  test("knows every family of the table, with its defaults", () => {
    for (const { id, settings } of families) {
      const parsed = DataSource.parse(family({ family: id }));
      assert.deepEqual(parsed, { kind: "families", families: [{ family: id, weight: 1, settings: settings.parse({}) }] });
    }
  });

  test("fills in the settings that an entry leaves out", () => {
    const parsed = DataSource.parse(family({ family: "sorting", weight: 3, settings: { maxItems: 9 } }));
    assert.deepEqual(parsed, {
      kind: "families",
      families: [{ family: "sorting", weight: 3, settings: { minItems: 3, maxItems: 9, minDigits: 1, maxDigits: 2, slipRate: 0 } }],
    });
  });

  test("names the place of a wrong key, family, weight or setting", () => {
    assert.match(complaint(family({ family: "sortin" })), /^families\.0\.family: .*'sorting'/);
    assert.match(complaint(family({ family: "sorting", weigth: 1 })), /^families\.0: .*"weigth"/);
    assert.match(complaint(family({ family: "sorting", weight: 0 })), /^families\.0\.weight: /);
    assert.match(complaint(family({ family: "sorting", settings: { terms: 3 } })), /^families\.0\.settings: .*"terms"/);
    assert.match(
      complaint(family({ family: "sorting", settings: { minItems: 9 } })),
      /^families\.0\.settings\.maxItems: must be at least minItems/,
    );
    assert.match(complaint({ kind: "families", families: [] }), /^families: /);
    assert.match(complaint({ kind: "folder" }), /^kind: /);
  });

  test("gives the mapping of a file its usual names", () => {
    assert.deepEqual(DataSource.parse(file({})), {
      kind: "file",
      path: "a.jsonl",
      columns: { question: "question", answer: "answer", verifier: "numeric" },
      rows: "all",
    });
  });

  test("refuses a pattern that is none, has no group or two, and one without its column", () => {
    assert.match(complaint(file({ answerPattern: "(" })), /^columns\.answerPattern: must be a regular expression, got "\("/);
    assert.match(complaint(file({ answerPattern: "a)|(b" })), /must be a regular expression/);
    assert.match(complaint(file({ answerPattern: "\\" })), /must be a regular expression/);
    assert.match(complaint(file({ answerPattern: "#### .+" })), /must have exactly one group, got 0/);
    assert.match(complaint(file({ answerPattern: "(a)|(b)" })), /must have exactly one group, got 2/);
    assert.match(complaint(file({ thinkingPattern: "(a)" })), /^columns\.thinkingPattern: needs thinking/);
    assert.doesNotThrow(() => DataSource.parse(file({ answerPattern: "(?:a|(?<last>b))\\|", thinking: "t", thinkingPattern: "(.*)" })));
  });

  test("describes every key, for the recipe's documentation", () => {
    const undescribed: string[] = [];
    const visit = (schema: z.core.JSONSchema.BaseSchema, path: string): void => {
      for (const [key, child] of Object.entries(schema.properties ?? {})) {
        const property = child as z.core.JSONSchema.BaseSchema;
        if (property.description === undefined) undescribed.push(`${path}.${key}`);
        visit(property, `${path}.${key}`);
      }
      for (const option of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) visit(option as z.core.JSONSchema.BaseSchema, path);
      if (schema.items) visit(schema.items as z.core.JSONSchema.BaseSchema, `${path}[]`);
    };
    visit(z.toJSONSchema(DataSource, { io: "input" }), "data");
    assert.deepEqual(undescribed, []);
  });
});
