// Dimensions as products of symbols, and the rules that shapes combine by.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { broadcastShapes, formatShape, mulDims, normalAxis, resolveDim, type Shape, sameDims, sizeOf } from "../../src/graph/shape.ts";

describe("mulDims", () => {
  test("multiplies numbers", () => {
    assert.equal(mulDims(2, 3, 4), 24);
    assert.equal(mulDims(), 1);
  });

  test("puts the number first and the symbols in order, whatever order they came in", () => {
    assert.equal(mulDims("T", 2, "B"), "2*B*T");
    assert.equal(mulDims("2*T", "3*B"), mulDims("B", 6, "T"));
    assert.equal(mulDims("N", "N"), "N*N");
  });

  test("drops a factor of one and collapses at zero", () => {
    assert.equal(mulDims(1, "N"), "N");
    assert.equal(mulDims("N", 0), 0);
  });

  test("takes symbols with digits for symbols", () => {
    assert.equal(mulDims("rows3expert0", 2), "2*rows3expert0");
  });
});

test("sizeOf counts elements, symbols included", () => {
  assert.equal(sizeOf([]), 1);
  assert.equal(sizeOf([2, 3]), 6);
  assert.equal(sizeOf(["N", 4, "2*M"]), "8*M*N");
  assert.equal(sizeOf(["N", 0]), 0);
});

test("sameDims tells symbols from numbers and ranks apart", () => {
  assert.ok(sameDims(["N", 3], ["N", 3]));
  assert.ok(!sameDims(["N", 3], ["M", 3]));
  assert.ok(!sameDims([3], [1, 3]));
  assert.ok(!sameDims(["3"], [3]));
});

test("formatShape prints as messages do", () => {
  assert.equal(formatShape([]), "[]");
  assert.equal(formatShape([4, "2*N"]), "[4,2*N]");
});

describe("broadcastShapes", () => {
  const rows: readonly [a: Shape, b: Shape, result: Shape | undefined][] = [
    [[], [], []],
    [[2, 3], [], [2, 3]],
    [[3], [2, 3], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [["N", 1], [4], ["N", 4]],
    [
      ["N", "M"],
      ["N", "M"],
      ["N", "M"],
    ],
    [
      [0, 3],
      [1, 3],
      [0, 3],
    ],
    [[2, 3], [2], undefined],
    [["N"], [3], undefined],
    [["N"], ["M"], undefined],
    [[0], [2], undefined],
  ];
  for (const [a, b, result] of rows) {
    test(`${formatShape(a)} and ${formatShape(b)} ${result === undefined ? "do not broadcast" : `make ${formatShape(result)}`}`, () => {
      assert.deepEqual(broadcastShapes(a, b), result);
      assert.deepEqual(broadcastShapes(b, a), result);
    });
  }
});

describe("resolveDim", () => {
  const bindings = new Map([
    ["N", 5],
    ["M", 0],
  ]);

  test("multiplies the sizes of the symbols", () => {
    assert.equal(resolveDim(7, bindings), 7);
    assert.equal(resolveDim("N", bindings), 5);
    assert.equal(resolveDim("2*N*N", bindings), 50);
    assert.equal(resolveDim("2*M", bindings), 0);
  });

  test("rejects a symbol without size", () => {
    assert.throws(() => resolveDim("2*K", bindings), new RangeError('resolveDim: symbol "K" has no value'));
  });
});

describe("normalAxis", () => {
  test("counts negative axes from the back", () => {
    assert.equal(normalAxis(0, 3), 0);
    assert.equal(normalAxis(-1, 3), 2);
    assert.equal(normalAxis(-3, 3), 0);
  });

  test("is undefined outside, between axes and for scalars", () => {
    assert.deepEqual(
      [normalAxis(3, 3), normalAxis(-4, 3), normalAxis(0.5, 3), normalAxis(0, 0)],
      [undefined, undefined, undefined, undefined],
    );
  });
});
