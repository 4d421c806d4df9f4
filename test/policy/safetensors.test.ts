import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import fc from "fast-check";

import { CheckpointError } from "../../src/base/errors.ts";
import { openSafetensors, safetensorsChunks } from "../../src/policy/safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "whetstone-safetensors-"));
after(() => rmSync(folder, { recursive: true }));

const path = join(folder, "x.safetensors");

/** A file written by hand: header text as given, data as bytes. */
function file(header: object | string, data: readonly number[] = []): string {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  writeFileSync(path, Buffer.concat([Buffer.from([json.length & 255, json.length >> 8, 0, 0, 0, 0, 0, 0]), json, Buffer.from(data)]));
  return path;
}

const tensor = (dtype: string, shape: readonly number[], ...data_offsets: readonly number[]) => ({ dtype, shape, data_offsets });

function refusal(header: object | string, data: readonly number[] = []): string {
  file(header, data);
  return refusalOfFile();
}

function refusalOfFile(): string {
  try {
    openSafetensors(path)[Symbol.dispose]();
  } catch (error) {
    assert.ok(error instanceof CheckpointError, `${error}`);
    assert.ok(error.message.includes(path), error.message);
    return error.message;
  }
  return assert.fail("was not refused");
}

describe("openSafetensors", () => {
  test("reads single precision from hand-written bytes", () => {
    // 1.5 = 0x3fc00000, -2 = 0xc0000000, little-endian; the second tensor lies first.
    using opened = openSafetensors(
      file({ __metadata__: { a: "b" }, late: tensor("F32", [1, 2], 4, 12), early: tensor("F32", [], 0, 4) }, [
        ...[0, 0, 0x80, 0x3f],
        ...[0, 0, 0xc0, 0x3f],
        ...[0, 0, 0, 0xc0],
      ]),
    );
    assert.deepEqual([...opened.tensors.keys()], ["late", "early"]);
    assert.deepEqual([...opened.read("late")], [1.5, -2]);
    assert.deepEqual([...opened.read("early")], [1]);
  });

  test("widens bfloat16, which is the upper half of single precision", () => {
    using opened = openSafetensors(file({ a: tensor("BF16", [3], 0, 6) }, [0xc0, 0x3f, 0x49, 0xc0, 0x80, 0xff]));
    assert.deepEqual([...opened.read("a")], [1.5, -3.140625, Number.NEGATIVE_INFINITY]);
  });

  test("widens binary16, subnormals included", () => {
    // Named values of IEEE 754 binary16: 1, -2, largest 65504, smallest normal 2^-14, largest and smallest subnormal, infinity, -0, NaN.
    const halves = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x7c00, 0x8000, 0x7e00];
    using opened = openSafetensors(
      file(
        { a: tensor("F16", [9], 0, 18) },
        halves.flatMap((half) => [half & 255, half >> 8]),
      ),
    );
    const expected = [1, -2, 65504, 2 ** -14, 1023 * 2 ** -24, 2 ** -24, Number.POSITIVE_INFINITY, -0, Number.NaN];
    assert.deepEqual([...opened.read("a")], expected);
  });

  test("refuses a truncated file, wherever it was cut", () => {
    writeFileSync(path, Buffer.alloc(5));
    assert.match(refusalOfFile(), /truncated: the header's length takes 8 bytes, got a file of 5/);
    writeFileSync(path, Buffer.from([100, 0, 0, 0, 0, 0, 0, 0, 123]));
    assert.match(refusalOfFile(), /truncated: the header ends at byte 108, got a file of 9/);
    assert.match(refusal({ a: tensor("F32", [2], 0, 8) }, [1, 2, 3, 4]), /truncated: tensor "a" ends at byte 8 of the data, got 4/);
  });

  test("refuses a header that claims to be huge", () => {
    writeFileSync(path, Buffer.alloc(64, 255));
    assert.match(refusalOfFile(), /may take 100000000 bytes.*not a safetensors file\?/);
  });

  test("refuses tensors that overlap, leave holes, or do not fill the data", () => {
    const four = [1, 2, 3, 4, 5, 6, 7, 8];
    assert.match(refusal({ a: tensor("F32", [1], 0, 4), b: tensor("F32", [1], 0, 4) }, four), /tensor "b": overlaps/);
    assert.match(refusal({ a: tensor("F32", [1], 4, 8) }, four), /tensor "a": leaves a hole before it, starts at 4, expected 0/);
    assert.match(refusal({ a: tensor("F32", [1], 0, 4) }, four), /tensors cover 4 bytes of data, got 8/);
    assert.match(refusal({ a: tensor("BF16", [1], 0, 2), b: tensor("F32", [1], 2, 6) }, four), /tensor "b": misaligned, F32 at byte 2/);
  });

  test("refuses a tensor whose bytes do not fit its shape", () => {
    assert.match(
      refusal({ a: tensor("F32", [3], 0, 8) }, [1, 2, 3, 4, 5, 6, 7, 8]),
      /tensor "a": F32 of shape \[3\] takes 12 bytes, got 8/,
    );
    assert.match(refusal({ a: tensor("F32", [1], 0, 8) }, [1, 2, 3, 4, 5, 6, 7, 8]), /takes 4 bytes, got 8/);
    assert.match(refusal({ a: tensor("F32", [1], 4, 0) }, []), /takes 4 bytes, got -4/);
  });

  test("refuses element types and headers it does not know, naming the tensor", () => {
    assert.match(refusal({ a: tensor("F8_E4M3", [1], 0, 1) }, [1]), /tensor "a": dtype: .*"F32"/);
    assert.match(refusal({ a: tensor("F32", [-1], 0, 4) }, [1, 2, 3, 4]), /tensor "a": shape.0/);
    assert.match(refusal({ a: { dtype: "F32" } }), /tensor "a"/);
    assert.match(refusal("{not json"), /header must be JSON/);
    assert.match(refusal("[]"), /header/);
    assert.match(refusal("null"), /header/);
  });

  test("names a file that is not there", () => {
    assert.throws(() => openSafetensors(join(folder, "absent")), /reading ".*absent" failed: ENOENT/);
  });

  test("meets any damage with a CheckpointError or with what it can still read", () => {
    const whole = Buffer.concat([
      ...safetensorsChunks([
        { name: "a", shape: [2, 2], values: () => new Float32Array(4) },
        { name: "b", shape: [3], values: () => new Float32Array(3) },
      ]),
    ]);
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(whole.length), (changes, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(path, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
        try {
          using opened = openSafetensors(path);
          for (const name of opened.tensors.keys()) opened.read(name);
        } catch (error) {
          assert.ok(error instanceof CheckpointError, `${error}`);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

describe("safetensorsChunks", () => {
  test("writes length, padded header and data as the format says", () => {
    const bytes = Buffer.concat([...safetensorsChunks([{ name: "w", shape: [2], values: () => Float32Array.of(1, -2) }], { step: "7" })]);
    const headerBytes = Number(bytes.readBigUInt64LE());
    assert.equal(headerBytes % 8, 0);
    const expected = '{"__metadata__":{"format":"pt","step":"7"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    assert.equal(
      bytes
        .subarray(8, 8 + headerBytes)
        .toString()
        .trimEnd(),
      expected,
    );
    assert.deepEqual([...bytes.subarray(8 + headerBytes)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });

  test("is read back to the bit, not-a-numbers and negative zero included", () => {
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 0, maxLength: 40 }), (bits) => {
        const values = new Float32Array(bits.buffer, bits.byteOffset, bits.length);
        const tensors = [
          { name: "é\n", shape: [bits.length, 1], values: () => values },
          { name: "", shape: [], values: () => Float32Array.of(3) },
        ];
        writeFileSync(path, Buffer.concat([...safetensorsChunks(tensors)]));
        using opened = openSafetensors(path);
        assert.deepEqual(new Uint32Array(opened.read("é\n").buffer), new Uint32Array(bits));
        assert.deepEqual([...opened.read("")], [3]);
      }),
      { numRuns: 50, seed: 2 },
    );
  });

  test("asks for a tensor's values only when its turn comes", () => {
    const asked: string[] = [];
    const source = (name: string) => ({
      name,
      shape: [1],
      values: () => {
        asked.push(name);
        return new Float32Array(1);
      },
    });
    const chunks = safetensorsChunks([source("a"), source("b")]);
    chunks.next();
    chunks.next();
    assert.deepEqual(asked, []);
    chunks.next();
    assert.deepEqual(asked, ["a"]);
  });
});
