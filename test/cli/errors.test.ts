// What a user reads after a mistake: one clear message on standard error, exit code 2, nothing started.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { bin, whetstone, workFolder, writeTinyRecipe } from "./whetstone.ts";

const folder = workFolder();
const recipe = writeTinyRecipe(folder);
after(() => rmSync(folder, { recursive: true, force: true }));

/** The tiny recipe with one piece of its text replaced. */
function changed(from: string, to: string): string {
  const text = readFileSync(join(folder, recipe), "utf8");
  assert.ok(text.includes(from));
  writeFileSync(join(folder, "changed.ts"), text.replace(from, to));
  return "changed.ts";
}

const sum = { family: "own", messages: [{ role: "user", content: "three plus five?" }], verifier: "numeric" };

async function refuses(args: readonly string[], expected: RegExp): Promise<void> {
  const { code, stderr, stdout } = await whetstone(folder, ...args);
  assert.match(stderr, expected);
  assert.doesNotMatch(stderr, /\n {4}at /, "a stack trace is no message");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.ok(!existsSync(join(folder, "runs")), "nothing may have been started");
}

describe("a recipe that is wrong", () => {
  test("a misspelt key", () =>
    refuses(["train", changed("steps: 6", "stpes: 6")], /^changed\.ts: unknown key "rl\.stpes"; did you mean "rl\.steps"$/m));
  test("a misspelt --set", () =>
    refuses(["train", recipe, "--set", "rl.stpes=1"], /^--set: unknown key "rl\.stpes"; did you mean "rl\.steps"$/m));
  for (const [what, sets, expected] of [
    [
      "another kind of model",
      ["model.kind=checkpoint", "model.path=ckA"],
      'model.architecture"; it belongs to kind "new", but model.kind is "checkpoint"',
    ],
    [
      "another kind of source",
      ["data.training.kind=file", "data.training.path=x"],
      'data.training.families"; it belongs to kind "families", but data.training.kind is "file"',
    ],
    [
      "another kind, given with --set",
      ["data.training.rows=all"],
      'data.training.rows"; it belongs to kind "file", but data.training.kind is "families"',
    ],
    [
      "another family",
      ["data.training.families.0.family=products"],
      'data.training.families.0.settings.maxTerms"; it belongs to family "arithmetic-chain", but data.training.families.0.family is "products"',
    ],
  ] as const)
    test(`a key of ${what}`, () =>
      refuses(
        ["train", recipe, "--dry-run", ...sets.flatMap((set) => ["--set", set])],
        new RegExp(`unknown key "${expected.replaceAll(".", "\\.")}; leave it out or change .*$`, "m"),
      ));
  test("a value out of range", () =>
    refuses(["train", recipe, "--set", "rl.steps=0"], /^tiny\.ts: rl\.steps must be greater than 0, got 0$/m));
  for (const [key, value, most] of [
    ["model.architecture.width", 10_000_000, 65_536],
    ["engine.maxSequences", 1_000_000_000, 65_536],
    ["eval.finalTasks", 1_000_000_000, 100_000],
  ] as const)
    test(`${key} beyond any machine`, () =>
      refuses(
        ["train", recipe, "--dry-run", "--set", `${key}=${value}`],
        new RegExp(`^tiny\\.ts: ${key} must be at most ${most}, got ${value}$`, "m"),
      ));
  for (const key of ["__proto__", "constructor"])
    test(`a --set of what every object has: ${key}`, () =>
      refuses(["train", recipe, "--dry-run", "--set", `rl.${key}=1`], new RegExp(`^--set: unknown key "rl\\.${key}"`)));
  test("an unknown verifier", () =>
    refuses(
      ["train", changed("numeric", "numerik")],
      /^changed\.ts: rewards\.verifiers\.0\.use: verifier "numerik": not in the table; did you mean "numeric"; known: .*numeric/,
    ));
  test("a verifier file that is not there", () =>
    refuses(["train", changed('"numeric"', '"./mine.ts"')], /verifier "\.\/mine\.ts": no such file/));
  test("a recipe that does not parse, by line and column", () =>
    refuses(["train", changed("sft: {", "sft: = {")], /^changed\.ts: could not be loaded: SyntaxError: .* at \/.*\/changed\.ts:8:8$/m));
  test("a recipe that throws, by line and column", () =>
    refuses(["train", changed("sft: {", "sft: missing, x: {")], /ReferenceError: missing is not defined at \/.*\/changed\.ts:8:8$/m));
  test("a verifier file that throws, by line and column", () => {
    writeFileSync(join(folder, "throws.ts"), "const a: number = 1;\nexport default missing;\n");
    return refuses(
      ["train", changed('"numeric"', '"./throws.ts"')],
      /could not be imported: missing is not defined at \/.*\/throws\.ts:2:16/,
    );
  });
  test("no file", () => refuses(["train", "nowhere.ts"], /^nowhere\.ts: no such file; /));

  test("a task file with a broken line, by file and line", () => {
    writeFileSync(join(folder, "tasks.jsonl"), '{"question": "1+1", "answer": "2"}\n{"question": \n');
    const source = 'training: { kind: "file" as const, path: "tasks.jsonl", columns: { verifier: "numeric" } }';
    return refuses(["train", changed("training: sums", source)], /tasks\.jsonl:2: /);
  });

  test("a reference that its verifier does not take, by file and task, in training and in evaluation", async () => {
    const rows = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ id: `sum-${n}`, ...sum, reference: n === 7 ? { answr: "8" } : { answer: "8" } }));
    writeFileSync(join(folder, "typo.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const said =
      /^typo\.jsonl: the reference of task "sum-7" must be one that its verifier "numeric" takes, got \{"answr":"8"\} \(.*\); correct the row$/m;
    for (const side of ["training", "evaluation"]) {
      const source = `${side}: { kind: "file" as const, path: "typo.jsonl" }`;
      await refuses(["train", changed(`${side}: sums`, source)], said);
      await refuses(["train", changed(`${side}: sums`, source), "--dry-run"], said);
    }
  });

  test("a task file that cannot fill a batch", () => {
    writeFileSync(join(folder, "tasks.jsonl"), '{"question": "1+1", "answer": "2"}\n');
    const source = 'training: { kind: "file" as const, path: "tasks.jsonl", columns: { verifier: "numeric" } }';
    return refuses(
      ["train", changed("training: sums", source)],
      /tasks\.jsonl: must hold at least one batch, got 1 rows for a batch of 4; /,
    );
  });

  test("a checkpoint that is not there", () => {
    const text = readFileSync(join(folder, recipe), "utf8").replace(/model: .*\n/, 'model: { kind: "checkpoint", path: "nowhere" },\n');
    writeFileSync(join(folder, "changed.ts"), text);
    return refuses(["train", "changed.ts"], /checkpoint ".*nowhere": no such folder/);
  });

  test("a verifier that no task's verifier is", () =>
    refuses(["train", changed("numeric", "exact")], /must hold the verifier of every task, got none for "numeric"/));
  test("a term of an unknown verifier", () => {
    const terms = 'numWorkers: 1, terms: [{ verifier: "form", weight: 1 }]';
    return refuses(["train", changed("numWorkers: 1", terms)], /rewards\.terms: a term must name one of the verifiers, got "form"/);
  });
  test("a radar that watches with the tasks' own verifier what that one pays for, or with one that does not run", async () => {
    const watchedBy = (id: string): string => changed("rl: {", `rl: { radar: { verifier: "${id}" },`);
    await refuses(
      ["train", watchedBy("numeric")],
      /rl\.radar\.verifier: must not be one that the reward is made of, got "numeric", which is their own verifier, for tasks of family/,
    );
    const paid = changed("rl: {", 'rl: { radar: { verifier: "task" },');
    await refuses(
      ["train", paid, "--set", 'rewards.terms=[{"verifier":"numeric","weight":1}]'],
      /rl\.radar\.verifier: must not be one that the reward is made of, got "task", which is "numeric" for tasks of family/,
    );
    await refuses(["train", watchedBy("math")], /rl\.radar\.verifier: must be one of rewards\.verifiers, got "math"; known: task, numeric/);
  });
  test("an alphabet without the characters of the tasks", () => {
    const tokenizer = 'kind: "new", tokenizer: { kind: "character", alphabet: "abc" }';
    return refuses(["train", changed('kind: "new"', tokenizer)], /character/);
  });

  test("--dry-run refuses the same", () =>
    refuses(["train", changed("numeric", "numerik"), "--dry-run"], /verifier "numerik": not in the table/));
});

