// What package.json promises to whoever installs the package: everything it publishes or points to can be made from the sources.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { tempFolder } from "./support/tempFolder.ts";

interface Package {
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly scripts: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "..");
const { bin, files, exports, scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Package;

describe("package.json", () => {
  test("publishes files that exist, beside what is built", () => {
    assert.deepEqual(
      files.filter((file) => file !== "dist" && !existsSync(join(root, file))),
      [],
    );
    assert.ok(files.includes("dist"));
  });

  test("publishes its commands and the script that its installation runs", () => {
    const needed = [...Object.values(bin), scripts["preinstall"]!.replace("node ", "")].map((path) => path.replace("./", ""));
    for (const path of needed)
      assert.ok(
        files.some((file) => path === file || path.startsWith(`${file}/`)),
        path,
      );
  });

  for (const [name, { types, default: code }] of Object.entries(exports)) {
    test(`exports "${name}" from a source`, () => {
      const source = code.replace("./dist/", "").replace(/\.js$/, ".ts");
      assert.ok(existsSync(join(root, source)), source);
      assert.equal(types, code.replace(/\.js$/, ".d.ts"));
    });
  }
});

test("its declarations are whole for an author whose target is es2024 and who has no types of Node", (t) => {
  const folder = tempFolder(t);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const tsc = (...args: readonly string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...args], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  };
  tsc("--project", join(root, "tsconfig.build.json"), "--emitDeclarationOnly", "--outDir", folder);
  const uses = Object.values(exports).map(({ types }, i) => `export type * as e${i} from "./${types.replace("./dist/", "")}";`);
  writeFileSync(join(folder, "author.mts"), uses.join("\n").replaceAll(".d.ts", ".js"));
  tsc("--ignoreConfig", "--target", "es2024", "--module", "nodenext", "--strict", "--noEmit", "--types", "", join(folder, "author.mts"));
});
