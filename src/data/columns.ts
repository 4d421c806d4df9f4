// How the columns of somebody else's file become a task. GSM8K, for example, is read with
// { question: "question", answer: "answer", answerPattern: "#### (.+)", verifier: "numeric" }.

import { z } from "zod";

const Column = z.string().min(1);

/** A regular expression with exactly one group. */
const Pattern = z.string().superRefine((source, context) => {
  const groups = countGroups(source);
  if (groups === undefined) context.addIssue({ code: "custom", message: `must be a regular expression, got "${source}"` });
  else if (groups !== 1) context.addIssue({ code: "custom", message: `must have exactly one group, got ${groups} in "${source}"` });
});

/** Which column is what, as a recipe says it. */
export const Columns = z
  .strictObject({
    question: Column.default("question").describe("Column that holds the question"),
    answer: Column.default("answer").describe(
      "Column that holds the right answer, text or a number; the verifier's reference is { answer }",
    ),
    answerPattern: Pattern.optional().describe(
      "Regular expression (JavaScript, flag u) with one group, the answer inside the answer column; the last match counts. It runs without a time limit: as all of a recipe, it must come from somebody you trust",
    ),
    thinking: Column.optional().describe(
      "Column that holds the worked thinking, for demonstrations; absent: demonstrations without thinking",
    ),
    thinkingPattern: Pattern.optional().describe("As answerPattern, for the thinking column; [^] matches any character, newlines included"),
    family: z
      .string()
      .min(1)
      .optional()
      .describe("Family that metrics are broken down by, the same for all rows; absent: the file's name without extension"),
    verifier: z.string().min(1).describe("Id of the verifier that checks the answers"),
    id: Column.optional().describe("Column that holds the task's id; absent: a digest of family and question"),
  })
  .refine((c) => c.thinkingPattern === undefined || c.thinking !== undefined, {
    path: ["thinkingPattern"],
    error: "needs thinking, the column that it is applied to",
  });
export type Columns = z.output<typeof Columns>;

/** The group of the last match of a pattern, or undefined. */
export function lastMatch(pattern: string, text: string): string | undefined {
  return [...text.matchAll(new RegExp(pattern, "gu"))].at(-1)?.[1];
}

/** The columns that a mapping reads. */
export function columnsUsed({ question, answer, thinking, id }: Columns): string[] {
  return [question, answer, thinking, id].filter((column) => column !== undefined);
}

function countGroups(source: string): number | undefined {
  try {
    new RegExp(source, "u"); // by itself first: what is appended could complete it
    // An empty alternative always matches, and the match has one place for each group.
    return new RegExp(`${source}|`, "u").exec("")!.length - 1;
  } catch {
    return undefined;
  }
}
