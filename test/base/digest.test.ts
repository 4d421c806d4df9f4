import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { digestBytes, digestFile, digestJson } from "../../src/base/digest.ts";
import { tempFolder } from "../support/tempFolder.ts";

// SHA-256 of "abc", FIPS 180-4 example.
const shaOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("digestBytes", () => {
  const bytes = new TextEncoder().encode("xabcx");

  test("is SHA-256", () => {
    assert.equal(digestBytes(bytes.slice(1, 4)), shaOfAbc);
  });

  test("covers the bytes of a view and not those around it", () => {
    assert.equal(digestBytes(bytes.subarray(1, 4)), shaOfAbc);
    assert.equal(digestBytes(new DataView(bytes.buffer, 1, 3)), shaOfAbc);
  });

  test("takes parts as if they stood after one another", () => {
    assert.equal(digestBytes(bytes.subarray(1, 2), bytes.subarray(2, 4)), shaOfAbc);
  });

  test("tells -0 from 0, since the bits differ", () => {
    assert.notEqual(digestBytes(new Float32Array([-0])), digestBytes(new Float32Array([0])));
  });
});

describe("digestFile", () => {
  test("is SHA-256 of the content, however many pieces it is read in", (t) => {
    const path = join(tempFolder(t), "file");
    writeFileSync(path, "abc");
    assert.equal(digestFile(path), shaOfAbc);
    const large = Buffer.alloc(2.5 * 2 ** 20, "abcd");
    writeFileSync(path, large);
    assert.equal(digestFile(path), digestBytes(large));
  });
});

describe("digestJson", () => {
  test("is SHA-256 of the canonical text", () => {
    assert.equal(digestJson({ b: 1, a: "ü" }), digestBytes(new TextEncoder().encode('{"a":"ü","b":1}')));
  });

  test("does not depend on the order of keys but on every value", () => {
    assert.equal(digestJson({ a: 1, b: [2] }), digestJson({ b: [2], a: 1 }));
    assert.notEqual(digestJson({ a: 1, b: [2] }), digestJson({ a: 1, b: [3] }));
  });
});
