// How programs are verified: whether every reference solution of HumanEval and MBPP passes its own tests, which mutants of them do,
// and how fast, beside bare bubblewrap with the same arguments and runtime, whose rate is the floor. Rounds take turns, so that a machine
// that becomes slower speaks against neither.

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { findBubblewrap, jailArguments, jailedDriver, systemBinds } from "../../sandbox/bubblewrap.ts";
import { defaultLimits, type Evaluator, openSandbox, type Sandbox } from "../../sandbox/client.ts";
import { findNode, findPython, type Runtime } from "../../sandbox/runtimes.ts";
import { seccompFilter } from "../../sandbox/seccomp.ts";
import { slotUserId } from "../../sandbox/uids.ts";
import { rngFor } from "../../src/base/rng.ts";
import { median } from "../../src/base/statistics.ts";
import { codeTests } from "../../src/rewards/verifiable/codeTests.ts";
import { type Mutant, mutantOf } from "./mutants.ts";

/** Programs at the same time. */
const concurrency = 2;
/** Interpreters that the sandbox has waiting beside them. The floor has as many processes as both: on a busy machine that is a larger share. */
const numWaiting = 2;
const rounds = 5;
const programsPerRound = 100;
const deadlineMs = 20_000;

/** What the bench reports of programs. */
interface CodeNumbers {
  /** Verdicts a second over the reference solutions, all of them correct. */
  readonly codePerSecond: number;
  /** Median over rounds and languages of our rate for a trivial program in shares of bare bubblewrap's. */
  readonly codeShareOfFloor: number;
  /** Of a trivial program at low load, the slower of Python and JavaScript. */
  readonly codeP50Ms: number;
  readonly isolatesPerSecond: number;
  /** How many times the rate of fresh Node processes that is. */
  readonly isolatesOverProcesses: number;
  readonly codeReferences: number;
  readonly codeReferencesFailed: readonly string[];
  readonly codeMutants: number;
  readonly codeSurvivors: readonly string[];
}

/** Undefined where the data sets are absent. */
export async function measureCode(dataDir: string): Promise<CodeNumbers | undefined> {
  if (!["humaneval.jsonl", "mbpp.jsonl"].every((name) => existsSync(join(dataDir, name)))) return undefined;
  const tasks = [...humanEval(dataDir), ...mbpp(dataDir)];
  await using sandbox = await openSandbox({ concurrency, warm: numWaiting });
  const p50s = [await lowLoadMs(sandbox, "python"), await lowLoadMs(sandbox, "javascript")];
  const shares = [...(await sharesOfFloor(sandbox, "python")), ...(await sharesOfFloor(sandbox, "javascript"))];
  const { isolatesPerSecond, processesPerSecond } = await isolateRates(sandbox);
  const references = await verdicts(sandbox, tasks);
  const mutants = tasks.flatMap((task, i) => withMutant(task, i));
  const { passed } = await verdicts(sandbox, mutants);
  return {
    codePerSecond: references.perSecond,
    codeShareOfFloor: median(shares),
    codeP50Ms: Math.max(...p50s),
    isolatesPerSecond,
    isolatesOverProcesses: isolatesPerSecond / processesPerSecond,
    codeReferences: tasks.length,
    codeReferencesFailed: tasks.filter(({ id }) => !references.passed.has(id)).map(({ id }) => id),
    codeMutants: mutants.length,
    codeSurvivors: await Promise.all(mutants.filter(({ id }) => passed.has(id)).map((mutant) => explain(sandbox, mutant))),
  };
}

/** Why a mutant passes: whether its tests pass as well when they run beside it in one process, as their authors meant them to. */
async function explain(sandbox: Sandbox, { id, answer, tests, mutant }: CodeTask & { readonly mutant: Mutant }): Promise<string> {
  const { end } = await sandbox.run({ language: "python", files: { "main.py": `${answer}\n${tests}\n` }, entry: "main.py" });
  const reason =
    end.kind === "exit" && end.code === 0
      ? "its tests do not tell it from the original"
      : "its tests fail beside it: the verifier is wrong";
  return `${id}: ${mutant.what}; ${reason}`;
}

interface CodeTask {
  readonly id: string;
  readonly reference: unknown;
  readonly answer: string;
  /** As code that follows the program. */
  readonly tests: string;
}

function humanEval(dataDir: string): CodeTask[] {
  return rows(join(dataDir, "humaneval.jsonl")).map((row) => ({
    id: row["task_id"]!,
    reference: { language: "python", tests: { kind: "asserts", code: row["test"] }, entryPoint: row["entry_point"] },
    answer: `${row["prompt"]}${row["canonical_solution"]}`,
    tests: `${row["test"]}\ncheck(${row["entry_point"]})`,
  }));
}

function mbpp(dataDir: string): CodeTask[] {
  return rows(join(dataDir, "mbpp.jsonl")).map((row) => {
    const code = [row["test_setup_code"], ...row["test_list"]!].filter(Boolean);
    const reference = { language: "python", tests: { kind: "asserts", code } };
    return { id: `MBPP/${row["task_id"]}`, reference, answer: row["code"]!, tests: code.join("\n") };
  });
}

