// The three ways a program is put to its tests: calls with literals whose values are compared here, standard input against standard
// output, and tests that run as code in a jail of their own. Each gives how many of how many passed and what the first failure was.

import type { Language, Program, RunResult, Sandbox } from "../../../../sandbox/client.ts";
import { systemClock } from "../../../base/clock.ts";
import { quoteExcerpt } from "../../excerpt.ts";
import { type ExpectedCall, meets } from "./asserts.ts";
import { literalText } from "./literalText.ts";
import { finding, nodeHarness, nodeHarnessFile } from "./nodeHarness.ts";
import { mayFail, nodeRunner, nodeRunnerFile } from "./nodeTests.ts";
import { pythonHarness, pythonHarnessFile, pythonProgramFile } from "./pythonHarness.ts";
import { pythonRunner, pythonRunnerFile, pythonTestsFile } from "./pythonTests.ts";
import { decodeValue, showValue, type Value } from "./values.ts";

/** What came of one group of tests. */
export type Outcome =
  | { readonly kind: "counted"; readonly passed: number; readonly total: number; readonly failure?: string }
  /** The tests themselves are broken. */
  | { readonly kind: "broken"; readonly why: string };

export interface Subject {
  readonly language: Language;
  readonly program: string;
  readonly timeMs: number;
  readonly memoryMiB: number;
  /** Stop at the first failure. */
  readonly all: boolean;
}

/** Of one line of a program: reading more takes this process longer than the deadline leaves. */
const maxLineChars = 1 << 20;

interface Context {
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
}

/** Calls the program's functions one by one, with arguments only; a program learns of a call when it is made. */
export async function runCalls(subject: Subject, calls: readonly ExpectedCall[], { sandbox, signal }: Context): Promise<Outcome> {
  const startMs = systemClock.elapsedMs();
  await using talk = await sandbox.converse(harnessed(subject), signal);
  const total = calls.length;
  const loaded = reply(await talk.receive());
  if (loaded.kind === "raised") return { kind: "counted", passed: 0, total, failure: `it raised ${loaded.what} before it could be called` };
  if (loaded.kind !== "loaded")
    return { kind: "counted", passed: 0, total, failure: await ending(talk.result, "before its functions could be called") };
  let passed = 0;
  let failure: string | undefined;
  for (const call of calls) {
    // Lines that it has sent ahead can outlast it.
    if (systemClock.elapsedMs() - startMs > subject.timeMs) {
      failure ??= "no time is left";
      break;
    }
    talk.send(callLine(call, subject.language));
    const line = await talk.receive();
    const answer = reply(line);
    const shown = `${quoteless(showCall(call, subject.language))}`;
    if (answer.kind === "value" && meets(answer.value, call.expectation)) passed++;
    else failure ??= `${shown}: ${expected(call, subject.language)}, ${given(answer, subject.language)}`;
    if (line === undefined) {
      failure = `${shown}: ${await ending(talk.result, "instead of answering")}`;
      break;
    }
    if (failure !== undefined && subject.all) break;
  }
  return { kind: "counted", passed, total, ...(failure === undefined ? {} : { failure }) };
}

/** One program for each case, in a jail of its own. */
export async function runCases(
  subject: Subject,
  cases: readonly { readonly stdin: string; readonly stdout: string }[],
  { sandbox, signal }: Context,
): Promise<Outcome> {
  let passed = 0;
  let failure: string | undefined;
  const startMs = systemClock.elapsedMs();
  for (const [i, { stdin, stdout }] of cases.entries()) {
    const left = Math.floor(subject.timeMs - (systemClock.elapsedMs() - startMs));
    const complaint =
      left < 1 ? "no time is left" : complaintAbout(await sandbox.run({ ...plain({ ...subject, timeMs: left }), stdin }, signal), stdout);
    if (complaint === undefined) passed++;
    else failure ??= `case ${i + 1} with input ${quoteExcerpt(stdin, 60)}: ${complaint}`;
    if (failure !== undefined && subject.all) break;
  }
  return { kind: "counted", passed, total: cases.length, ...(failure === undefined ? {} : { failure }) };
}