describe("a command that is wrong", () => {
  test("an unknown command", () => refuses(["trian"], /unknown command 'trian'\n\(Did you mean train\?\)/));
  test("an unknown option", () => refuses(["runs", "ls", "--jsno"], /unknown option '--jsno'\n\(Did you mean --json\?\)/));
  test("a missing argument", () => refuses(["train"], /missing required argument 'recipe'/));
  test("an option that is no number", () =>
    refuses(
      ["runs", "rollouts", "x", "--limit", "many"],
      /^--limit: must be a whole number, got "many"\n\(--help lists what there is\)$/m,
    ));
  test("no workers", () =>
    refuses(["score", "--verifier", "numeric", "--input", "-", "--workers", "0"], /^--workers: must be at least 1, got "0"$/m));
  test("an option that is none of its choices", () =>
    refuses(
      ["score", "--verifier", "numeric", "--input", "-", "--sandbox", "it's"],
      /^--sandbox: must be one of jail, weak, got "it's"$/m,
    ));
  test("a misspelt option", () =>
    refuses(
      ["score", "--verifier", "numeric", "--input", "-", "--worker", "1"],
      /^error: unknown option '--worker'\n\(Did you mean --workers\?\)$/m,
    ));
  test("an option out of range", () => refuses(["sample", "x", "--top-p", "2"], /^--top-p: must be above 0 and at most 1, got "2"$/m));
  test("a token id beyond 32 bits", () =>
    refuses(
      ["sample", "x", "--prompt-tokens", "1,4294967297"],
      /^--prompt-tokens: must be token ids of at most 2147483647, got "4294967297"$/m,
    ));
  test("a prompt in words and in tokens", () =>
    refuses(
      ["sample", "x", "--prompt", "1+1", "--prompt-tokens", "1"],
      /^sample: --prompt and --prompt-tokens must not be given together/m,
    ));
  for (const option of ["--verifier", "--column"])
    test(`eval with ${option} and no --input`, () =>
      refuses(["eval", ".", option, "question=prompt"], new RegExp(`^eval: ${option} needs --input, got none; `)));
  for (const option of ["--recipe", "--set"])
    test(`eval with ${option} beside --input`, () =>
      refuses(
        ["eval", ".", "--input", "x.jsonl", "--verifier", "numeric", option, "seed=1"],
        new RegExp(`^eval: --input and ${option} must not`),
      ));
  test("no store", () => refuses(["runs", "show", "x"], /run store "runs": must hold whetstone\.sqlite/));
  test("a file in place of the folder of runs", () =>
    refuses(["runs", "ls", "--runs", recipe], /^run store "tiny\.ts": must be a folder, got a file; /));
  test("a score file that is not there", () =>
    refuses(["score", "--verifier", "numeric", "--input", "no.jsonl"], /^no\.jsonl: no such file/));

  test("an unknown run, with the one that was meant", async () => {
    mkdirSync(join(folder, "other"));
    const made = await whetstone(folder, "train", recipe, "--set", "rl.steps=1", "--set", "sft.steps=1", "--runs", "other");
    assert.equal(made.code, 0, made.stderr);
    await refuses(["runs", "show", "tiny-l", "--runs", "other"], /^run "tiny-l": not in "other", .*; did you mean "tiny-1"$/m);
  });
});

test("an older Node is told what is needed", () => {
  const pretend = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.11.1'}})";
  const { status, stderr } = spawnSync(process.execPath, ["--import", pretend, bin, "--help"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /^whetstone: needs Node 24 or newer, got 20\.11\.1 /);
});
