// What a recipe says about its rewards: which verifiers there are, how their scores add up, and how they run. The share of
// unscorable rollouts that stops a run is a setting of the stage that learns from them.

import { z } from "zod";

import { namesOf, ownVerifier } from "./compose.ts";

/** A verdict that takes ten minutes is not waited for. */
export const maxDeadlineMs = 600_000;
/** Each is a process. */
export const maxWorkers = 256;

const VerifierUse = z.strictObject({
  use: z.string().min(1).describe("Id of a built-in verifier, or the file that exports one, relative to the recipe."),
  deadlineMs: z
    .int()
    .min(1)
    .max(maxDeadlineMs)
    .default(2000)
    .meta({ description: "Longest time for one answer; beyond it the worker is killed and the answer is unscorable.", unit: "ms" }),
  reference: z
    .json()
    .exactOptional()
    .describe(
      'What it checks every answer against, in place of each task\'s own reference: the options of a verifier of form, such as {unit: "words", max: 50} of length.',
    ),
});

const Gate = z.strictObject({
  atLeast: z.number().positive().max(1).describe("A score below it makes the whole reward 0."),
});

const First = z.strictObject({
  first: z
    .array(z.string().min(1))
    .min(2)
    .readonly()
    .describe("Ids in order: the score of the first that gives one decides, what it could not tell falls through to the next."),
});

/** Whose score: an id, the word for the task's own, or several in order. */
export const TermVerifierConfig = z.union([z.string().min(1), First]);

const Term = z.strictObject({
  verifier: TermVerifierConfig.describe(
    `Id of one of the verifiers, "${ownVerifier}" for the one that each task names, or {first: [...]} for several in order.`,
  ),
  weight: z
    .number()
    .nonnegative()
    .describe(
      "Share of its score in the reward. 0 with a gate: it only gates; 0 without: it is only recorded. Never negative: a closed gate must not pay.",
    ),
  gate: Gate.exactOptional().describe("Absent: the verifier does not gate."),
});

/** The `rewards` section of a recipe. */
export const RewardConfig = z
  .strictObject({
    verifiers: z.array(VerifierUse).min(1).describe("The verifiers that tasks and terms may name."),
    terms: z
      .array(Term)
      .min(1)
      .default([{ verifier: ownVerifier, weight: 1 }])
      .describe("Verdicts become one reward: the sum of weight times score, or 0 when a gate is closed."),
    numWorkers: z
      .int()
      .min(1)
      .max(maxWorkers)
      .default(2)
      .meta({ description: "Verifier calls at the same time, each in its own process.", unit: "processes" }),
    sandbox: z
      .enum(["jail", "weak"])
      .default("jail")
      .describe(
        'What holds the programs that verifiers run; "weak" is a plain child process, for a machine of your own without bubblewrap.',
      ),
  })
  .superRefine(({ verifiers, terms }, context) => {
    const fail = (path: readonly (string | number)[], message: string) => context.addIssue({ code: "custom", path: [...path], message });
    const repeated = (names: readonly string[]) => names.findIndex((name, i) => names.indexOf(name) < i);
    const verifier = repeated(verifiers.map(({ use }) => use));
    if (verifier !== -1) fail(["verifiers", verifier, "use"], `must not be listed twice, got "${verifiers[verifier]!.use}"`);
    const term = repeated(terms.map((each) => namesOf(each).join(", ")));
    if (term !== -1)
      fail(["terms", term, "verifier"], `must not have two terms, got "${namesOf(terms[term]!).join(", ")}"; add up their weights`);
    const twice = terms.findIndex((each) => repeated(namesOf(each)) !== -1);
    if (twice !== -1)
      fail(["terms", twice, "verifier", "first"], `must name each verifier once, got "${namesOf(terms[twice]!).join(", ")}"`);
    if (terms.every(({ weight }) => weight === 0)) fail(["terms"], "must hold a weight above 0, or every reward is 0");
  });

export type RewardConfig = z.infer<typeof RewardConfig>;
