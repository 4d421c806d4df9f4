// Ties: what ops with kinks and steps do exactly there. Central differences cannot say, so the rules are written down here,
// and the engine follows them too.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { gradients } from "../../../src/graph/backward.ts";
import { evaluate64 } from "../../../src/graph/evaluate64.ts";
import { abs, clip, lessOrEqual, lessThan, maximum, minimum, sum } from "../../../src/graph/ops.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { row } from "../../support/arrays.ts";
import { engineFor } from "../../support/engine.ts";

/** The values of several tensors, on which the engine and the reference agree to the last digit. */
async function agreed(...tensors: readonly Tensor[]): Promise<number[][]> {
  const values = evaluate64(tensors).map(({ data }) => [...data]);
  await using engine = await engineFor(tensors);
  assert.deepEqual(
    (await engine.run({})).map(({ data }) => [...data]),
    values,
  );
  return values;
}

const a = row(1, 2, 3);
const b = row(2, 2, 2);

describe("at a tie", () => {
  test("minimum sends the gradient to its first argument", async () => {
    assert.deepEqual(await agreed(minimum(a, b), ...gradients(sum(minimum(a, b)), [a, b])), [
      [1, 2, 2],
      [1, 1, 0],
      [0, 0, 1],
    ]);
  });

  test("maximum sends the gradient to its first argument", async () => {
    assert.deepEqual(await agreed(maximum(a, b), ...gradients(sum(maximum(a, b)), [a, b])), [
      [2, 2, 3],
      [0, 1, 1],
      [1, 0, 0],
    ]);
  });

  test("minimum and maximum of a tensor with itself have gradient one", async () => {
    const [byMinimum] = gradients(sum(minimum(a, a)), [a]);
    const [byMaximum] = gradients(sum(maximum(a, a)), [a]);
    assert.deepEqual(await agreed(byMinimum!, byMaximum!), [
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  test("clip lets the gradient through on both bounds", async () => {
    const x = row(0.5, 1, 2, 3, 4);
    const clipped = clip(x, 1, 3);
    assert.deepEqual(await agreed(clipped, gradients(sum(clipped), [x])[0]!), [
      [1, 1, 2, 3, 3],
      [0, 1, 1, 1, 0],
    ]);
  });

  test("clip between equal bounds is that bound, with a gradient only there", async () => {
    const x = row(1, 2, 3);
    const clipped = clip(x, 2, 2);
    assert.deepEqual(await agreed(clipped, gradients(sum(clipped), [x])[0]!), [
      [2, 2, 2],
      [0, 1, 0],
    ]);
  });

  test("abs has gradient zero at zero", async () => {
    const x = row(-2, 0, 2);
    assert.deepEqual(await agreed(abs(x), gradients(sum(abs(x)), [x])[0]!), [
      [2, 0, 2],
      [-1, 0, 1],
    ]);
  });

  test("only lessOrEqual holds", async () => {
    assert.deepEqual(await agreed(lessThan(a, b), lessOrEqual(a, b)), [
      [1, 0, 0],
      [1, 1, 0],
    ]);
  });
});
