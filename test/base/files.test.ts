import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { StorageError } from "../../src/base/errors.ts";
import { writeFileAtomic } from "../../src/base/files.ts";

describe("writeFileAtomic", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "whetstone-files-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test("writes text and bytes one after another, creates folders and leaves nothing else", () => {
    const path = join(folder, "a", "b", "file");
    writeFileAtomic(path, ["tön", new Uint8Array([0, 255]), ""]);
    assert.deepEqual([...readFileSync(path)], [...Buffer.from("tön"), 0, 255]);
    assert.deepEqual(readdirSync(join(folder, "a", "b")), ["file"]);
  });

  test("replaces what was there, also by something shorter", () => {
    const path = join(folder, "file");
    writeFileAtomic(path, ["a long text"]);
    writeFileAtomic(path, ["short"]);
    assert.equal(readFileSync(path, "utf8"), "short");
  });

  test("keeps the old content when a part cannot be produced", () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    const parts = function* (): Generator<string> {
      yield "new";
      throw new Error("source failed");
    };
    assert.throws(
      () => writeFileAtomic(path, parts()),
      (error: unknown) => error instanceof StorageError && /source failed; the previous content/.test(error.message),
    );
    assert.equal(readFileSync(path, "utf8"), "old");
    assert.deepEqual(readdirSync(folder), ["file"]);
  });

  test("keeps the old content when the disk takes only half of the new one", () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    // A file-size limit of 8 blocks stands for a full disk: the signal is ignored, so the write fails as it would there.
    const program = `
      import { writeFileAtomic } from ${JSON.stringify(new URL("../../src/base/files.ts", import.meta.url).href)};
      try {
        writeFileAtomic(process.argv[1], ["x".repeat(100_000)]);
      } catch (error) {
        console.log(error.name, error.code, error.cause.code);
      }`;
    const limited = `trap "" XFSZ; ulimit -f 8; exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout, stderr } = spawnSync("sh", ["-c", limited, process.execPath, program, path], { encoding: "utf8" });
    assert.equal(stdout.trim(), "StorageError STORAGE EFBIG", stderr);
    assert.equal(readFileSync(path, "utf8"), "old");
    assert.deepEqual(readdirSync(folder), ["file"]);
  });

  test("reports a folder in the way and a file where a folder should be", () => {
    mkdirSync(join(folder, "taken", "inside"), { recursive: true });
    writeFileSync(join(folder, "plain"), "old");
    assert.throws(() => writeFileAtomic(join(folder, "taken"), ["new"]), StorageError);
    assert.throws(() => writeFileAtomic(join(folder, "plain", "file"), ["new"]), StorageError);
    assert.deepEqual(readdirSync(folder).sort(), ["plain", "taken"]);
    assert.equal(readFileSync(join(folder, "plain"), "utf8"), "old");
  });
});
