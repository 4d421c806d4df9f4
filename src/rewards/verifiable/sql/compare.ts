// Whether two results hold the same rows. The reference's rows come in blocks: a block is rows that may stand in any order among
// themselves, so that rows without an order are one block and rows in order are blocks of one. Numbers compare as SQLite compares them,
// whole numbers and reals by value (https://www.sqlite.org/datatype3.html#comparison_expressions), and reals within a tolerance.

import { quoteExcerpt } from "../../excerpt.ts";
import type { Cell, Row } from "./run.ts";

/** Rows that are within the tolerance of several others are told apart by trying; beyond so many trials they count as different. */
export const maxTrials = 500_000;
const maxShownCells = 12;
const maxShownChars = 40;

/** Either is enough. For numbers of which one is real: whole numbers are compared exactly. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** Why two results differ, in words; undefined where they do not. `blocks` are the lengths of the blocks of `expected`. */
export function differenceOf(
  { expected, actual, blocks }: { readonly expected: readonly Row[]; readonly actual: readonly Row[]; readonly blocks: readonly number[] },
  tolerance: Tolerance,
): string | undefined {
  const counts = actual.length === expected.length ? "" : `${countOf(actual)}, expected ${expected.length}; `;
  let start = 0;
  for (const [i, length] of blocks.entries()) {
    // Rows too many stand in the last block.
    const end = i === blocks.length - 1 ? Math.max(start + length, actual.length) : start + length;
    const [left, found] = [expected.slice(start, start + length), actual.slice(start, end)];
    const { missing, extra, gaveUp = false } = unmatched(left, found, tolerance);
    if (missing !== undefined || extra !== undefined) {
      const place =
        length === 1 && found.length <= 1 ? `row ${start + 1}` : `of rows ${start + 1} to ${start + Math.max(left.length, found.length)}`;
      const cap = gaveUp ? `, and pairing near rows goes beyond the cap of ${maxTrials} trials` : "";
      return `${counts}${place}: expected ${shownRow(missing)}, actual ${shownRow(extra)}${cap}`;
    }
    start = end;
  }
  if (blocks.length === 0 && actual.length > 0) return `${counts}row 1: expected ${shownRow(undefined)}, actual ${shownRow(actual[0])}`;
  return undefined;
}

function countOf({ length }: readonly Row[]): string {
  return length === 1 ? "1 row" : `${length} rows`;
}

interface Unmatched {
  readonly missing?: Row | undefined;
  readonly extra?: Row | undefined;
  readonly gaveUp?: boolean;
}

/** The first row of each side that has no partner on the other. */
function unmatched(expected: readonly Row[], actual: readonly Row[], tolerance: Tolerance): Unmatched {
  const byKey = new Map<string, number[]>();
  for (const [i, row] of actual.entries()) {
    const key = JSON.stringify(row.map(exactForm));
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [i]);
    else known.push(i);
  }
  const used = new Set<number>();
  const left = expected.filter((row) => {
    const partner = byKey.get(JSON.stringify(row.map(exactForm)))?.shift();
    if (partner !== undefined) used.add(partner);
    return partner === undefined;
  });
  const found = actual.filter((_, i) => !used.has(i));
  if (tolerance.absolute === 0 && tolerance.relative === 0) return { missing: left[0], extra: found[0] };
  return matchNear(left, found, tolerance);
}

/** Values that SQLite calls equal have one form. */
function exactForm(cell: Cell): Cell {
  if (cell === null || cell[0] !== "r") return cell;
  const value = realOf(cell);
  return Number.isInteger(value) ? `i${BigInt(value)}` : `r${value}`;
}

/** Python writes `inf`. */
function realOf(cell: string): number {
  return cell.endsWith("inf") ? (cell[1] === "-" ? -Infinity : Infinity) : Number(cell.slice(1));
}

/**
 * Pairs rows within the tolerance of each other, as many as can be: rows of the same rank first, then along augmenting paths
 * (Kuhn 1955; https://en.wikipedia.org/wiki/Augmenting_path), since being near is not transitive.
 */
