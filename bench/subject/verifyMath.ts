// How often and how fast the math verifier is right: the answers of MATH-500 and GSM8K, each against other forms of itself and against
// near misses. Forms and near misses are made from the text of an answer by rules (mathForms.ts), not by the verifier's own reader.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { openSandbox } from "../../sandbox/client.ts";
import { rngFor } from "../../src/base/rng.ts";
import type { Task } from "../../src/data/task.ts";
import { math } from "../../src/rewards/verifiable/math.ts";
import { formsOf, nearMissesOf } from "./mathForms.ts";

/** What the bench reports of mathematics. */
interface MathNumbers {
  readonly mathPerSecond: number;
  readonly mathP99Ms: number;
  readonly mathFalsePositives: number;
  readonly mathFalseNegatives: number;
  /** Pairs behind the two counts of errors. */
  readonly mathNearMisses: number;
  readonly mathForms: number;
  /** Answers for which fewer than three forms or four near misses could be made. */
  readonly mathAnswersLeftOut: number;
}

interface Pair {
  readonly gold: string;
  readonly answer: string;
  readonly equal: boolean;
}

/** Undefined when `dataDir` has not both files. */
export function measureMath(dataDir: string): MathNumbers | undefined {
  const answers = readAnswers(dataDir);
  if (answers === undefined) return undefined;
  const sets = answers.map((gold) => ({ gold, forms: formsOf(gold), misses: nearMissesOf(gold) }));
  const used = sets.filter(({ forms, misses }) => forms.length >= 3 && misses.length >= 4);
  for (const { gold, forms, misses } of sets) {
    if (!(forms.length >= 3 && misses.length >= 4))
      console.error(`left out: ${gold} has ${forms.length} forms and ${misses.length} near misses`);
  }
  const pairs = used.flatMap(({ gold, forms, misses }): Pair[] => [
    ...forms.map((answer) => ({ gold, answer, equal: true })),
    ...misses.map((answer) => ({ gold, answer, equal: false })),
  ]);
  for (const pair of pairs.slice(0, 500)) verdictOf(pair); // warm, as a worker is
  const timesMs: number[] = [];
  const wrong = pairs.filter((pair) => {
    const startMs = performance.now();
    const right = verdictOf(pair) === (pair.equal ? 1 : 0);
    timesMs.push(performance.now() - startMs);
    return !right;
  });
  for (const { gold, answer, equal } of wrong) console.error(`${equal ? "false negative" : "FALSE POSITIVE"}: ${gold} against ${answer}`);
  const count = (equal: boolean, among: readonly Pair[]): number => among.filter((pair) => pair.equal === equal).length;
  return {
    mathPerSecond: (pairs.length * 1000) / timesMs.reduce((total, ms) => total + ms, 0),
    mathP99Ms: timesMs.sort((a, b) => a - b)[Math.floor(timesMs.length * 0.99)]!,
    mathFalsePositives: count(false, wrong),
    mathFalseNegatives: count(true, wrong),
    mathNearMisses: count(false, pairs),
    mathForms: count(true, pairs),
    mathAnswersLeftOut: sets.length - used.length,
  };
}

function readAnswers(dataDir: string): string[] | undefined {
  const files = ["math500.jsonl", "gsm8k_test.jsonl"].map((name) => join(dataDir, name));
  if (!files.every((file) => existsSync(file))) return undefined;
  const [mathRows, gsmRows] = files.map((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { answer: string }).answer),
  );
  return [...mathRows!, ...gsmRows!.map((answer) => answer.split("####").at(-1)!.trim())];
}

const noSignal = new AbortController().signal;

/** The score, as a worker computes it: reference parsed, response searched, forms compared. */
function verdictOf({ gold, answer }: Pair): number | undefined {
  const task: Task = {
    id: "bench",
    family: "bench",
    messages: [{ role: "user", content: "?" }],
    verifier: "math",
    reference: { answer: gold },
  };
  const reference = math.reference.parse(task.reference);
  const verdict = math.verify(
    { task, reference, answer, thinking: "" },
    { signal: noSignal, rng: rngFor("bench", gold, answer), deadlineMs: 2000, sandbox: openSandbox },
  );
  return "kind" in verdict && verdict.kind === "scored" ? verdict.score : undefined;
}
