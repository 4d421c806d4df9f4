// How long big integers are. JavaScript has no operation for it; the digits of a hexadecimal text are counted, which takes time
// in proportion to the length.

/** Bits of the absolute value, rounded up to a multiple of 4 for numbers beyond 2^53; 0 for 0. */
export function bitLength(value: bigint): number {
  const absolute = value < 0n ? -value : value;
  if (absolute < 0x20000000000000n) {
    const small = Number(absolute);
    return small === 0 ? 0 : Math.floor(Math.log2(small)) + 1;
  }
  return absolute.toString(16).length * 4;
}
