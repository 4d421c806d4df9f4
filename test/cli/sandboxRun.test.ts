// `whetstone sandbox run` as a user runs it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { bin, type Finished, finish, start, workFolder } from "./whetstone.ts";

const folder = workFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

function run(program: string, args: readonly string[]): Promise<Finished> {
  const child = spawn(process.execPath, [bin, "sandbox", "run", ...args], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(program);
  return finish(child);
}

describe("whetstone sandbox run", () => {
  test("prints what came of a program as JSON", async () => {
    const { code, stdout, stderr } = await run("print(input(), open('data.txt').read()); exit(3)", [
      ...["--language", "python", "--file", written("data.txt", "beside"), "--stdin", written("in.txt", "in\n")],
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
    const result = JSON.parse(stdout);
    assert.deepEqual(Object.keys(result), ["end", "limitsMet", "stdout", "stderr", "cpuMs", "wallMs", "peakMemoryMiB", "containment"]);
    assert.deepEqual(result.end, { kind: "exit", code: 3 });
    assert.deepEqual(result.stdout, { text: "in beside\n", bytes: 10, truncated: false });
    assert.equal(result.containment, "jail");
  });
  test("runs JavaScript and TypeScript with arguments", async () => {
    for (const [language, program] of [
      ["javascript", "console.log(process.argv.slice(2).join())"],
      ["typescript", "const x: string[] = process.argv.slice(2); console.log(x.join())"],
    ] as const) {
      const { stdout } = await run(program, ["--language", language, "a", "b"]);
      assert.equal(JSON.parse(stdout).stdout.text, "a,b\n");
    }
  });
  test("says which limit was hit", async () => {
    const { code, stdout } = await run("while True: pass", ["--language", "python", "--timeout-ms", "300"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout).end, { kind: "limit", limit: "wall" });
  });
  test("warns in weak containment and says so in the result", async () => {
    const { stdout, stderr } = await run("print(1)", ["--language", "python", "--sandbox", "weak"]);
    assert.match(stderr, /^sandbox: weak containment/);
    assert.equal(JSON.parse(stdout).containment, "weak");
  });
  test("refuses what it cannot do with exit code 2", async () => {
    assert.equal((await run("", ["--language", "perl"])).code, 2);
    assert.equal((await run("", [])).code, 2);
    const missing = await run("", ["--language", "python", "--file", "nowhere.txt"]);
    assert.deepEqual([missing.code, missing.stdout], [2, ""]);
    assert.match(missing.stderr, /^nowhere\.txt: no such file/);
  });
  test("puts a folder with all its files beside the program", async () => {
    mkdirSync(join(folder, "shapes/flat"), { recursive: true });
    written("shapes/__init__.py", "");
    written("shapes/flat/square.py", "def area(side): return side * side");
    const { stdout } = await run("from shapes.flat.square import area; print(area(3))", ["--language", "python", "--file", "shapes/"]);
    assert.equal(JSON.parse(stdout).stdout.text, "9\n");
  });
  test("refuses files that would take each other's place, or come out changed", async () => {
    mkdirSync(join(folder, "one"), { recursive: true });
    written("one/data.txt", "another");
    written("one/main.py", "print(2)");
    writeFileSync(join(folder, "bytes.bin"), Uint8Array.of(0xff, 0xfe));
    const said = async (...args: readonly string[]) => {
      const { code, stderr } = await run("print(1)", ["--language", "python", ...args]);
      assert.equal(code, 2, stderr);
      return stderr;
    };
    assert.match(
      await said("--file", written("data.txt", ""), "--file", "one/data.txt"),
      /must not have the name of "data.txt", got "data.txt"/,
    );
    assert.match(await said("--file", "one/main.py"), /^one\/main\.py: must not be called "main\.py"/);
    assert.match(await said("--file", "bytes.bin"), /^bytes\.bin: must be text in UTF-8/);
    assert.match(await said("--stdin", "one"), /^one: must be a file, got a folder/);
  });
  test("refuses limits that nothing can hold", async () => {
    for (const option of ["--timeout-ms", "--cpu-ms", "--memory-mib", "--processes", "--output-bytes"]) {
      const { code, stderr } = await run("print(1)", ["--language", "python", option, "99999999999"]);
      assert.equal(code, 2, option);
      assert.match(stderr, /must be at most \d+, got "99999999999"/);
    }
  });
  test("says that the memory is too little to start", async () => {
    const { code, stderr } = await run("print(1)", ["--language", "python", "--memory-mib", "1"]);
    assert.equal(code, 2);
    assert.match(stderr, /it needs more memory than 1 MiB$/m);
  });
  test("says in which line TypeScript cannot be read", async () => {
    const { stdout } = await run("const a = 1;\nlet b: = 2;\n", ["--language", "typescript"]);
    assert.match(JSON.parse(stdout).stderr.text, /^main\.ts:2\n/);
  });
});

function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

describe("whetstone score with programs", () => {
  const row = {
    reference: { language: "typescript", tests: { kind: "stdio", cases: [{ stdin: "", stdout: "4\n" }] } },
    answer: "const x: number = 4; console.log(x);",
  };
  written("rows.jsonl", `${JSON.stringify(row)}\n`);
  const score = (...args: readonly string[]) =>
    finish(start(folder, ["score", "--verifier", "code-tests", "--input", "rows.jsonl", "--json", ...args]));

  test("runs them in the jail from its worker processes, TypeScript included", async () => {
    const { code, stdout, stderr } = await score();
    const { verdict } = JSON.parse(stdout);
    assert.deepEqual([code, verdict], [0, { kind: "scored", score: 1, evidence: "all 1 tests passed" }]);
    assert.doesNotMatch(stderr, /weak/);
  });
  test("warns where nothing contains them, and so does the verdict", async () => {
    const { stdout, stderr } = await score("--sandbox", "weak");
    assert.match(stderr, /^sandbox: weak containment/);
    assert.match(JSON.parse(stdout).verdict.evidence, /run in weak containment/);
  });
});
