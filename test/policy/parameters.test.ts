import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { numElements } from "../../src/graph/shape.ts";

import { parameterLayout } from "../../src/policy/architecture.ts";
import { parameterInputs, parameterPieces } from "../../src/policy/parameters.ts";
import { tinyConfig } from "../support/tinyPolicy.ts";

const layout = parameterLayout(tinyConfig());

describe("parameterPieces", () => {
  test("cover every tensor once, in the order of the layout", () => {
    const pieces = parameterPieces(layout);
    const covered = layout.entries.map(({ offset, shape }) => ({ from: offset, to: offset + numElements(shape) }));
    const joined: { from: number; to: number }[] = [];
    for (const { offset, shape } of pieces) {
      const last = joined.at(-1);
      if (last?.to === offset && !covered.some(({ from }) => from === offset)) last.to += numElements(shape);
      else joined.push({ from: offset, to: offset + numElements(shape) });
    }
    assert.deepEqual(joined, covered);
    assert.equal(new Set(pieces.map(({ name }) => name)).size, pieces.length);
  });

  test("cut an expert tensor into its experts' matrices", () => {
    // up of layer 1 is [4, 16, 32]: each expert has 512 floats.
    const { offset } = layout.entries.find(({ name }) => name === "layers.1.up")!;
    const third = parameterPieces(layout).find(({ name }) => name === "layers.1.up.2");
    assert.deepEqual(third, { name: "layers.1.up.2", shape: [16, 32], offset: offset + 1024 });
  });
});

describe("parameterInputs", () => {
  test("make one input for a name, with the piece's shape, and remember which were used", () => {
    const inputs = parameterInputs(parameterPieces(layout));
    const norm = inputs.get("finalNorm");
    assert.equal(inputs.get("finalNorm"), norm);
    assert.deepEqual([norm.shape, norm.dtype], [[32], "float32"]);
    inputs.get("layers.0.down.3");
    assert.deepEqual(
      inputs.used().map(({ piece }) => piece.name),
      ["finalNorm", "layers.0.down.3"],
    );
  });

  test("refuse a name that no parameter has", () => {
    assert.throws(() => parameterInputs(parameterPieces(layout)).get("layers.0.down"), /no parameter is called "layers.0.down"/);
  });
});
