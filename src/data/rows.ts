// From one row of a file to a task or a demonstration.
// Rows are untrusted: whatever is wrong with one is said with its place.

import { basename, extname } from "node:path";
import { z } from "zod";

import { DataError } from "../base/errors.ts";
import { parseWith } from "../base/parse.ts";
import { type Columns, lastMatch } from "./columns.ts";
import { type Demonstration, questionTask, type Task, taskId } from "./task.ts";

/** A row as a reader yields it. */
export interface Row {
  readonly file: string;
  /** Where the row is, for messages: "tasks.jsonl:3" or "tasks.parquet row 3", counted from 1. */
  readonly place: string;
  readonly value: unknown;
}

const Text = z.string().refine((text) => text.isWellFormed(), "must be well-formed Unicode");

/** A task in this project's own form. */
const TaskRow = z.strictObject({
  id: Text.min(1).optional(),
  family: Text.min(1),
  messages: z.array(z.strictObject({ role: z.enum(["system", "user", "assistant"]), content: Text })).min(1),
  verifier: Text.min(1),
  reference: z.json(),
  thinkingBudget: z.int().nonnegative().optional(),
  difficulty: z.number().optional(),
});

const DemonstrationRow = z.strictObject({
  task: TaskRow,
  thinking: Text.default(""),
  terser: z.array(Text).min(1).optional(),
  answer: Text,
});

/** The task in this project's own form that a row holds under "task", beside other keys. */
export function taskWithin({ place, value }: Row): Task {
  const parsed = parseWith(TaskRow, value);
  if (parsed.success) return ownTask(parsed.data);
  const at = parsed.path === "" ? "task" : `task.${parsed.path}`;
  throw new DataError(`${place}: ${at} ${parsed.rule}; a task is {"family", "messages", "verifier", "reference"}, and perhaps "id"`);
}

/** A task from a row in this project's own form, or, with `columns`, from a row of somebody else's. */
export function taskFromRow(row: Row, columns: Columns | undefined): Task {
  if (columns === undefined) return ownTask(parseOwn(TaskRow, row));
  const question = filledColumn(row, columns.question);
  const answer = answerOf(row, columns);
  const family = columns.family ?? basename(row.file, extname(row.file));
  const task = questionTask({ family, question, verifier: columns.verifier, reference: { answer } });
  return columns.id === undefined ? task : { ...task, id: filledColumn(row, columns.id) };
}

/** As `taskFromRow`, with the worked response. */
export function demonstrationFromRow(row: Row, columns: Columns | undefined): Demonstration {
  if (columns === undefined) {
    const { task, terser, ...rest } = parseOwn(DemonstrationRow, row);
    return { task: ownTask(task), ...rest, ...(terser === undefined ? {} : { terser }) };
  }
  return { task: taskFromRow(row, columns), thinking: thinkingOf(row, columns), answer: answerOf(row, columns) };
}

function ownTask({ id, thinkingBudget, difficulty, ...rest }: z.output<typeof TaskRow>): Task {
  return {
    id: id ?? taskId(rest),
    ...rest,
    ...(thinkingBudget === undefined ? {} : { thinkingBudget }),
    ...(difficulty === undefined ? {} : { difficulty }),
  };
}

function parseOwn<Shape>(schema: z.ZodType<Shape>, { place, value }: Row): Shape {
  const parsed = parseWith(schema, value);
  if (parsed.success) return parsed.data;
  const column = parsed.path === "" ? "the row" : `column "${parsed.path}"`;
  throw new DataError(`${place}: ${column} ${parsed.rule}; fix the row, or set columns to say how the file is read`);
}

function answerOf(row: Row, { answer, answerPattern }: Columns): string {
  if (answerPattern === undefined) return filledColumn(row, answer);
  return extract(row, { column: answer, setting: "answerPattern", pattern: answerPattern });
}

function thinkingOf(row: Row, { thinking, thinkingPattern }: Columns): string {
  if (thinking === undefined) return "";
  if (thinkingPattern === undefined) return textColumn(row, thinking);
  return extract(row, { column: thinking, setting: "thinkingPattern", pattern: thinkingPattern });
}

function extract(row: Row, { column, setting, pattern }: { column: string; setting: string; pattern: string }): string {
  const text = textColumn(row, column);
  const found = lastMatch(pattern, text)?.trim();
  if (found !== undefined && found !== "") return found;
  throw new DataError(
    `${row.place}: column "${column}" must match ${setting} /${pattern}/, got ${shown(text)}; fix the row or the pattern`,
  );
}

/** As `textColumn`, but not empty. */
function filledColumn(row: Row, column: string): string {
  const text = textColumn(row, column);
  if (text.trim() !== "") return text;
  throw new DataError(`${row.place}: column "${column}" must not be empty, got ${shown(text)}; fix the row or map another column`);
}

/** Text as it is, numbers in decimal; anything else is refused. */
function textColumn({ place, value }: Row, column: string): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${place}: a row must be an object with named columns, got ${shown(value)}; write one JSON object a line`);
  }
  if (!Object.hasOwn(value, column)) {
    const known = Object.keys(value).join(", ") || "none";
    throw new DataError(`${place}: column "${column}" must be there and not null, got only: ${known}; fix the row or map another column`);
  }
  const cell: unknown = (value as Record<string, unknown>)[column];
  const text = Number.isFinite(cell) ? String(cell) : cell;
  if (typeof text !== "string") {
    throw new DataError(`${place}: column "${column}" must be text or a number, got ${shown(cell)}; fix the row or map another column`);
  }
  if (!text.isWellFormed()) {
    throw new DataError(
      `${place}: column "${column}" must be well-formed Unicode, got half of a surrogate pair in ${shown(text)}; fix the row`,
    );
  }
  return text;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
