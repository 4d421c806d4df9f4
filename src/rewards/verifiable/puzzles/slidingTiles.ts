// Sliding tiles: moves that bring a board with one blank from start to goal. A solution is a list of directions in which the *blank*
// moves, as words (up, down, left, right) or letters (U D L R). Any sequence that ends at the goal is right, unless `maxMoves` is given.

import { z } from "zod";

import { type Checked, entriesOf, maxEntries, right, wrong } from "./puzzle.ts";

const Board = z.array(z.array(z.int().nonnegative()).min(1).max(10)).min(1).max(10);

export const SlidingTiles = z
  .strictObject({
    kind: z.literal("sliding-tiles"),
    start: Board.describe("Rows; 0 is the blank"),
    goal: Board.exactOptional().describe("Absent: tiles in order, the blank last"),
    maxMoves: z.int().min(0).max(maxEntries).default(maxEntries).describe("Longer solutions do not count"),
  })
  .superRefine(({ start, goal }, context) => {
    const fail = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    const tiles = (board: readonly (readonly number[])[]) =>
      board
        .flat()
        .sort((a, b) => a - b)
        .join(",");
    const order = start
      .flat()
      .map((_, i) => i)
      .join(",");
    if (start.some((row) => row.length !== start[0]!.length)) fail("start", "must have rows of one length");
    else if (tiles(start) !== order) fail("start", "must hold each number from 0 on once");
    else if (
      goal !== undefined &&
      (goal.map((row) => row.length).join() !== start.map((row) => row.length).join() || tiles(goal) !== order)
    ) {
      fail("goal", "must have the tiles and the shape of start");
    }
  });

/** Rows down and columns right, by word. */
const moves: Readonly<Record<string, readonly [number, number]>> = Object.assign(Object.create(null), {
  ...{ u: [-1, 0], up: [-1, 0], d: [1, 0], down: [1, 0] },
  ...{ l: [0, -1], left: [0, -1], r: [0, 1], right: [0, 1] },
});

export function checkSlidingTiles({ start, goal, maxMoves }: z.output<typeof SlidingTiles>, solution: string): Checked {
  const compact = /^[UDLR]+$/.test(solution) ? [...solution] : entriesOf(solution, maxEntries);
  if (compact === undefined || compact.length > maxMoves) return wrong(`more moves than the ${maxMoves} allowed`);
  const board = start.map((row) => [...row]);
  const [height, width] = [board.length, board[0]!.length];
  let row = board.findIndex((line) => line.includes(0));
  let column = board[row]!.indexOf(0);
  for (const [i, word] of compact.entries()) {
    const move = moves[word.toLowerCase()];
    if (move === undefined) return wrong(`"${word.slice(0, 40)}" is no direction`);
    const [toRow, toColumn] = [row + move[0], column + move[1]];
    if (toRow < 0 || toRow >= height || toColumn < 0 || toColumn >= width) return wrong(`move ${i + 1}, ${word}, leaves the board`);
    board[row]![column] = board[toRow]![toColumn]!;
    board[toRow]![toColumn] = 0;
    [row, column] = [toRow, toColumn];
  }
  const ordered = start.flat().map((_, i, all) => (i + 1) % all.length);
  const wanted = (goal?.flat() ?? ordered).join(" ");
  const reached = board.flat().join(" ");
  return reached === wanted
    ? right(`${compact.length} moves reach the goal`)
    : wrong(`${compact.length} moves end at ${reached}, not at ${wanted}`);
}
