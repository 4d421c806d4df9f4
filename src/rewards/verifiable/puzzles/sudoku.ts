// Sudoku of any size: each number from 1 to n once in each row, column and box, the given ones where they are.
// A solution is n rows of n numbers.

import { z } from "zod";

import { type Checked, gridOf, right, wrong } from "./puzzle.ts";

const maxSize = 25;

export const Sudoku = z
  .strictObject({
    kind: z.literal("sudoku"),
    grid: z.array(z.array(z.int().nonnegative()).min(1).max(maxSize)).min(1).max(maxSize).describe("Rows; 0 is a blank"),
    box: z
      .tuple([z.int().min(1), z.int().min(1)])
      .exactOptional()
      .describe("Rows and columns of a box; absent: the square root of the size"),
  })
  .superRefine(({ grid, box }, context) => {
    const size = grid.length;
    const fail = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (grid.some((row) => row.length !== size)) fail("grid", "must have as many columns as rows");
    if (grid.flat().some((cell) => cell > size)) fail("grid", `must hold numbers up to its size ${size}`);
    const [rows, columns] = boxOf(size, box);
    if (rows * columns !== size) fail("box", `must hold as many cells as a row, got ${rows} x ${columns} for ${size}`);
    else if (firstClash(grid, [rows, columns]) !== undefined) fail("grid", "must not give a number twice in a row, column or box");
  });

export function checkSudoku({ grid, box }: z.output<typeof Sudoku>, solution: string): Checked {
  const size = grid.length;
  const filled = gridOf(solution);
  if (filled === undefined) return wrong("the answer is no grid of numbers");
  if (filled.length !== size || filled.some((row) => row.length !== size)) return wrong(`the grid is not ${size} by ${size}`);
  if (filled.flat().some((cell) => cell < 1 || cell > size)) return wrong(`a cell is not from 1 to ${size}`);
  for (const [r, row] of grid.entries()) {
    const c = row.findIndex((given, at) => given !== 0 && given !== filled[r]![at]);
    if (c !== -1) return wrong(`row ${r + 1}, column ${c + 1} is given as ${row[c]}, got ${filled[r]![c]}`);
  }
  const clash = firstClash(filled, boxOf(size, box));
  return clash === undefined ? right(`each number once in each row, column and box`) : wrong(clash);
}

function boxOf(size: number, box: readonly [number, number] | undefined): readonly [number, number] {
  return box ?? [Math.round(Math.sqrt(size)), Math.round(Math.sqrt(size))];
}

/** The first number that stands twice where it may stand once. Blanks do not count. */
function firstClash(grid: readonly (readonly number[])[], [rows, columns]: readonly [number, number]): string | undefined {
  const seen = new Set<string>();
  for (const [r, row] of grid.entries()) {
    for (const [c, cell] of row.entries()) {
      if (cell === 0) continue;
      const inBox = `the box of row ${r - (r % rows) + 1}, column ${c - (c % columns) + 1}`;
      for (const unit of [`row ${r + 1}`, `column ${c + 1}`, inBox]) {
        if (seen.has(`${unit}:${cell}`)) return `${cell} stands twice in ${unit}`;
        seen.add(`${unit}:${cell}`);
      }
    }
  }
  return undefined;
}
