import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { errorPlace } from "../../src/base/errorPlace.ts";
import { tempFolder } from "../support/tempFolder.ts";

async function failureOf(path: string): Promise<unknown> {
  return import(pathToFileURL(path).href).then(
    () => assert.fail(`${path} must not load`),
    (error: unknown) => error,
  );
}

describe("errorPlace", () => {
  for (const [what, text, place] of [
    ["a syntax error", 'export default {\n  name: "x",\n  a: = 3,\n};\n', "3:6"],
    ["what types cannot be stripped from", "\nenum A { B }\nexport default {};\n", "2:1"],
    ["a name that is not exported", 'import {\n  nothing } from "node:fs";\nexport default nothing;\n', "2:3"],
    ["an exception", "const a: { b?: string } = {};\n\nexport default a.b!.length;\n", "3:21"],
    ["an exception in a function of Node", "const a: unknown = 1;\nexport default new URL(String(a));\n", "2:16"],
  ] as const)
    test(`is line and column of ${what}`, async (t) => {
      const path = join(tempFolder(t), "with space.ts");
      writeFileSync(path, text);
      assert.equal(errorPlace(await failureOf(path), path), `${path}:${place}`);
    });

  test("is the line where the text ends too soon", async (t) => {
    const path = join(tempFolder(t), "ends.ts");
    writeFileSync(path, "export const a = 1;\nexport default {");
    assert.equal(errorPlace(await failureOf(path), path), `${path}:2`);
  });

  for (const extension of ["js", "mjs"])
    test(`is line and column of a syntax error in JavaScript, .${extension}`, async (t) => {
      const path = join(tempFolder(t), `with space.${extension}`);
      writeFileSync(path, 'export default {\n  name: "x",\n  a: = 3,\n};\n');
      assert.equal(errorPlace(await failureOf(path), path), `${path}:3:6`);
    });

  test("is nothing for JavaScript that is whole and imports what is broken", async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, "broken.js"), "export const a = ;\n");
    writeFileSync(join(folder, "main.js"), 'import "./broken.js";\n');
    const path = join(folder, "main.js");
    assert.equal(errorPlace(await failureOf(path), path), undefined);
  });

  test("is in the imported file where that is the one that is broken", async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, "broken.ts"), "export const a = ;\n");
    writeFileSync(join(folder, "main.ts"), 'import "./broken.ts";\n');
    const path = join(folder, "main.ts");
    assert.equal(errorPlace(await failureOf(path), path), `${join(folder, "broken.ts")}:1:18`);
  });

  test("is nothing where the error is none or says nothing of a file", () => {
    assert.equal(errorPlace("thrown", "/x.ts"), undefined);
    assert.equal(errorPlace(Object.assign(new Error("x"), { stack: "Error: x\n    at node:internal/modules:1:2" }), "/x.ts"), undefined);
  });
});
