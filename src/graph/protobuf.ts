// The part of the protocol-buffer wire format that ONNX files need: varints, floats, and length-delimited fields.
// https://protobuf.dev/programming-guides/encoding/

/** A message under construction: its encoded fields in order. */
export type Field = Uint8Array;

/** An integer: int64, uint64, bool or enum. */
export function varintField(field: number, value: number | bigint): Field {
  return concat([varint(field * 8), varint(value)]);
}

/** A float32. */
export function floatField(field: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint(field * 8 + 5), bytes]);
}

/** A length and that many bytes. */
export function bytesField(field: number, bytes: Uint8Array): Field {
  return concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

/** A string, in UTF-8. */
export function stringField(field: number, text: string): Field {
  return bytesField(field, new TextEncoder().encode(text));
}

/** A message inside a message. */
export function messageField(field: number, fields: readonly Field[]): Field {
  return bytesField(field, concat(fields));
}

/** Repeated integers in one field. */
export function packedField(field: number, values: readonly number[]): Field {
  return bytesField(field, concat(values.map(varint)));
}

/** Parts after one another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Negative numbers take ten bytes, as two's complement of 64 bits. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
