// Search puzzles where any valid solution counts: the checker goes through the rules, and no solution is stored. The kind of a
// puzzle says how its solution is written: see the file of each in puzzles/.

import { z } from "zod";

import { quoteExcerpt } from "../excerpt.ts";
import { defineVerifier } from "../verifier.ts";
import { lastBox } from "./boxed.ts";
import { Coloring, checkColoring } from "./puzzles/coloring.ts";
import { type Checked, solutionText } from "./puzzles/puzzle.ts";
import { checkQueens, Queens } from "./puzzles/queens.ts";
import { checkRiverCrossing, RiverCrossing } from "./puzzles/riverCrossing.ts";
import { checkSlidingTiles, SlidingTiles } from "./puzzles/slidingTiles.ts";
import { checkSubsetSum, SubsetSum } from "./puzzles/subsetSum.ts";
import { checkSudoku, Sudoku } from "./puzzles/sudoku.ts";

/** Longer answers score 0. */
export const maxAnswerChars = 65_536;

const Reference = z.discriminatedUnion("kind", [Coloring, Queens, RiverCrossing, SlidingTiles, SubsetSum, Sudoku]);
type Reference = z.output<typeof Reference>;

export const puzzle = defineVerifier({
  id: "puzzle",
  version: 1,
  checks: "correctness",
  reference: Reference,
  verify({ reference, answer }) {
    const wrong = (evidence: string) => ({ kind: "scored", score: 0, evidence }) as const;
    if (answer.length > maxAnswerChars) return wrong(`the answer is beyond the cap of ${maxAnswerChars} characters`);
    if (lastBox(answer).kind === "unclosed") return wrong("the last box is never closed");
    const solution = solutionText(answer);
    if (solution === "") return wrong("the answer is empty");
    const { right, evidence } = check(reference, solution);
    return { kind: "scored", score: right ? 1 : 0, evidence: `${evidence}; solution ${quoteExcerpt(solution)}` };
  },
});

function check(reference: Reference, solution: string): Checked {
  switch (reference.kind) {
    case "graph-coloring":
      return checkColoring(reference, solution);
    case "n-queens":
      return checkQueens(reference, solution);
    case "river-crossing":
      return checkRiverCrossing(reference, solution);
    case "sliding-tiles":
      return checkSlidingTiles(reference, solution);
    case "subset-sum":
      return checkSubsetSum(reference, solution);
    case "sudoku":
      return checkSudoku(reference, solution);
    default:
      return reference satisfies never;
  }
}
