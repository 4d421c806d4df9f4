// The script that keeps the engine's own installation from downloading: run from where a user's npm would have put it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

const root = join(import.meta.dirname, "../..");
const library = "bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so";

/** A folder with an engine, and the script at `place` in it; returns where the engine lies. */
function runFrom(place: string, prepare: (engine: string) => void = () => {}): string {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-preinstall-"));
  const engine = join(folder, "node_modules/onnxruntime-node");
  mkdirSync(join(engine, dirname(library)), { recursive: true });
  writeFileSync(join(engine, "package.json"), "{}");
  prepare(engine);
  mkdirSync(join(folder, place), { recursive: true });
  writeFileSync(join(folder, place, "package.json"), '{ "type": "module" }');
  copyFileSync(join(root, "scripts/preinstall.js"), join(folder, place, "preinstall.js"));
  const { status, stderr } = spawnSync(process.execPath, [join(folder, place, "preinstall.js")], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return engine;
}

describe("preinstall.js", {
  skip: process.platform === "linux" && process.arch === "x64" ? false : "the download is for Linux x64",
}, () => {
  test("leaves every file that the engine's installation looks for", () => {
    const engine = runFrom("node_modules/whetstone/scripts");
    const metadata = readFileSync(join(root, "node_modules/onnxruntime-node/script/install-metadata.js"), "utf8");
    const wanted = [...metadata.matchAll(/'\.\/(libonnxruntime_providers_\w+\.so)':/g)].map(([, name]) => name!);
    assert.equal(wanted.length, 3);
    for (const name of wanted) assert.ok(existsSync(join(engine, dirname(library), name)), name);
  });

  test("keeps a library that is there", () => {
    const engine = runFrom("node_modules/whetstone/scripts", (folder) => writeFileSync(join(folder, library), "real"));
    assert.equal(readFileSync(join(engine, library), "utf8"), "real");
  });

  test("does nothing in a checkout", () => {
    assert.equal(existsSync(join(runFrom("scripts"), library)), false);
  });
});