function matchNear(expected: readonly Row[], actual: readonly Row[], tolerance: Tolerance): Unmatched {
  const [left, right] = [expected, actual].map((rows) => [...rows].sort(compareRows)) as [Row[], Row[]];
  let trials = 0;
  const near = (i: number, j: number): boolean => {
    trials++;
    const [one, other] = [left[i]!, right[j]!];
    return one.length === other.length && one.every((cell, k) => isNear(cell, other[k]!, tolerance));
  };
  const partnerOfRight = new Map<number, number>();
  const alone: number[] = [];
  for (const i of left.keys()) {
    if (i < right.length && near(i, i)) partnerOfRight.set(i, i);
    else alone.push(i);
  }
  const unpaired = alone.filter((i) => !augment(i));
  const extra = right.findIndex((_, j) => !partnerOfRight.has(j));
  return { missing: left[unpaired[0] ?? -1], extra: right[extra], gaveUp: trials > maxTrials };

  function augment(from: number): boolean {
    const reachedBy = new Map<number, number>(); // a row on the right, and the one on the left that it was tried for
    const queue = [from];
    for (let i = queue.shift(); i !== undefined; i = queue.shift()) {
      for (const j of right.keys()) {
        if (trials > maxTrials) return false;
        if (reachedBy.has(j) || !near(i, j)) continue;
        reachedBy.set(j, i);
        const next = partnerOfRight.get(j);
        if (next === undefined) {
          reassign(j, reachedBy);
          return true;
        }
        queue.push(next);
      }
    }
    return false;
  }

  /** Gives each row on the path the partner it was reached by. */
  function reassign(last: number, reachedBy: ReadonlyMap<number, number>): void {
    const previous = new Map([...partnerOfRight].map(([j, i]) => [i, j]));
    for (let j: number | undefined = last; j !== undefined; ) {
      const i: number = reachedBy.get(j)!;
      partnerOfRight.set(j, i);
      j = previous.get(i);
    }
  }
}

function isNear(expected: Cell, actual: Cell, { absolute, relative }: Tolerance): boolean {
  if (exactForm(expected) === exactForm(actual)) return true;
  if (expected === null || actual === null || !isNumber(expected) || !isNumber(actual)) return false;
  if (expected[0] === "i" && actual[0] === "i") return false;
  const [wanted, got] = [numberOf(expected), numberOf(actual)];
  return Number.isFinite(wanted) && Math.abs(wanted - got) <= Math.max(absolute, relative * Math.abs(wanted));
}

function isNumber(cell: string): boolean {
  return cell[0] === "i" || cell[0] === "r";
}

function numberOf(cell: string): number {
  return cell[0] === "r" ? realOf(cell) : Number(cell.slice(1));
}

/** What must be equal first, then the numbers: near rows come to stand near each other. */
function compareRows(a: Row, b: Row): number {
  const [one, other] = [a, b].map((row) => JSON.stringify(row.map((cell) => (cell !== null && isNumber(cell) ? 0 : cell))));
  if (one !== other) return one! < other! ? -1 : 1;
  for (const [i, cell] of a.entries()) {
    if (cell === null || !isNumber(cell)) continue;
    const difference = numberOf(cell) - numberOf(b[i]!);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

function shownRow(row: Row | undefined): string {
  if (row === undefined) return "no such row";
  const cells = row.slice(0, maxShownCells).map(shownCell);
  return `(${cells.join(", ")}${row.length > maxShownCells ? `, ... ${row.length} columns` : ""})`;
}

function shownCell(cell: Cell): string {
  if (cell === null) return "NULL";
  const value = cell.slice(1);
  if (isNumber(cell)) return value;
  return cell[0] === "t"
    ? quoteExcerpt(value, maxShownChars)
    : `x'${value.slice(0, maxShownChars)}${value.length > maxShownChars ? "..." : ""}'`;
}
