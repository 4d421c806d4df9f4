// `whetstone verifier` as a process: new, test and audit, with honest authors, mistaken ones and those who want to be paid.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { answerLaws } from "../../src/rewards/probes.ts";
import { finish, start, whetstone, workFolder } from "./whetstone.ts";

const folder = workFolder();
after(() => rmSync(folder, { recursive: true, force: true }));
const run = (...args: readonly string[]) => whetstone(folder, ...args);

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const plainCases = '[{ reference: { answer: "yes" }, accepted: ["yes"], rejected: ["no"] }]';

/** A verifier whose `verify` has this body; `right` is whether the answer is the reference's. */
function author(name: string, { body, cases = plainCases, head = "" }: { body: string; cases?: string; head?: string }): string {
  return write(
    name,
    `import { defineVerifier } from "whetstone";
import { z } from "zod";
${head}
const scored = (score: number, evidence = "looked at") => ({ kind: "scored" as const, score, evidence });
export default defineVerifier({
  id: "${name.replace(".ts", "")}", version: 1, checks: "correctness",
  reference: z.strictObject({ answer: z.string().min(1) }),
  cases: ${cases},
  async verify({ reference, answer }) {
    const right = answer.trim() === reference.answer;
    ${body}
  },
});
`,
  );
}

/** Most of a trial is waiting for processes to start, so that two at a time take little longer than one. */
const concurrency = 2;

/** `node --test FILE` in this folder, with nothing of this process's environment. */
const nodeTest = (cwd: string, file: string) =>
  finish(spawn(process.execPath, ["--test", file], { cwd, stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] } }));

function hasChildren(pid: number): boolean {
  return execFileSync("ps", ["-A", "-o", "ppid="], { encoding: "utf8" }).split(/\s+/).includes(String(pid));
}

interface Law {
  readonly law: string;
  readonly breaches: readonly { readonly got: { readonly reason?: string } }[];
}

/** The laws that are broken, by name. */
async function broken(file: string, ...args: readonly string[]): Promise<Map<string, Law>> {
  const { code, stdout, stderr } = await run("verifier", "test", file, "--json", ...args);
  assert.ok(code === 0 || code === 1, stderr);
  const { laws, holds } = JSON.parse(stdout) as { laws: Law[]; holds: boolean };
  const found = new Map(laws.filter(({ breaches }) => breaches.length > 0).map((law) => [law.law, law]));
  assert.deepEqual([code, holds], found.size === 0 ? [0, true] : [1, false]);
  return found;
}

const reasonsOf = (law: Law | undefined) => (law?.breaches ?? []).map(({ got }) => got.reason ?? "").join("\n");

async function refuses(args: readonly string[], expected: RegExp): Promise<void> {
  const { code, stdout, stderr } = await run("verifier", ...args);
  assert.match(stderr, expected);
  assert.doesNotMatch(stderr, /\n {4}at /, "a stack trace is no message");
  assert.deepEqual([code, stdout], [2, ""]);
}

describe("whetstone verifier new", { concurrency }, () => {
  test("writes a pair that passes as it is, with the command and with node --test, from any folder", { timeout: 110_000 }, async () => {
    const made = await run("verifier", "new", "first-word", "--folder", "mine");
    assert.equal(made.code, 0, made.stderr);
    const tested = await run("verifier", "test", "mine/first-word.ts");
    assert.equal(tested.code, 0, tested.stdout + tested.stderr);
    assert.match(tested.stdout, /^verifier first-word, version 1, checks correctness, 2 cases$/m);
    assert.match(tested.stdout, /^all laws hold$/m);
    const file = join(folder, "mine/first-word.test.ts");
    for (const { code, stdout, stderr } of await Promise.all([folder, join(folder, "mine"), "/"].map((cwd) => nodeTest(cwd, file)))) {
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /never pays for noise/);
    }
  });

  test("writes a test that fails when a law is broken", { timeout: 110_000 }, async () => {
    await run("verifier", "new", "generous");
    const file = join(folder, "generous.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("plain(answer) === plain(reference.answer)", "true"));
    const { code, stdout } = await nodeTest(folder, "generous.test.ts");
    assert.equal(code, 1);
    assert.match(stdout, /verdicts break this law, such as: \{"reference":\{"answer":"Paris"\},"answer":"Lyon"\}: expected score 0/);
  });

  test("overwrites nothing, and refuses names that are no ids", async () => {
    write("taken.test.ts", "mine");
    await refuses(["new", "taken"], /^verifier new: "taken\.test\.ts" must not be there yet; /);
    assert.equal(readFileSync(join(folder, "taken.test.ts"), "utf8"), "mine");
    await refuses(["test", "taken.ts"], /no such file/);
    await refuses(["new", "../up"], /^verifier new: a name must be lower-case letters, digits and dashes, got "\.\.\/up"/);
    await refuses(["new", "numeric"], /^verifier new: a name must be its own, got "numeric"/);
    await refuses(["new", "task"], /^verifier new: a name must be its own, got "task"/);
  });
});

