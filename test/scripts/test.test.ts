// The test command itself, run on folders of invented tests.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

const script = join(import.meta.dirname, "../../scripts/test.ts");
const header = 'import assert from "node:assert/strict";\nimport { test } from "node:test";\n';

/** Runs the command on a folder that holds `files`. */
function npmTest(files: Readonly<Record<string, string>>, ...flags: readonly string[]): { code: number | null; lines: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "whetstone-test-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), header + text);
  }
  // Node runs no tests in a process that it takes for one of a test run.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [script, folder, ...flags], { cwd: folder, encoding: "utf8", env });
  return { code: status, lines: stdout.trimEnd().split("\n") };
}

const passing = 'test("adds", () => assert.equal(1 + 1, 2));\n';

describe("npm test", () => {
  test("counts tests of all folders, subtests one by one, and ends with the counts", () => {
    const files = {
      "a.test.ts": passing,
      "b/c.test.ts": `${passing}test("later", { skip: "no such device" }, () => {});\n`,
      "b/no.ts": "throw 1;\n",
    };
    const { code, lines } = npmTest(files);
    assert.ok(
      lines.some((line) => line.endsWith("later: skipped, no such device")),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "2 passed, 0 failed, 1 skipped");
    assert.equal(code, 0);
  });

  test("shows why a test failed and where, and fails", () => {
    const { code, lines } = npmTest({ "a.test.ts": `${passing}test("errs", () => assert.equal(1, 2, "one is not two"));\n` });
    assert.ok(
      lines.some((line) => line.endsWith("a.test.ts:4 errs")),
      lines.join("\n"),
    );
    assert.ok(lines.some((line) => line.includes("one is not two")));
    assert.equal(lines.at(-1), "1 passed, 1 failed");
    assert.equal(code, 1);
  });

  test("counts a file that dies outside its tests as a failure, with what it printed", () => {
    const { code, lines } = npmTest({ "a.test.ts": 'console.log("last words");\nprocess.exit(3);\n' });
    assert.ok(lines.some((line) => line.includes("exit code 3")) && lines.some((line) => line.includes("last words")), lines.join("\n"));
    assert.equal(lines.at(-1), "0 passed, 1 failed");
    assert.equal(code, 1);
  });

  test("fails when no test ran: no file, or a file without a test", () => {
    assert.deepEqual([npmTest({}).code, npmTest({ "a.test.ts": "" }).code], [1, 1]);
    assert.equal(npmTest({}).lines.at(-1), "0 passed, 1 failed");
  });

  test("runs long tests only when asked", () => {
    const files = { "a.test.ts": passing, "b.long.ts": passing };
    assert.equal(npmTest(files).lines.at(-1), "1 passed, 0 failed");
    assert.equal(npmTest(files, "--long").lines.at(-1), "2 passed, 0 failed");
  });

  test("hands flags on to Node", () => {
    const { code, lines } = npmTest({ "a.test.ts": `${passing}test("errs", () => assert.fail());\n` }, "--test-name-pattern=adds");
    assert.equal(lines.at(-1), "1 passed, 0 failed");
    assert.equal(code, 0);
  });
});
