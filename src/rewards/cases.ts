// What a verifier must say of some answers, as its author writes it down beside the verifier: `cases` in `defineVerifier({...})`, or an
// array that its file exports under that name. The laws (laws.ts) are tried on the same references.

import { z } from "zod";

import { VerifierError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { parseWith } from "../base/parse.ts";

/** An answer; where the thinking before it matters, both. */
export type CaseAnswer = string | { readonly answer: string; readonly thinking: string };

/** One reference, and what must be said of answers to it. */
export interface VerifierCase {
  /** The question. Copied back as an answer it must not be paid, so that it should not hold the answer. */
  readonly task?: string;
  /** Tokens, as in a task; for verifiers that look at it. */
  readonly thinkingBudget?: number;
  readonly reference: Json;
  /** Score 1. */
  readonly accepted?: readonly CaseAnswer[];
  /** Score 0; from a verifier that checks form, any score below 1. */
  readonly rejected?: readonly CaseAnswer[];
  readonly partial?: readonly { readonly answer: string; readonly thinking?: string; readonly score: number }[];
}

/** A reference that the verifier must refuse: what it says of any answer is "unscorable". */
export interface BrokenCase {
  readonly broken: Json;
}

const Answer = z.union([z.string(), z.strictObject({ answer: z.string(), thinking: z.string() })]);

const Answered = z
  .strictObject({
    task: z.string().min(1).exactOptional(),
    thinkingBudget: z.int().nonnegative().exactOptional(),
    reference: z.json(),
    accepted: z.array(Answer).default([]),
    rejected: z.array(Answer).default([]),
    partial: z.array(z.strictObject({ answer: z.string(), thinking: z.string().default(""), score: z.number().min(0).max(1) })).default([]),
  })
  .refine(
    ({ accepted, rejected, partial }) => accepted.length + rejected.length + partial.length > 0,
    "must hold an answer: accepted, rejected or partial",
  );

const Case = z.union([z.strictObject({ broken: z.json() }), Answered]);

/** A case with its defaults filled in. */
export type AnsweredCase = z.infer<typeof Answered>;

/** All cases of a verifier. */
export interface Cases {
  readonly answered: readonly AnsweredCase[];
  readonly broken: readonly Json[];
}

/** What an author wrote, parsed; a VerifierError says what is wrong with it. `file` is only named. */
export function parseCases(written: unknown, file: string): Cases {
  if (written === undefined || written === null) {
    throw new VerifierError(
      `verifier "${file}": must have cases to be tested with, got none; add cases: [{ reference, accepted: [...], rejected: [...] }]`,
    );
  }
  const parsed = parseWith(z.array(z.unknown()), written);
  if (!parsed.success)
    throw new VerifierError(`verifier "${file}": cases ${parsed.rule}; write cases: [{ reference, accepted, rejected }]`);
  const cases = parsed.data.map((value, i) => parseCase(value, { file, name: `cases[${i}]` }));
  const answered = cases.flatMap((each) => ("broken" in each ? [] : [each]));
  if (!answered.some(({ accepted }) => accepted.length > 0)) {
    throw new VerifierError(`verifier "${file}": a case must hold an accepted answer, got none in ${cases.length} cases; add one`);
  }
  return { answered, broken: cases.flatMap((each) => ("broken" in each ? [each.broken] : [])) };
}

function parseCase(value: unknown, { file, name }: { readonly file: string; readonly name: string }): z.infer<typeof Case> {
  const isBroken = typeof value === "object" && value !== null && "broken" in value;
  const parsed = parseWith<z.infer<typeof Case>>(isBroken ? Case.options[0] : Case.options[1], value);
  if (parsed.success) return parsed.data;
  throw new VerifierError(
    `verifier "${file}": ${name}${parsed.path === "" ? "" : `.${parsed.path}`} ${parsed.rule}; a case is { reference, accepted, rejected } or { broken }`,
  );
}