function rows(file: string): Readonly<Record<string, string>>[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function withMutant(task: CodeTask, index: number): (CodeTask & { readonly mutant: Mutant })[] {
  // The statement of a HumanEval task holds examples, which are no code.
  const start = task.answer.lastIndexOf('"""') + 1;
  const mutant = mutantOf(task.answer, { from: start, kind: index });
  return mutant === undefined ? [] : [{ ...task, answer: mutant.text, mutant }];
}

async function verdicts(
  sandbox: Sandbox,
  tasks: readonly CodeTask[],
): Promise<{ readonly passed: ReadonlySet<string>; readonly perSecond: number }> {
  const passed = new Set<string>();
  const context = { signal: new AbortController().signal, rng: rngFor("bench"), deadlineMs, sandbox: async () => sandbox };
  const perSecond = await rate(tasks, async ({ id, reference, answer }) => {
    const task = { id, family: "bench", messages: [], verifier: codeTests.id, reference: null };
    const verdict = await codeTests.verify({ task, reference: codeTests.reference.parse(reference), answer, thinking: "" }, context);
    if (verdict.kind === "scored" && verdict.score === 1) passed.add(id);
  });
  return { passed, perSecond };
}

const trivial = { python: { entry: "main.py", text: "print(1)" }, javascript: { entry: "main.js", text: "console.log(1)" } } as const;
type TrivialLanguage = keyof typeof trivial;

async function runTrivial(sandbox: Sandbox, language: TrivialLanguage): Promise<void> {
  const { entry, text } = trivial[language];
  const { end, stdout } = await sandbox.run({ language, files: { [entry]: text }, entry });
  if (end.kind !== "exit" || stdout.text !== "1\n") throw new Error(`the trivial program failed: ${JSON.stringify(end)}`);
}

/** With a pause before each, as a program comes at low load. */
async function lowLoadMs(sandbox: Sandbox, language: TrivialLanguage): Promise<number> {
  const timesMs: number[] = [];
  for (let i = 0; i < 40; i++) {
    await setTimeout(150);
    const startMs = performance.now();
    await runTrivial(sandbox, language);
    timesMs.push(performance.now() - startMs);
  }
  return median(timesMs.slice(1)); // nothing waited for the first
}

async function sharesOfFloor(sandbox: Sandbox, language: TrivialLanguage): Promise<number[]> {
  using bare = new BareJail(language);
  const work = Array.from({ length: programsPerRound }, (_, i) => i);
  const shares: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const floor = await rate(work, () => bare.run(), concurrency + numWaiting);
    shares.push((await rate(work, () => runTrivial(sandbox, language))) / floor);
  }
  return shares;
}

/** bubblewrap with the sandbox's arguments and nothing around it: no warm interpreters, no limits, no groups, nothing counted. */
class BareJail implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "whetstone-bench-"));
  readonly #runtime: Runtime;
  readonly #bubblewrap = findBubblewrap();
  readonly #system = systemBinds();

  constructor(language: TrivialLanguage) {
    this.#runtime = language === "python" ? findPython() : findNode({ readableByAll: true });
    writeFileSync(join(this.#folder, "filter"), seccompFilter(process.arch === "x64" ? "x64" : "arm64"));
    writeFileSync(join(this.#folder, "program"), trivial[language].text);
  }

  run(): Promise<void> {
    const { executable, jailedExecutable, flags, name } = this.#runtime;
    const files = ["filter", "program"].map((file) => openSync(join(this.#folder, file), "r"));
    const bound = name === "python" ? {} : { executable: { outside: executable, inside: jailedExecutable } };
    const walls = jailArguments({ filterFd: 3, driverFd: 4, ...bound, fileBytes: defaultLimits.fileMiB * 2 ** 20 }, this.#system);
    const userId = slotUserId(0);
    const child = spawn(this.#bubblewrap, [...walls, jailedExecutable, ...flags(defaultLimits.memoryMiB), jailedDriver], {
      env: {},
      stdio: ["ignore", "pipe", "ignore", ...files],
      ...(userId === undefined ? {} : { uid: userId, gid: userId }),
    });
    for (const file of files) closeSync(file);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stdout!.resume();
    child.on("error", reject).on("close", (code) => (code === 0 ? resolve() : reject(new Error(`bare bubblewrap ended with ${code}`))));
    return promise;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

async function isolateRates(sandbox: Evaluator): Promise<{ readonly isolatesPerSecond: number; readonly processesPerSecond: number }> {
  const source = "function f(a) { return a + 1; }";
  const many = Array.from({ length: 600 }, (_, i) => i);
  const evaluate = (i: number) => sandbox.evaluate({ source, call: "f", args: [i] });
  const fresh = (i: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const child = spawn(process.execPath, ["-e", `${source}; console.log(f(${i}))`], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout!.resume();
    child.on("close", () => resolve());
    return promise;
  };
  await rate(many.slice(0, 10), evaluate);
  const [isolates, processes]: [number[], number[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    isolates.push(await rate(many, evaluate));
    processes.push(await rate(many.slice(0, 40), fresh));
  }
  return { isolatesPerSecond: median(isolates), processesPerSecond: median(processes) };
}

/** Of `work` on all items, so many at a time, a second. */
async function rate<T>(items: readonly T[], work: (item: T) => Promise<unknown>, atOnce = concurrency): Promise<number> {
  const left = [...items];
  const startMs = performance.now();
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (items.length / (performance.now() - startMs)) * 1000;
}