describe("whetstone verifier test", { concurrency }, () => {
  test("tells a person which law is broken, by which answer, and what was expected", { timeout: 110_000 }, async () => {
    author("blank.ts", { body: 'return scored(right || answer === "" ? 1 : 0);' });
    const { code, stdout } = await run("verifier", "test", "blank.ts");
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^ {2}BROKEN {2}never pays for an empty answer \(\d of \d\)\n {10}answer "", reference \{"answer":"yes"\}\n {12}expected score 0\n {12}got {6}1, looked at$/m,
    );
    assert.match(stdout, /^2 of 14 laws are broken$/m);
  });

  const payers: readonly (readonly [string, string, string])[] = [
    ["noise", "answer.includes('NaN')", answerLaws.noise],
    ["copied", "answer.includes('Answer the question')", answerLaws.taskText],
    ["told", "/ignore the task/.test(answer)", answerLaws.instruction],
    ["wordy", "answer.length > 100_000", answerLaws.noise],
  ];
  for (const [name, condition, law] of payers) {
    test(`finds a verifier that pays for what it should not: ${name}`, { timeout: 110_000 }, async () => {
      const found = await broken(author(`${name}.ts`, { body: `return scored(right || ${condition} ? 1 : 0);` }));
      assert.deepEqual([...found.keys()], [law]);
    });
  }

  test("knows 1 as an answer where it is right", { timeout: 110_000 }, async () => {
    const cases = '[{ reference: { answer: "1" }, accepted: ["1", "it is 1"], rejected: ["2"] }]';
    const body = 'return scored(answer.trim().split(" ").at(-1) === reference.answer ? 1 : 0);';
    assert.deepEqual([...(await broken(author("last-word.ts", { body, cases }))).keys()], []);
  });

  test("finds what says another thing when asked again, or after other answers", { timeout: 110_000 }, async () => {
    const counting = await broken(
      author("counting.ts", { head: "let calls = 0;", body: "return scored(right ? 1 : 0, 'call ' + calls++);" }),
    );
    assert.ok(counting.has("says the same when asked again"));
    const drawing = await broken(author("drawing.ts", { body: "return scored(right ? 1 : Math.random() * 1e-9);" }));
    assert.ok(drawing.has("says the same when asked again") && drawing.has("says the same in any order and at any concurrency"));
    const born = await broken(
      author("born.ts", { head: "const born = process.hrtime.bigint();", body: "return scored(right ? 1 : 0, 'since ' + born);" }),
    );
    assert.ok(born.has("says the same in any order and at any concurrency"));
  });

  test("reports a verifier that hangs, and asks it no more than it must", { timeout: 110_000 }, async () => {
    const found = await broken(
      author("hanging.ts", { body: 'if (answer.startsWith("[")) for (;;); return scored(right ? 1 : 0);' }),
      "--deadline-ms",
      "200",
    );
    assert.deepEqual([...found.keys()], ["answers within its deadline"]);
    assert.match(reasonsOf(found.get("answers within its deadline")), /no verdict within 200 ms; the worker was killed/);
    const always = await broken(author("stuck.ts", { body: "for (;;);" }), "--deadline-ms", "200");
    assert.equal(always.get("answers within its deadline")!.breaches.length, 3);
  });

  test("reports a verifier that crashes or throws", { timeout: 110_000 }, async () => {
    const law = "says something about every answer, with a finite score in 0..1";
    const crashing = await broken(author("crashing.ts", { body: 'if (answer === "NaN") process.exit(7); return scored(right ? 1 : 0);' }));
    assert.match(reasonsOf(crashing.get(law)), /the worker ended while checking: exit code 7/);
    const throwing = await broken(
      author("throwing.ts", { body: 'if (answer === "null") throw new Error("no null"); return scored(right ? 1 : 0);' }),
    );
    assert.match(reasonsOf(throwing.get(law)), /the verifier threw Error: no null/);
    const high = await broken(author("high.ts", { body: "return scored(right ? 2 : 0);" }));
    assert.match(reasonsOf(high.get(law)), /score must be at most 1, got 2|the verifier returned no verdict: score/);
  });

  test("runs programs of answers in what --sandbox names, and warns where that is no boundary", { timeout: 110_000 }, async () => {
    const file = author("contained.ts", { body: "return scored(right ? 1 : 0, (await context.sandbox()).containment);" });
    write("contained.ts", readFileSync(join(folder, file), "utf8").replace("{ reference, answer })", "{ reference, answer }, context)"));
    write("asked.jsonl", '{"answer":"yes","reference":{"answer":"yes"}}\n');
    const lenient = author("lenient.ts", { body: "return scored(right ? 0 : 1);" });
    for (const [option, held] of [
      [[], "jail"],
      [["--sandbox", "weak"], "weak"],
    ] as const) {
      const warned = held === "weak" ? /^sandbox: weak containment, programs of the policy/ : /^$/;
      const tested = await run("verifier", "test", "contained.ts", ...option);
      assert.equal(tested.code, 0, tested.stdout);
      assert.match(tested.stderr, warned);
      const audited = await run("verifier", "audit", "contained.ts", lenient, "--input", "asked.jsonl", "--json", ...option);
      assert.match(audited.stderr, warned);
      assert.equal(JSON.parse(audited.stdout).differing[0].a.evidence, held);
    }
    await refuses(["test", "contained.ts", "--sandbox", "none"], /^--sandbox: must be one of jail, weak, got "none"$/m);
  });

  test("reports a verifier that leaves memory, timers or processes behind", { timeout: 110_000 }, async () => {
    const law = "leaves nothing behind";
    const leaks: readonly (readonly [string, { head?: string; body: string }, RegExp])[] = [
      [
        "memory.ts",
        { head: "const kept: string[][] = [];", body: "kept.push(new Array(20_000).fill(answer)); return scored(right ? 1 : 0);" },
        /no memory kept, got \d+ KiB/,
      ],
      [
        "timers.ts",
        { body: "setInterval(() => {}, 1e6); return scored(right ? 1 : 0);" },
        /no timers, files or sockets left open, got 100/,
      ],
      [
        "children.ts",
        {
          head: 'import { spawn } from "node:child_process";',
          body: 'if (right) spawn("sleep", ["60"], { stdio: "ignore" }).unref(); return scored(right ? 1 : 0);',
        },
        /no processes left running, got \d+/,
      ],
    ];
    for (const [name, parts, expected] of leaks) {
      const found = await broken(author(name, parts));
      assert.deepEqual([...found.keys()], [law], name);
      assert.match(JSON.stringify(found.get(law)!.breaches), expected);
    }
  });

  test("tries broken references: the author's, and those that nobody meant", { timeout: 110_000 }, async () => {
    const cases = '[{ reference: { answer: "5" }, accepted: ["5"], rejected: ["6"] }, { broken: { answer: "about five" } }]';
    const found = await broken(author("trusting.ts", { body: "return scored(right ? 1 : 0);", cases }));
    assert.deepEqual([...found.keys()], [answerLaws.reference]);
    const careless = write(
      "careless.ts",
      `export const cases = [{ reference: { answer: "yes" }, accepted: ["yes"] }];
export default { id: "careless", version: 1, checks: "correctness", reference: { parse: (value: unknown) => value },
  verify: ({ reference, answer }: any) => ({ kind: "scored", score: answer === reference.answer ? 1 : 0, evidence: "looked at" }) };`,
    );
    const { breaches } = (await broken(careless)).get(answerLaws.reference)!;
    assert.ok(breaches.some(({ got }) => /Cannot read properties of null/.test(got.reason ?? "")));
  });

  test("takes partial scores, thinking and exported cases, and lets form be paid for anything", { timeout: 110_000 }, async () => {
    const file = write(
      "share.ts",
      `export const cases = [{
  reference: null, accepted: [{ answer: "a", thinking: "t" }], rejected: [""],
  partial: [{ answer: "a", score: 0.5 }, { answer: "a", thinking: "b", score: 1 }],
}];
export const share = { id: "share", version: 2, checks: "form", reference: { parse: (value: unknown) => value },
  verify: ({ answer, thinking }: { answer: string; thinking: string }) => ({
    kind: "scored", score: (Number(answer !== "") + Number(thinking !== "")) / 2, evidence: "counted both parts" }) };`,
    );
    const { code, stdout } = await run("verifier", "test", file);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /holds {3}gives partial answers their score \(2\)/);
    assert.match(stdout, /- {7}never pays for noise: not tried, promises form only/);
    const wrong = write("wrong-share.ts", readFileSync(join(folder, file), "utf8").replace("score: 0.5", "score: 0.25"));
    assert.deepEqual([...(await broken(wrong)).keys()], ["gives partial answers their score"]);
  });

  test("refuses a file that cannot be used", { timeout: 110_000 }, async () => {
    mkdirSync(join(folder, "folder"), { recursive: true });
    const body = "return scored(right ? 1 : 0);";
    const refused: readonly (readonly [string, RegExp])[] = [
      ["no.ts", /^verifier "no\.ts": no such file/],
      ["./folder", /^verifier "\.\/folder": must be a file, got a folder/],
      ["numeri", /^verifier "numeri": not in the table; did you mean "numeric"/],
      [write("empty.ts", "export {};"), /must export a verifier, got nothing/],
      [
        write("two.ts", "export const a = { id: 'a', verify() {} }; export const b = { id: 'b', verify() {} };"),
        /exactly one verifier, got a, b/,
      ],
      [write("syntax.ts", "export default {"), /could not be imported: /],
      [author("none.ts", { body, cases: "undefined as never" }), /must have cases to be tested with, got none; add cases: /],
      [author("odd.ts", { body, cases: "{ reference: 1 } as never" }), /cases must be a list/],
      [
        author("typo.ts", { body, cases: '[{ reference: 1, acepted: ["a"] }] as never' }),
        /cases\[0\] must not have the key "acepted"; a case is /,
      ],
      [author("unanswered.ts", { body, cases: "[{ reference: 1 }]" }), /cases\[0\] must hold an answer/],
      [author("only-rejected.ts", { body, cases: '[{ reference: 1, rejected: [""] }]' }), /a case must hold an accepted answer, got none/],
      [author("both.ts", { body, head: "export const cases = [];" }), /cases must stand in one place/],
    ];
    await Promise.all(refused.map(([file, expected]) => refuses(["test", file], expected)));
  });

  test("stops at Ctrl-C", { timeout: 110_000 }, async () => {
    const child = start(folder, [
      "verifier",
      "test",
      author("slow.ts", { body: "await new Promise((r) => setTimeout(r, 150)); return scored(right ? 1 : 0);" }),
    ]);
    const done = finish(child);
    // It has set up its answer to a signal before it starts a worker.
    while (child.exitCode === null && !hasChildren(child.pid!)) await setTimeout(20);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await done;
    assert.deepEqual([code, stdout, stderr], [130, "", "stopping\n"]);
  });
});

