// Bytes of the wire format. Varint, string and packed bytes are the examples of https://protobuf.dev/programming-guides/encoding/.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bytesField,
  concat,
  type Field,
  floatField,
  messageField,
  packedField,
  stringField,
  varintField,
} from "../../src/graph/protobuf.ts";

const hex = (field: Field): string => Buffer.from(field).toString("hex");

test("a varint has seven bits a byte, the lowest first", () => {
  assert.equal(hex(varintField(1, 150)), "089601");
  assert.equal(hex(varintField(1, 0)), "0800");
  assert.equal(hex(varintField(1, 127)), "087f");
  assert.equal(hex(varintField(1, 128)), "088001");
});

test("a varint keeps all 64 bits", () => {
  assert.equal(hex(varintField(1, 2 ** 53)), "088080808080808010");
  assert.equal(hex(varintField(1, (1n << 64n) - 1n)), "08ffffffffffffffffff01");
});

test("a negative varint takes ten bytes", () => {
  assert.equal(hex(varintField(1, -1)), "08ffffffffffffffffff01");
  assert.equal(hex(varintField(1, -2)), "08feffffffffffffffff01");
});

test("field numbers from 16 on take two bytes", () => {
  assert.equal(hex(varintField(15, 1)), "7801");
  assert.equal(hex(varintField(16, 1)), "800101");
  assert.equal(hex(varintField(20, 7)), "a00107");
});

test("a float is four bytes, little-endian, rounded to float32", () => {
  assert.equal(hex(floatField(2, 1)), "150000803f");
  assert.equal(hex(floatField(2, -0.1)), "15cdccccbd");
});

test("strings carry their length in bytes, not characters", () => {
  assert.equal(hex(stringField(2, "testing")), "120774657374696e67");
  assert.equal(hex(stringField(1, "ü")), "0a02c3bc");
  assert.equal(hex(stringField(1, "")), "0a00");
});

test("packed numbers stand in one field", () => {
  assert.equal(hex(packedField(6, [3, 270, 86942])), "3206038e029ea705");
  assert.equal(hex(packedField(1, [])), "0a00");
});

test("messages nest, with lengths past one byte", () => {
  assert.equal(hex(messageField(3, [varintField(1, 150)])), "1a03089601");
  assert.equal(hex(bytesField(1, new Uint8Array(200))), `0ac801${"00".repeat(200)}`);
});

test("parts are laid after one another", () => {
  assert.deepEqual(concat([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]), Uint8Array.of(1, 2, 3));
  assert.deepEqual(concat([]), new Uint8Array(0));
});
