// Whether a response goes round in circles. Two measures over its words and signs, in lower case:
//
//     repeated n-grams:  1 - |unique n-grams| / |n-grams|     seq-rep-n, Welleck et al. 2019 (arXiv:1908.04319), section 6
//                        = 1 - distinct-n, Li et al. 2015 (arXiv:1510.03055)
//     longest run:       how often one phrase of up to `maxPeriod` pieces follows itself, which is how sampling collapses

import { z } from "zod";

import { defineVerifier } from "../verifier.ts";
import { piecesOf } from "./words.ts";

/** Longer texts score 0. */
export const maxTextChars = 131_072;
const maxPeriod = 32;

const Reference = z.strictObject({
  n: z.int().min(1).max(16).default(4).describe("Length of the n-grams, in words and signs"),
  maxShare: z.number().min(0).max(1).default(0.3).describe("Largest share of repeated n-grams"),
  maxRun: z.int().min(1).default(16).describe("Most times that a phrase may follow itself"),
  score: z
    .enum(["pass", "distinct"])
    .default("pass")
    .describe("1 within both bounds; or, within the run, the share of n-grams that are new"),
  of: z.enum(["answer", "thinking"]).default("answer").describe("Which part of the response is measured"),
});

export const repetition = defineVerifier({
  id: "repetition",
  version: 1,
  checks: "form",
  reference: Reference,
  verify({ reference: { n, maxShare, maxRun, score, of }, answer, thinking }) {
    const text = of === "answer" ? answer : thinking;
    const wrong = (evidence: string) => ({ kind: "scored", score: 0, evidence }) as const;
    if (text.length > maxTextChars) return wrong(`the ${of} is beyond the cap of ${maxTextChars} characters`);
    if (text.trim() === "" && of === "answer") return wrong("the answer is blank");
    const pieces = piecesOf(text);
    const share = repeatedShare(pieces, n);
    const run = longestRun(pieces);
    const within = run.times <= maxRun && (score === "distinct" || share <= maxShare);
    return {
      kind: "scored",
      score: within ? (score === "distinct" ? 1 - share : 1) : 0,
      evidence:
        `${(100 * share).toFixed(1)} % of ${n}-grams are repeated, at most ${100 * maxShare} % may be; ` +
        `"${run.phrase.slice(0, 60)}" stands ${run.times} times in a row, at most ${maxRun} may`,
      components: { repeatedShare: share, longestRun: run.times },
    };
  },
});

/** seq-rep-n; 0 for a text too short to have an n-gram. */
function repeatedShare(pieces: readonly string[], n: number): number {
  const count = pieces.length - n + 1;
  if (count < 1) return 0;
  const unique = new Set(Array.from({ length: count }, (_, i) => pieces.slice(i, i + n).join("\n")));
  return 1 - unique.size / count;
}

/** The phrase that follows itself most often; a text without any repetition has a run of 1. */
function longestRun(pieces: readonly string[]): { readonly phrase: string; readonly times: number } {
  let best = { phrase: pieces[0] ?? "", times: Math.min(pieces.length, 1) };
  for (let period = 1; period <= Math.min(maxPeriod, pieces.length / 2); period++) {
    let equal = 0;
    for (let at = period; at < pieces.length; at++) {
      equal = pieces[at] === pieces[at - period] ? equal + 1 : 0;
      const times = Math.floor(equal / period) + 1;
      if (times > best.times) best = { phrase: pieces.slice(at - period + 1, at + 1).join(" "), times };
    }
  }
  return best;
}