describe("a verifier that runs programs", () => {
  /** The guide's words on the sandbox, as a verifier. */
  const file = () =>
    write(
      "prints.ts",
      `import { defineVerifier } from "whetstone";
import { z } from "zod";
export default defineVerifier({
  id: "prints", version: 1, checks: "correctness", runsPrograms: true,
  reference: z.strictObject({ text: z.string().min(1) }),
  cases: [{ reference: { text: "5" }, accepted: ["print(2 + 3)"], rejected: ["print(4)"] }, { broken: { text: "" } }],
  async verify({ reference, answer }, { sandbox, signal, deadlineMs }) {
    const jail = await sandbox();
    const limits = { wallMs: deadlineMs / 2 };
    const { end, stdout, containment } = await jail.run({ language: "python", files: { "main.py": answer }, entry: "main.py", limits }, signal);
    const right = end.kind === "exit" && end.code === 0 && stdout.text.trim() === reference.text;
    return { kind: "scored", score: right ? 1 : 0, evidence: \`ended with \${end.kind}, \${containment}\` };
  },
});
`,
    );

  test("obeys the laws: what the sandbox keeps waiting is not left behind", { timeout: 110_000 }, async () => {
    assert.deepEqual([...(await broken(file(), "--deadline-ms", "4000")).keys()], []);
  });

  test("can be audited in weak containment, which is said", { timeout: 110_000 }, async () => {
    const input = write("printed.jsonl", `${JSON.stringify({ reference: { text: "5" }, answer: "print(6)" })}\n`);
    const { stderr, stdout } = await run("verifier", "audit", file(), "exact", "--input", input, "--sandbox", "weak", "--json");
    assert.match(stderr, /^sandbox: weak containment/);
    const [row] = JSON.parse(stdout).differing;
    assert.equal(row.a.evidence, "ended with exit, weak");
  });
});

