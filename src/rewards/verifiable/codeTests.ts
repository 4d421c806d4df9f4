// Programs against hidden tests, built for an adversary: expected values never enter the process that runs the program, values come back
// with their types and are compared here, and nothing a program prints, returns as an exit code or does to its own interpreter is a
// verdict. Which way each kind of test runs: codeTests/runs.ts. A program that overruns its time or memory scores 0.

import { z } from "zod";

import { languages } from "../../../sandbox/client.ts";
import { systemClock } from "../../base/clock.ts";
import type { Verdict } from "../../data/verdict.ts";
import { defineVerifier, type VerifierContext } from "../verifier.ts";
import { maxProgramChars, programIn } from "./codeTests/answerCode.ts";
import { type ExpectedCall, javaScriptAsserts, pythonAsserts } from "./codeTests/asserts.ts";
import { type Outcome, runCalls, runCases, runTestCode, type Subject } from "./codeTests/runs.ts";
import { tricksIn } from "./codeTests/tricks.ts";
import { valueOfJson } from "./codeTests/values.ts";

const identifier = z.string().regex(/^[A-Za-z_$][\w$]*$/, "must be a name");

const Asserts = z.strictObject({
  kind: z.literal("asserts"),
  code: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe("Assertions in the program's language, a check(candidate) that holds them, or tests of unittest or node:test"),
});
const Stdio = z.strictObject({
  kind: z.literal("stdio"),
  cases: z
    .array(z.strictObject({ stdin: z.string(), stdout: z.string() }))
    .min(1)
    .describe("What the program reads and must print"),
});
const Calls = z.strictObject({
  kind: z.literal("function"),
  name: identifier.exactOptional().describe("Absent: the reference's entryPoint"),
  calls: z.array(z.strictObject({ args: z.array(z.json()), expected: z.json() })).min(1),
  tolerance: z.number().nonnegative().exactOptional().describe("Largest difference of numbers that still counts, absolute; absent: none"),
});
const Tests = z.discriminatedUnion("kind", [Asserts, Stdio, Calls]);

const Reference = z
  .strictObject({
    language: z.enum(languages),
    tests: z.union([Tests, z.array(Tests).min(1)]),
    entryPoint: identifier.exactOptional().describe("The function that check(candidate) and calls without a name are about"),
    setup: z.string().exactOptional().describe("Code before the program, such as imports or the beginning that it completes"),
    score: z.enum(["all", "share"]).default("all").describe("1 only when all tests pass, or the share that does"),
    timeMs: z.int().min(1).default(10_000).describe("For all tests together; never more than the verifier's own deadline allows"),
    memoryMiB: z.int().min(64).max(4096).default(512),
  })
  .refine(
    ({ language, tests }) =>
      language !== "python" || ![tests].flat().some((test) => test.kind === "function" && test.calls.some(isInexact)),
    { error: "whole numbers beyond 2^53 lose digits as JSON; write such calls as asserts" },
  )
  .refine(
    ({ tests, entryPoint }) =>
      entryPoint !== undefined || [tests].flat().every((test) => test.kind !== "function" || test.name !== undefined),
    {
      error: "calls need a name, theirs or the entryPoint",
    },
  );
type Reference = z.infer<typeof Reference>;

/** Whether an argument may be another number than the task's author wrote. */
function isInexact({ args }: { readonly args: readonly unknown[] }): boolean {
  return args.some(function holds(value: unknown): boolean {
    if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
    return typeof value === "object" && value !== null && Object.values(value).some(holds);
  });
}

/** Kept back from the deadline for starting jails and for the verdict. */
const reserveMs = 400;

export const codeTests = defineVerifier<Reference>({
  id: "code-tests",
  version: 2,
  checks: "correctness",
  runsPrograms: true,
  reference: Reference as z.ZodType<Reference>,
  async verify({ reference, answer }, context) {
    const program = programIn(answer, reference.language);
    if (program.trim() === "") return zero("no program in the answer");
    if (program.length > maxProgramChars) return zero(`a program is at most ${maxProgramChars} characters, got ${program.length}`);
    const { language, setup = "", score, memoryMiB } = reference;
    const timeMs = Math.max(100, Math.min(reference.timeMs, context.deadlineMs - reserveMs));
    const subject = { language, program: setup === "" ? program : `${setup}\n${program}`, timeMs, memoryMiB, all: score === "all" };
    const outcomes: Outcome[] = [];
    const startMs = systemClock.elapsedMs();
    for (const tests of [reference.tests].flat()) {
      const leftMs = Math.max(100, Math.floor(timeMs - (systemClock.elapsedMs() - startMs)));
      outcomes.push(await runTests(tests, { reference, subject: { ...subject, timeMs: leftMs }, context }));
    }
    const { containment } = await context.sandbox();
    return verdictOf(outcomes, { reference, program, note: containment === "weak" ? "; run in weak containment" : "" });
  },
});

async function runTests(
  tests: z.infer<typeof Tests>,
  { reference, subject, context }: { readonly reference: Reference; readonly subject: Subject; readonly context: VerifierContext },
): Promise<Outcome> {
  const where = { sandbox: await context.sandbox(), signal: context.signal };
  switch (tests.kind) {
    case "stdio":
      return runCases(subject, tests.cases, where);
    case "function":
      return runCalls(subject, callsOf(tests, reference), where);
    case "asserts": {
      const texts = [tests.code].flat();
      const code = texts.join("\n");
      const calls = subject.language === "python" ? pythonAsserts(code, reference.entryPoint) : javaScriptAsserts(code);
      if (calls !== undefined) return runCalls(subject, calls, where);
      return runTestCode(subject, { code: texts, entryPoint: reference.entryPoint }, where);
    }
    default:
      return tests satisfies never;
  }
}

function callsOf({ name, calls, tolerance = 0 }: z.infer<typeof Calls>, { language, entryPoint }: Reference): ExpectedCall[] {
  const family = language === "python" ? "python" : "javascript";
  return calls.map(({ args, expected }) => ({
    function: name ?? entryPoint!,
    args: args.map((argument) => valueOfJson(argument, family)),
    keywords: [],
    expectation: { kind: "equals", value: valueOfJson(expected, family), equality: { kind: "json", tolerance } },
  }));
}

function verdictOf(
  outcomes: readonly Outcome[],
  { reference, program, note }: { readonly reference: Reference; readonly program: string; readonly note: string },
): Verdict {
  const counts = { passed: 0, total: 0, failure: undefined as string | undefined };
  for (const outcome of outcomes) {
    if (outcome.kind === "broken") return { kind: "unscorable", failure: "reference", reason: `the tests cannot be used: ${outcome.why}` };
    counts.passed += outcome.passed;
    counts.total += outcome.total;
    counts.failure ??= outcome.failure;
  }
  const { passed, total, failure } = counts;
  if (failure === undefined) return { kind: "scored", score: 1, evidence: `all ${total} tests passed${note}` };
  const share = reference.score === "share" ? passed / total : 0;
  const some = reference.score === "share" ? `${passed} of ${total} tests passed` : "not all tests passed";
  return { kind: "scored", score: share, evidence: `${some}; ${failure}${tricksIn(program, reference.language)}${note}` };
}

function zero(evidence: string): Verdict {
  return { kind: "scored", score: 0, evidence };
}
