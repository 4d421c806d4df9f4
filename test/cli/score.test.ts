// `whetstone score` as a process: what it reads, what it writes and when, and how it ends.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";

import { childProcesses } from "../support/processes.ts";
import { bin, type Finished, finish, whetstone, workFolder } from "./whetstone.ts";

const folder = workFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

const reference = { answer: "42" };
const jsonLines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

/** Ends with its test, also when it does not end by itself. */
function startScore(t: TestContext, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [bin, "score", ...args], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

async function score(input: string, ...args: readonly string[]): Promise<Finished> {
  return await whetstone(folder, "score", "--verifier", "numeric", "--input", input, "--json", ...args);
}

const scoresOf = ({ stdout }: Finished) =>
  stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).verdict)
    .map((verdict) => verdict.score ?? verdict.failure);

describe("whetstone score", () => {
  test("refuses more time and more processes than a recipe may have", async () => {
    for (const option of ["--deadline-ms", "--workers"]) {
      const { code, stderr } = await score("-", option, "100000000");
      assert.equal(code, 2);
      assert.match(stderr, /must be at most \d+, got "100000000"/);
    }
  });
  test("takes rows of every form, in order", async () => {
    const task = { family: "sums", messages: [{ role: "user", content: "40+2=?" }], verifier: "other", reference };
    const rows = [
      { response: "<think>40 and 2</think>42", reference },
      { response: "<think>42", reference },
      { response: "42", reference, prompt: "40+2=?" },
      { answer: "41", reference },
      { answer: "42", thinking: "41", task, id: "own" },
      { answer: "42", reference: { answer: "about forty" } },
    ];
    const scored = await score(write("mixed.jsonl", jsonLines(rows)));
    assert.equal(scored.code, 0, scored.stderr);
    assert.deepEqual(scoresOf(scored), [1, 0, 1, 0, 1, "reference"]);
    assert.equal(JSON.parse(scored.stdout.split("\n")[4]!).id, "own");
    assert.match(scored.stderr, /^6 rows: 5 scored, 1 unscorable, mean score 0\.6$/m);
  });

  test("names file and line of a broken row, after the verdicts of those before it", async () => {
    const good = jsonLines([{ answer: "42", reference }]);
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{"answer": \n', /^broken\.jsonl:2: a line must be one JSON value, got /m],
      ['{"anwser": "42", "reference": 1}\n', /^broken\.jsonl:2: the row must not have the key "anwser"; /m],
      ['{"answer": "42"}\n', /^broken\.jsonl:2: the row must have either a task or a reference/m],
      [
        '{"answer": "42", "task": {"family": "sums"}}\n',
        /^broken\.jsonl:2: task\.messages is required; a task is \{"family", "messages", /m,
      ],
      ['{"answer": "42", "task": 42}\n', /^broken\.jsonl:2: task must be an object, got 42; a task is \{/m],
      ["[]\n", /^broken\.jsonl:2: the row must be an object/m],
    ];
    for (const [line, expected] of cases) {
      const scored = await score(write("broken.jsonl", good + line + good));
      assert.match(scored.stderr, expected);
      assert.deepEqual([scored.code, scoresOf(scored)], [2, [1]], line);
    }
  });

  test("writes a verdict before the next row has come, from standard input", { timeout: 110_000 }, async (t) => {
    const child = startScore(t, "--verifier", "numeric", "--input", "-", "--json");
    const done = finish(child);
    for (const answer of ["42", "41"]) {
      child.stdin!.write(jsonLines([{ answer, reference }]));
      const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
      assert.equal(JSON.parse(chunk.toString()).verdict.score, answer === "42" ? 1 : 0);
    }
    child.stdin!.end('{"answer"');
    const { code, stderr } = await done;
    assert.equal(code, 2);
    assert.match(stderr, /^standard input:3: a line must be one JSON value/m);
  });

  test("ends at Ctrl-C while it waits for input, with what it has", { timeout: 110_000 }, async (t) => {
    const child = startScore(t, "--verifier", "numeric", "--input", "-", "--json");
    const done = finish(child);
    child.stdin!.write(jsonLines([{ answer: "42", reference }]));
    await once(child.stdout!, "data");
    child.kill("SIGINT");
    const { code, stderr } = await done;
    assert.equal(code, 130);
    assert.match(stderr, /^1 rows: 1 scored, 0 unscorable, mean score 1$/m);
    assert.doesNotMatch(stderr, /\n {4}at /);
    assert.deepEqual(childProcesses(child.pid), []);
  });

  test("ends quietly when its reader has seen enough", { timeout: 110_000 }, async (t) => {
    const child = startScore(
      t,
      "--verifier",
      "numeric",
      "--input",
      write("long.jsonl", jsonLines(Array(500).fill({ answer: "42", reference }))),
    );
    child.stdout!.once("data", () => child.stdout!.destroy());
    let stderr = "";
    child.stderr!.on("data", (text) => {
      stderr += text;
    });
    const [code] = await once(child, "exit");
    assert.deepEqual([code, stderr.replace(/^\d+ rows.*\n/m, "")], [0, ""]);
  });

  test("refuses what cannot be read, and says which verifier was meant", async () => {
    mkdirSync(join(folder, "rows"), { recursive: true });
    write("two.ts", "export const a = { id: 'a', verify() {} }; export const b = { id: 'b', verify() {} };");
    const input = write("one.jsonl", jsonLines([{ answer: "42", reference }]));
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["--verifier", "numeric", "--input", "no.jsonl"], /^no\.jsonl: no such file/],
      [["--verifier", "numeric", "--input", "rows"], /^rows: must be a file, got a folder/],
      [["--verifier", "numerci", "--input", input], /^verifier "numerci": not in the table; did you mean "numeric"; known: /],
      [["--verifier", "./no.ts", "--input", input], /^verifier "\.\/no\.ts": no such file/],
      [["--verifier", "./rows", "--input", input], /^verifier "\.\/rows": must be a file, got a folder/],
      [["--verifier", "two.ts", "--input", input], /must export exactly one verifier, got a, b/],
      [["--verifier", "numeric", "--input", write("empty.jsonl", "")], /^empty\.jsonl: must hold at least one row, got none; /],
      [["--verifier", "numeric", "--input", write("blank.jsonl", "\n \n")], /^blank\.jsonl: must hold at least one row, got none; /],
      [["--verifier", "numeric", "--input", write("text.jsonl", "42, forty-two\n")], /^text\.jsonl:1: a line must be one JSON value/m],
    ];
    for (const [args, expected] of refused) {
      const { code, stdout, stderr } = await whetstone(folder, "score", ...args);
      assert.match(stderr, expected);
      assert.deepEqual([code, stdout], [2, ""], stderr);
    }
  });
});
