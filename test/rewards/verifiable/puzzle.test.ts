import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { maxAnswerChars, puzzle } from "../../../src/rewards/verifiable/puzzle.ts";
import { cpuMsOf } from "../../support/cpuTime.ts";
import { scoreOf, verdictOf } from "./verdictOf.ts";

async function told(reference: object, answer: string): Promise<string> {
  const verdict = await verdictOf(puzzle, { reference: reference as never, answer });
  return verdict.kind === "scored" ? `${verdict.score}: ${verdict.evidence}` : `${verdict.failure}: ${verdict.reason}`;
}

/** A filled grid of any box size: rows shifted so that rows, columns and boxes hold each number once. */
function filledGrid([rows, columns]: readonly [number, number]): number[][] {
  const size = rows * columns;
  return Array.from({ length: size }, (_, r) =>
    Array.from({ length: size }, (_, c) => ((r * columns + Math.floor(r / rows) + c) % size) + 1),
  );
}

describe("puzzle: sudoku", () => {
  const grid = filledGrid([3, 3]);
  const open = grid.map((row, r) => row.map((cell, c) => ((r + c) % 3 === 0 ? cell : 0)));
  const reference = { kind: "sudoku", grid: open };
  const lines = (rows: number[][], between = " ") => rows.map((row) => row.join(between)).join("\n");

  test("reads rows with blanks, without, with bars, and as JSON", async () => {
    const barred = grid.map((row) => `| ${[row.slice(0, 3), row.slice(3, 6), row.slice(6)].map((part) => part.join(" ")).join(" | ")} |`);
    const forms = [
      lines(grid),
      lines(grid, ""),
      lines(grid, ", "),
      JSON.stringify(grid),
      [...barred.slice(0, 3), "------+-------+------", ...barred.slice(3)].join("\n"),
    ];
    for (const answer of forms) assert.match(await told(reference, answer), /^1: /, answer);
    assert.match(await told(reference, `Here it is:\n\`\`\`\n${lines(grid)}\n\`\`\``), /^1: /);
  });

  test("refuses any grid that differs in one cell", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(8), fc.nat(8), fc.integer({ min: 1, max: 9 }), async (r, c, value) => {
        const changed = grid.map((row, i) => row.map((cell, j) => (i === r && j === c ? value : cell)));
        assert.equal(await scoreOf(puzzle, { reference, answer: lines(changed) }), value === grid[r]![c] ? 1 : 0);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test("says which rule a grid breaks", async () => {
    assert.match(await told(reference, lines(grid.slice(1))), /^0: the grid is not 9 by 9/);
    const swapped = [grid[1]!, grid[0]!, ...grid.slice(2)];
    assert.match(await told(reference, lines(swapped)), /^0: row 1, column \d is given as/);
    const blank = { kind: "sudoku", grid: grid.map((row) => row.map(() => 0)) };
    const latin = Array.from({ length: 9 }, (_, r) => Array.from({ length: 9 }, (_, c) => ((r + c) % 9) + 1));
    assert.match(await told(blank, lines(latin)), /^0: \d stands twice in the box of row/);
    assert.match(await told(blank, lines(grid.map((row) => row.map(() => 0)))), /^0: a cell is not from 1 to 9/);
  });

  test("has boxes of any shape", async () => {
    const six = filledGrid([2, 3]);
    const blanks = six.map((row) => row.map(() => 0));
    assert.match(await told({ kind: "sudoku", grid: blanks, box: [2, 3] }, lines(six)), /^1: /);
    assert.match(await told({ kind: "sudoku", grid: blanks, box: [3, 2] }, lines(six)), /^0: \d stands twice in the box/);
    assert.match(await told({ kind: "sudoku", grid: blanks }, lines(six)), /^reference: /);
  });
});

describe("puzzle: the others", () => {
  test("finds exactly the 92 solutions for eight queens", async () => {
    let found = 0;
    const place = async (columns: number[]): Promise<void> => {
      if (columns.length === 8) {
        found += Number(await scoreOf(puzzle, { reference: { kind: "n-queens", size: 8 }, answer: columns.join(" ") }));
        return;
      }
      // All permutations of the last four rows, below every permutation that a rook's rule allows and a coarse queen's rule keeps.
      for (let column = 1; column <= 8; column++) {
        if (columns.includes(column) || Math.abs((columns.at(-1) ?? 99) - column) === 1) continue;
        await place([...columns, column]);
      }
    };
    await place([]);
    assert.equal(found, 92);
  });

  test("names the queens that attack each other, also along diagonals", async () => {
    assert.match(await told({ kind: "n-queens", size: 5 }, "1 3 5 2 5"), /^0: the queens of rows 3 and 5 attack/);
    assert.match(await told({ kind: "n-queens", size: 4 }, "1 3 4 2"), /^0: the queens of rows 2 and 3 attack/);
    assert.match(await told({ kind: "n-queens", size: 4 }, "4 1 2 3"), /^0: the queens of rows 2 and 3 attack/);
  });

  test("moves the blank, within the board, to the goal", async () => {
    const reference = {
      kind: "sliding-tiles",
      start: [
        [1, 2, 3],
        [4, 0, 6],
        [7, 5, 8],
      ],
    };
    assert.match(await told(reference, "down, right"), /^1: 2 moves/);
    assert.match(await told(reference, "DR"), /^1: /);
    assert.match(await told(reference, "up, right"), /^0: 2 moves end at/);
    assert.match(await told(reference, "down, down"), /^0: move 2, down, leaves the board/);
    assert.match(await told({ ...reference, maxMoves: 3 }, "D U D R"), /^0: more moves than the 3 allowed/);
    assert.match(
      await told(
        {
          ...reference,
          goal: [
            [1, 0, 3],
            [4, 2, 6],
            [7, 5, 8],
          ],
        },
        "up",
      ),
      /^1: /,
    );
    assert.match(await told(reference, "constructor"), /^0: "constructor" is no direction/);
  });

  test("undoes any walk of the blank by walking back", async () => {
    const words = ["up", "down", "left", "right"] as const;
    const back = { up: "down", down: "up", left: "right", right: "left" } as const;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 20 }), async (walk) => {
        const start = [
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 0],
        ];
        const answer = [...walk, ...walk.toReversed().map((word) => back[word])].join(" ");
        const said = await told({ kind: "sliding-tiles", start }, answer);
        assert.match(said, /^1: |leaves the board/);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  test("keeps passengers apart, on both banks", async () => {
    const reference = {
      kind: "river-crossing",
      passengers: ["wolf", "goat", "cabbage"],
      forbidden: [
        ["wolf", "goat"],
        ["goat", "cabbage"],
      ],
    };
    assert.match(await told(reference, "goat\nnothing\nwolf\ngoat\ncabbage\nnothing\ngoat"), /^1: all cross in 7/);
    assert.match(await told(reference, "wolf"), /^0: after crossing 1, goat and cabbage are alone/);
    assert.match(await told(reference, "goat\nnothing\nwolf\nnothing"), /^0: after crossing 4, wolf and goat are alone/);
    assert.match(await told(reference, "goat\nwolf"), /^0: crossing 2: "wolf" is not on the bank with the boat/);
    assert.match(await told(reference, "goat, goat"), /^0: crossing 1 takes 2 passengers/);
    assert.match(await told({ ...reference, capacity: 3 }, "wolf, goat, cabbage"), /^1: /);
    assert.match(
      await told({ ...reference, forbidden: [], capacity: 3 }, "wolf, goat, cabbage\nnothing"),
      /^0: the boat and its rower end on the left/,
    );
    assert.match(await told(reference, "goat\nnothing"), /^0: wolf, cabbage never crossed/);
  });

  test("adds up each number once, negative ones included", async () => {
    const reference = { kind: "subset-sum", numbers: [7, -3, 2, 2], target: 4 };
    for (const answer of ["2, 2", "7 + -3", "7, −3", "2 + 2 = 4", "(2) + (2)", "\\boxed{7, -3}"])
      assert.match(await told(reference, answer), /^1: /, answer);
    for (const answer of ["4", "2 2 2", "7", "2 + 2 = 5", "two and two", "7 - 3", "2.0, 2"])
      assert.match(await told(reference, answer), /^0: /, answer);
    assert.match(await told({ ...reference, count: 3 }, "2, 2"), /^0: 2 numbers, asked for 3/);
  });

  test("says what a colouring breaks", async () => {
    const reference = {
      kind: "graph-coloring",
      edges: [
        [1, 2],
        [2, 3],
      ],
      nodes: [1, 2, 3, 4],
      colors: 2,
    };
    assert.match(await told(reference, "1: a, 2: b, 3: a, 4: b"), /^1: 4 nodes in 2 colours/);
    assert.match(await told(reference, "1: a, 2: b, 3: a"), /^0: node 4 has no colour/);
    assert.match(await told(reference, "1: a, 2: b, 3: c, 4: a"), /^0: 3 colours, at most 2/);
    assert.match(await told(reference, "1: a, 2: b, 3: B, 4: a"), /^0: nodes 2 and 3 are joined and both b/);
    assert.match(await told(reference, "1: a, 1: b, 2: b"), /^0: node 1 is coloured twice/);
    assert.match(await told(reference, "constructor: a"), /^0: "constructor" is no node/);
  });

  test("scores 0 beyond its cap, and is fast up to it", async () => {
    assert.match(await told({ kind: "n-queens", size: 4 }, " ".repeat(maxAnswerChars + 1)), /^0: .*cap of 65536/);
    const references = [
      { kind: "n-queens", size: 4 },
      { kind: "graph-coloring", edges: [["a", "b"]], colors: 2 },
      { kind: "subset-sum", numbers: [1], target: 2 },
      { kind: "sliding-tiles", start: [[1, 0]] },
      { kind: "river-crossing", passengers: ["hen"], forbidden: [] },
      { kind: "sudoku", grid: [[0]] },
    ];
    for (const reference of references) {
      for (const unit of ["1 ", "a:1,", "\n", "a", " ", "[", "[[", "```\n", "1+", "=", ": ", "hen\n", "U"]) {
        const answer = `${unit.repeat(maxAnswerChars / unit.length - 1)}x`;
        const cpuMs = await cpuMsOf(async () => assert.match(await told(reference, answer), /^0: /));
        assert.ok(cpuMs < 1000, `${reference.kind} ${JSON.stringify(unit)}`);
      }
    }
  });
});
