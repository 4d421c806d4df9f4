import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

import { z } from "zod";

import { VerifierError } from "../../src/base/errors.ts";
import { loadVerifier, parseReference } from "../../src/rewards/load.ts";
import { tempFolder } from "../support/tempFolder.ts";

const body = 'id: "a", version: 1, checks: "form", reference: { parse: (v) => v }, verify() {}';
const whole = `{ ${body} }`;

function authorFile(t: TestContext, { name, text }: { readonly name: string; readonly text: string }): string {
  const path = join(tempFolder(t), name);
  writeFileSync(path, text);
  return path;
}

describe("loadVerifier", () => {
  test("finds the one verifier of a module, under whatever name", async (t) => {
    const files = [
      { name: "default.js", text: `export default ${whole};` },
      { name: "named.js", text: `export const a = ${whole}; export const other = { id: 1 };` },
      { name: "twice.js", text: `export const a = ${whole}; export default a;` },
      { name: "common.cjs", text: `module.exports = ${whole};` },
      { name: "typed.ts", text: `const a: object = ${whole.replace("(v)", "(v: number)")}; export { a };` },
    ];
    for (const file of files) assert.equal((await loadVerifier(authorFile(t, file))).id, "a", file.name);
  });

  test("refuses a module without one good verifier, names the file, and says what is wrong", async (t) => {
    const refusals: readonly (readonly [string, RegExp])[] = [
      ["export const a = 1;", /must export a verifier, got a; export default/],
      ["export {};", /must export a verifier, got nothing/],
      [`export const one = ${whole}; export const two = ${whole};`, /exactly one verifier, got one, two/],
      ['throw new Error("at import");', /could not be imported: at import/],
      ['throw "text";', /could not be imported: 'text'/],
      ["export default {", /could not be imported: .* at \/.*:\d+$/],
      ['import "no-such-package";', /could not be imported: .*no-such-package/],
      [`export default { ${body.replace('"a"', '"a b"')} };`, /id must be letters, digits, dots and dashes, got 'a b'/],
      [`export default { ${body.replace('"a"', '"task"')} };`, /id must not be "task"/],
      [`export default { ${body.replace("version: 1", "version: 1.5")} };`, /version must be a whole number from 1, got 1\.5/],
      [`export default { ${body.replace('"form"', '"looks"')} };`, /checks must be "correctness" or "form", got 'looks'/],
      [
        `export default { ${body.replace("{ parse: (v) => v }", "{}")} };`,
        /reference must be a zod schema or have safeParse or parse, got \{\}/,
      ],
      [`export default { ${body}, runsPrograms: "yes" };`, /runsPrograms must be true or false, got 'yes'/],
      [`export default { ${body.replace("verify() {}", "verify: 1")} };`, /verify must be a function, got 1/],
    ];
    for (const [text, message] of refusals) {
      const file = authorFile(t, { name: "bad.mjs", text });
      await assert.rejects(loadVerifier(file), (error: VerifierError) => {
        assert.ok(error instanceof VerifierError && error.message.startsWith(`verifier "${file}": `), error.message);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(loadVerifier("/no/such/file.ts"), /verifier "\/no\/such\/file\.ts": no such file; give the path/);
  });
});

describe("parseReference", () => {
  test("asks zod's safeParse, and says where the first issue is", () => {
    const schema = z.strictObject({ deep: z.array(z.number()) });
    assert.deepEqual(parseReference(schema, { deep: [1] }), { success: true, data: { deep: [1] } });
    const failed = parseReference(schema, { deep: [1, "2"] });
    assert.ok(!failed.success);
    assert.equal(failed.reason, 'deep.1: must be a number, got "2"');
    const whole = parseReference(schema, 5);
    assert.ok(!whole.success);
    assert.equal(whole.reason, "the reference: must be an object, got 5");
    const misspelt = parseReference(schema, { deep: [], deeep: [] });
    assert.ok(!misspelt.success);
    assert.equal(misspelt.reason, 'the reference: must not have the key "deeep"');
  });

  test("gives what the schema makes of a value, defaults included", () => {
    assert.deepEqual(parseReference(z.strictObject({ a: z.number().default(3) }), {}), { success: true, data: { a: 3 } });
  });

  test("makes do with a schema that can only parse", () => {
    const schema = {
      parse(value: unknown) {
        if (typeof value !== "string") throw new Error("must be text");
        return value.length;
      },
    } as unknown as z.ZodType;
    assert.deepEqual(parseReference(schema, "four"), { success: true, data: 4 });
    assert.deepEqual(parseReference(schema, 4), { success: false, reason: "must be text" });
  });
});
