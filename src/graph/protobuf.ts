// The part of the protocol-buffer wire format that ONNX files need: varints, floats, and length-delimited fields.
// https://protobuf.dev/programming-guides/encoding/

/** A message under construction: its encoded fields in order. */
export type Field = Uint8Array;

export function varintField(field: number, value: number | bigint): Field {
  return concat([varint(field * 8), varint(value)]);
}

export function floatField(field: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint(field * 8 + 5), bytes]);
}

export function bytesField(field: number, bytes: Uint8Array): Field {
  return concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

export function stringField(field: number, text: string): Field {
  return bytesField(field, new TextEncoder().encode(text));
}

export function messageField(field: number, fields: readonly Field[]): Field {
  return bytesField(field, concat(fields));
}

export function packedField(field: number, values: readonly number[]): Field {
  return bytesField(field, concat(values.map(varint)));
}

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