describe("whetstone verifier audit", { concurrency }, () => {
  const rows = [
    { id: "same", answer: "yes", reference: { answer: "yes" } },
    { answer: "Yes", reference: { answer: "yes" } },
    { response: "<think>hm</think>no", reference: { answer: "yes" } },
    { answer: "yes", reference: { answer: 5 } },
  ];
  const input = () => write("answers.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

  test("shows where two verifiers differ, also when both have the same id", { timeout: 110_000 }, async () => {
    author("strict.ts", { body: "return scored(right ? 1 : 0);" });
    mkdirSync(join(folder, "next"), { recursive: true });
    const next = readFileSync(join(folder, "strict.ts"), "utf8").replace("answer.trim()", "answer.trim().toLowerCase()");
    writeFileSync(join(folder, "next/strict.ts"), next.replace("version: 1", "version: 2"));
    const args = ["verifier", "audit", "strict.ts", "./next/strict.ts", "--input", input()];
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^A is strict \(version 1\), .*\nB is strict \(version 2\), /);
    assert.match(stdout, /^A wrong +1 +0 +1 +0$/m);
    assert.match(stdout, /^4 rows, 1 differ\n\nanswers\.jsonl:2: "Yes"\n {2}A 0, looked at\n {2}B 1, looked at$/m);
    const { table, differing, differ } = JSON.parse((await run(...args, "--json", "--limit", "0")).stdout);
    assert.deepEqual([differ, differing], [1, []]);
    assert.deepEqual([table.right.right, table.wrong.right, table.wrong.wrong, table.unscorable.unscorable], [1, 1, 1, 1]);
  });

  test("counts apart where only one can tell", { timeout: 110_000 }, async () => {
    const found = JSON.parse((await run("verifier", "audit", "exact", "numeric", "--input", input(), "--json")).stdout);
    // numeric cannot read "yes" as a reference; neither can read 5
    assert.deepEqual([found.table.right.unscorable, found.table.wrong.unscorable, found.table.unscorable.unscorable], [1, 2, 1]);
    assert.equal(found.differ, 3);
    assert.deepEqual(Object.keys(found.differing[0]), ["place", "id", "answer", "a", "b"]);
  });

  test("refuses what it cannot read", { timeout: 110_000 }, async () => {
    await refuses(["audit", "exact", "exct", "--input", input()], /^verifier "exct": not in the table; did you mean "exact"/);
    await refuses(["audit", "exact", "numeric", "--input", "no.jsonl"], /^no\.jsonl: no such file/);
    await refuses(["audit", "exact", "numeric", "--input", write("bad.jsonl", "{}\n")], /^bad\.jsonl:1: the row must have either/);
    await refuses(["audit", "exact"], /missing required argument 'b'|required option '--input/);
  });
});