/** Tests as code: they and their expected values in one jail, the program in another, and this process between them. */
export async function runTestCode(subject: Subject, { code, entryPoint }: TestCode, { sandbox, signal }: Context): Promise<Outcome> {
  if (subject.language !== "python" && !code.every(mayFail)) return { kind: "broken", why: "they assert nothing" };
  const startMs = systemClock.elapsedMs();
  await using program = await sandbox.converse(harnessed(subject), signal);
  const loaded = reply(await program.receive());
  if (loaded.kind === "raised") return { kind: "counted", passed: 0, total: 1, failure: `it raised ${loaded.what} before its tests` };
  if (loaded.kind !== "loaded") return { kind: "counted", passed: 0, total: 1, failure: await ending(program.result, "before its tests") };
  if (subject.language === "python") program.send("keep");
  const leftMs = Math.max(1, Math.floor(subject.timeMs - (systemClock.elapsedMs() - startMs)));
  const limits = { wallMs: leftMs + testsExtraMs };
  await using tests = await sandbox.converseBeside({ ...testRunner(subject.language, { code, entryPoint }), limits }, signal);
  for (;;) {
    const line = await tests.receive();
    if (line === undefined) return testsEnded(await tests.result);
    const said = parseLine(line);
    if (said?.[0] === "result") return counted(said);
    if (said?.[0] === "broken") return { kind: "broken", why: String(said[1]) };
    program.send(line);
    const answer = await program.receive();
    if (answer === undefined) return { kind: "counted", passed: 0, total: 1, failure: await ending(program.result, "while its tests ran") };
    tests.send(answer);
  }
}

interface TestCode {
  readonly code: readonly string[];
  readonly entryPoint: string | undefined;
}

function testRunner(language: Language, { code, entryPoint }: TestCode): Program {
  if (language === "python") {
    const files = { [pythonRunnerFile]: pythonRunner, [pythonTestsFile]: code.join("\n") };
    return { language, files, entry: pythonRunnerFile, args: entryPoint === undefined ? [] : [entryPoint] };
  }
  const tests = code.map((text, i) => [`tests${i + 1}.${language === "typescript" ? "ts" : "js"}`, text] as const);
  const files = { [nodeRunnerFile]: nodeRunner(tests.map(([file]) => file)), ...Object.fromEntries(tests) };
  return { language, files, entry: nodeRunnerFile };
}

/** The program's time ends first, so that waiting for it is not taken for a broken test. */
const testsExtraMs = 200;

/** How many tests there would have been is unknown where they could not go on: none counts, or raising after a few would pay. */
function counted([, passed, failures, numFailed, broke]: readonly unknown[]): Outcome {
  if (broke !== "") return { kind: "counted", passed: 0, total: 1, failure: `failed: the tests could not go on: ${String(broke)}` };
  const total = Number(passed) + Number(numFailed);
  const failure = total === Number(passed) ? {} : { failure: `failed: ${String((failures as readonly unknown[])[0])}` };
  return { kind: "counted", passed: Number(passed), total, ...failure };
}

/** Values of the program may be too much for the tests, such as a list that fills their memory: that is the program's doing. */
function testsEnded({ end, stderr }: RunResult): Outcome {
  if (end.kind === "limit") return { kind: "counted", passed: 0, total: 1, failure: `its tests met their limit on ${end.limit}` };
  return {
    kind: "counted",
    passed: 0,
    total: 1,
    failure: `its tests could not take what it returned: ${quoteExcerpt(lastLine(stderr.text), 160)}`,
  };
}

const programFiles: Readonly<Record<Language, string>> = { python: pythonProgramFile, javascript: "program.js", typescript: "program.ts" };

function plain({ language, program, timeMs, memoryMiB }: Subject): Program {
  const entry = programFiles[language];
  return { language, files: { [entry]: program }, entry, limits: { wallMs: timeMs, memoryMiB } };
}

function harnessed(subject: Subject): Program {
  const file = programFiles[subject.language];
  if (subject.language === "python") {
    return { ...plain(subject), files: { [file]: subject.program, [pythonHarnessFile]: pythonHarness }, entry: pythonHarnessFile };
  }
  const files = { [file]: subject.program + finding, [nodeHarnessFile]: nodeHarness(file) };
  return { ...plain(subject), files, entry: nodeHarnessFile };
}

function callLine({ function: name, args, keywords }: ExpectedCall, language: Language): string {
  const list = args.map((value) => `${literalText(value, language)}, `).join("");
  if (language !== "python") return `${JSON.stringify(name)}, ${list}`;
  const named = keywords.map(([key, value]) => `${JSON.stringify(key)}: ${literalText(value, language)}`).join(", ");
  return `("call", ${JSON.stringify(name)}, (${list}), {${named}}, False)`;
}

