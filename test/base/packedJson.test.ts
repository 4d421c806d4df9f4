import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { packJson, unpackJson } from "../../src/base/packedJson.ts";

const throughText = (value: unknown): unknown => unpackJson(JSON.parse(JSON.stringify(packJson(value))));

describe("packJson", () => {
  test("brings plain data and typed arrays back through text, in every bit", () => {
    fc.assert(
      fc.property(fc.float32Array(), fc.int32Array(), fc.uint8Array(), fc.uint16Array(), fc.jsonValue(), (f, i, b, w, plain) => {
        const value = { f, list: [{ i }, b, w], plain };
        assert.deepEqual(throughText(value), value);
      }),
    );
  });

  test("packs the part that a view shows, not all that it lies in", () => {
    assert.deepEqual(throughText(Int32Array.of(1, 2, 3, 4).subarray(1, 3)), Int32Array.of(2, 3));
  });

  test("keeps NaN in arrays and its bits", () => {
    const odd = new Float32Array(Uint32Array.of(0x7fc00123, 0x80000000).buffer);
    assert.deepEqual(new Uint32Array((throughText(odd) as Float32Array<ArrayBuffer>).buffer), new Uint32Array(odd.buffer));
  });

  test("does not take data that looks like a packed array for one", () => {
    const value = { $array: "Int32Array", base64: "AAAA", $$array: 1, list: [packJson(Int32Array.of(7))] };
    assert.deepEqual(throughText(value), value);
  });

  test("keeps numbers that JSON cannot say", () => {
    const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, { $number: "1" }];
    assert.deepEqual(throughText(numbers), numbers);
  });

  test("leaves out keys without a value", () => {
    assert.deepEqual(throughText({ reward: undefined, index: 1 }), { index: 1 });
  });

  test("refuses what JSON would change silently", () => {
    assert.throws(() => packJson([() => 1]), /must be plain data, got a function/);
    assert.throws(() => packJson(new Float64Array(1)), /must be one of .*, got Float64Array/);
  });
});
