// Queens on an n x n board, none of which attacks another.
// A solution is n numbers: the column of the queen in each row, from 1 on.

import { z } from "zod";

import { type Checked, integersOf, right, wrong } from "./puzzle.ts";

const maxSize = 1000;

export const Queens = z
  .strictObject({
    kind: z.literal("n-queens"),
    size: z.int().min(1).max(maxSize).describe("Rows, columns and queens; for 2 and 3 there is no solution"),
    fixed: z
      .array(z.tuple([z.int().min(1), z.int().min(1)]))
      .default([])
      .describe("Row and column of queens that must stand there"),
  })
  .refine(({ size }) => size !== 2 && size !== 3, { path: ["size"], error: "must not be 2 or 3, for which there is no solution" })
  .refine(({ size, fixed }) => fixed.flat().every((at) => at <= size), { path: ["fixed"], error: "must lie on the board" });

export function checkQueens({ size, fixed }: z.output<typeof Queens>, solution: string): Checked {
  const columns = integersOf(solution);
  if (columns === undefined) return wrong("the answer is no list of columns");
  if (columns.length !== size) return wrong(`${columns.length} queens, asked for ${size}`);
  if (columns.some((column) => column < 1 || column > size)) return wrong(`a column is not from 1 to ${size}`);
  const moved = fixed.find(([row, column]) => columns[row - 1] !== column);
  if (moved !== undefined) return wrong(`the queen of row ${moved[0]} must stand in column ${moved[1]}, got ${columns[moved[0] - 1]}`);
  const lines = new Map<string, number>();
  for (const [row, column] of columns.entries()) {
    for (const line of [`column ${column}`, `diagonal ${row - column}`, `antidiagonal ${row + column}`]) {
      const other = lines.get(line);
      if (other !== undefined) return wrong(`the queens of rows ${other + 1} and ${row + 1} attack each other`);
      lines.set(line, row);
    }
  }
  return right(`${size} queens, none attacks another`);
}