function showCall({ function: name, args, keywords }: ExpectedCall, language: Language): string {
  const family = language === "python" ? "python" : "javascript";
  const named = keywords.map(([key, value]) => `${key}=${showValue(value, family)}`);
  return `${name}(${[...args.map((value) => showValue(value, family)), ...named].join(", ")})`;
}

type Reply =
  | { readonly kind: "loaded" }
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "raised"; readonly what: string }
  | { readonly kind: "nonsense" }
  | { readonly kind: "beyond" }
  | { readonly kind: "ended" };

/** What the harness said, or somebody in its place. */
function reply(line: string | undefined): Reply {
  if (line === undefined) return { kind: "ended" };
  if (line.length > maxLineChars) return { kind: "beyond" };
  const said = parseLine(line);
  switch (said?.[0]) {
    case "loaded":
      return { kind: "loaded" };
    case "value": {
      const value = decodeValue(said[1]);
      return value === undefined ? { kind: "nonsense" } : { kind: "value", value };
    }
    case "raised":
      return { kind: "raised", what: `${String(said[1]).slice(0, 80)}: ${quoteExcerpt(String(said[2]), 160)}` };
    default:
      return { kind: "nonsense" };
  }
}

function parseLine(line: string): readonly unknown[] | undefined {
  try {
    const said: unknown = JSON.parse(line);
    return Array.isArray(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function expected({ expectation }: ExpectedCall, language: Language): string {
  const family = language === "python" ? "python" : "javascript";
  if (expectation.kind === "truth") return `expected something ${expectation.value ? "true" : "false"}`;
  return `expected ${quoteless(showValue(expectation.value, family))}`;
}

function given(answer: Reply, language: Language): string {
  switch (answer.kind) {
    case "value":
      return `got ${quoteless(showValue(answer.value, language === "python" ? "python" : "javascript"))}`;
    case "raised":
      return `it raised ${answer.what}`;
    case "ended":
      return "it ended";
    case "beyond":
      return `more than ${maxLineChars} characters`;
    default:
      return "it wrote into the channel of its answers what is none";
  }
}

async function ending(result: Promise<RunResult>, when: string): Promise<string> {
  const { end, stdout, stderr } = await result;
  const how =
    end.kind === "exit"
      ? `ended with exit code ${end.code}`
      : end.kind === "signal"
        ? `was ended by ${end.signal}`
        : `met its limit on ${end.limit}`;
  return `it ${how} ${when}${stdout.text === "" ? "" : `, having printed ${quoteExcerpt(stdout.text, 60)}`}${stderr.text === "" ? "" : `; it last said ${quoteExcerpt(lastLine(stderr.text), 160)}`}`;
}

function lastLine(text: string): string {
  const lines = text.trim().split("\n");
  // Node ends with its version, after a stack.
  return lines.findLast((line) => /^\w*(?:Error|Exception)\b/.test(line)) ?? lines.at(-1)!;
}

function complaintAbout({ end, stdout, stderr }: RunResult, wanted: string): string | undefined {
  if (end.kind === "limit") return `it met its limit on ${end.limit}`;
  if (end.kind === "signal") return `it was ended by ${end.signal}`;
  const [lines, want] = [linesOf(stdout.text), linesOf(wanted)];
  const at = Array.from({ length: Math.max(lines.length, want.length) }, (_, i) => i).find((i) => lines[i] !== want[i]);
  const last = quoteExcerpt(lastLine(stderr.text), 160);
  if (at !== undefined) {
    const line = (text: string | undefined) => (text === undefined ? "no such line" : quoteExcerpt(text, 100));
    return `line ${at + 1}: expected ${line(want[at])}, got ${line(lines[at])}${end.code === 0 ? "" : `; it ended with exit code ${end.code}: ${last}`}`;
  }
  return end.code === 0 ? undefined : `it ended with exit code ${end.code}: ${last}`;
}

/** Spaces at the ends of lines and empty lines at the end of the text mean nothing; everything else does. */
function linesOf(text: string): string[] {
  return text
    .replaceAll("\r\n", "\n")
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd());
}

function quoteless(text: string): string {
  const one = text.replace(/\s+/g, " ");
  return one.length > 160 ? `${one.slice(0, 160)}... (${one.length} characters)` : one;
}
