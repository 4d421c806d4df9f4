// Scoring answers from a file, with one verifier and no policy. A row holds what was answered, and what the verifier needs to check it:
//
//     {"response": "<think>...</think>42", ...}      a whole response, taken apart as in training
//     {"answer": "42", "thinking"?: "...", ...}      what stands after the thinking
//
//     {..., "reference": {...}, "prompt"?: "..."}    what the verifier's own schema asks for; the prompt, or "task", is text or messages
//     {..., "task": {"id"?, "family", "messages", "verifier", "reference", "thinkingBudget"?}}
//
// An "id" is given back with the verdict. The verifier is the caller's; the one that a task names is not looked at.

import { z } from "zod";

import { DataError } from "../base/errors.ts";
import { inOrder } from "../base/inOrder.ts";
import { parseWith } from "../base/parse.ts";
import { rngFor } from "../base/rng.ts";
import { type Row, taskWithin } from "../data/rows.ts";
import { type Task, taskId } from "../data/task.ts";
import type { Verdict } from "../data/verdict.ts";
import type { VerifierPool } from "./pool.ts";

const Messages = z.array(z.strictObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() })).min(1);

const Prompt = z.union([z.string(), Messages]);

const ScoreRow = z
  .strictObject({
    id: z.union([z.string(), z.number()]).optional(),
    task: z.unknown().optional(),
    prompt: Prompt.optional(),
    reference: z.json().optional(),
    response: z.string().optional(),
    answer: z.string().optional(),
    thinking: z.string().optional(),
  })
  .refine(({ task, reference }) => isWhole(task) !== (reference !== undefined), "must have either a task or a reference")
  .refine(({ response, answer }) => (response === undefined) !== (answer === undefined), "must have either a response or an answer")
  .refine(
    ({ response, thinking }) => response === undefined || thinking === undefined,
    "must not have thinking beside a response, which holds it",
  )
  .refine(({ task, prompt }) => task === undefined || prompt === undefined, "must not have a prompt beside a task, which holds it");
type ScoreRow = z.infer<typeof ScoreRow>;

/** A task that holds its reference, rather than the words or messages of one. */
function isWhole(task: unknown): boolean {
  return task !== undefined && !Prompt.safeParse(task).success;
}

const shape = '{"response" or "answer", "reference" or "task"}';

/** A response in its parts. */
export type SplitResponse = (response: string) => { readonly thinkingText: string; readonly answerText: string };

/** A row of a file as verifiers are asked about it. */
export interface AnswerRow {
  /** Of the row, e.g. "answers.jsonl:3". */
  readonly place: string;
  readonly id?: string | number;
  readonly task: Task;
  readonly answer: string;
  readonly thinking: string;
}

/** A row and what the verifier said of it. */
export interface ScoredRow {
  readonly place: string;
  readonly id?: string | number;
  readonly verdict: Verdict;
}

/** How rows are scored. */
export interface RowScoring {
  readonly pool: VerifierPool;
  readonly verifier: string;
  readonly split: SplitResponse;
  /** Rows that are read before the first of them has its verdict. */
  readonly numAhead?: number;
}

/** The verdict of each row, in the order of the rows, each as soon as it is there. A row that cannot be read is a DataError with its place. */
export async function* scoreRows(
  rows: AsyncIterable<Row>,
  { pool, verifier, split, numAhead = 64 }: RowScoring,
  signal: AbortSignal,
): AsyncGenerator<ScoredRow> {
  const work = async (row: AnswerRow): Promise<ScoredRow> => {
    const { place, id } = row;
    const verdict = await askAbout(row, { pool, verifier }, signal);
    return { place, ...(id === undefined ? {} : { id }), verdict };
  };
  yield* inOrder(answerRows(rows, split), { work, numAhead });
}

/** What `verifier` says of a row. Its random stream depends on verifier, task and place. */
export function askAbout(
  { place, task, answer, thinking }: AnswerRow,
  { pool, verifier }: { readonly pool: VerifierPool; readonly verifier: string },
  signal: AbortSignal,
): Promise<Verdict> {
  const { seed } = rngFor(verifier, task.id, place);
  return pool.verify({ verifier, task, answer, thinking, seed }, signal);
}

/** The rows of a file, each parsed; a DataError ends them at the first that cannot be. */
export async function* answerRows(rows: AsyncIterable<Row>, split: SplitResponse): AsyncGenerator<AnswerRow> {
  for await (const row of rows) {
    const parsed = parseWith(ScoreRow, row.value);
    if (!parsed.success) {
      const { path, rule } = parsed;
      throw new DataError(`${row.place}: ${path === "" ? "the row" : path} ${rule}; a row is ${shape}`);
    }
    const { id } = parsed.data;
    yield { place: row.place, ...(id === undefined ? {} : { id }), task: taskOf(parsed.data, row), ...partsOf(parsed.data, split) };
  }
}

function taskOf({ task, reference, prompt: asked }: ScoreRow, row: Row): Task {
  if (reference === undefined) return taskWithin({ ...row, value: task });
  const prompt = asked ?? Prompt.parse(task ?? "");
  const messages = typeof prompt === "string" ? ([{ role: "user", content: prompt }] as const) : prompt;
  const family = "rows";
  return { id: taskId({ family, messages }), family, messages, verifier: "rows", reference };
}

function partsOf({ response, answer = "", thinking = "" }: ScoreRow, split: SplitResponse): Pick<AnswerRow, "answer" | "thinking"> {
  if (response === undefined) return { answer, thinking };
  const { answerText, thinkingText } = split(response);
  return { answer: answerText, thinking: thinkingText };
}
