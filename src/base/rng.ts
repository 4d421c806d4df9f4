// Counter-based random numbers: every draw is a pure function of (key, position), so that nothing depends on
// the order in which work was done. The key is a digest of words such as (run seed, purpose, step, task, index).
//
// Philox-4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

import { createHash } from "node:crypto";

/** A stream of random numbers. Two streams with the same key give the same numbers. */
export interface Rng {
  /** Hex digest that names the stream; `rngFromSeed(rng.seed)` starts it again. */
  readonly seed: string;
  /** Uniform 32-bit unsigned integer. */
  uint32(): number;
  /** Uniform in the open interval (0, 1), 53 bits; never 0, so that its logarithm is finite. */
  uniform(): number;
  /** Uniform integer in [0, below). */
  int(below: number): number;
  /** Standard normal. */
  normal(): number;
  /** A new array in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** One element, uniformly. */
  pick<T>(items: readonly T[]): T;
}

/** The stream named by `words`; numbers and strings are told apart, so ("1") and (1) are different streams. */
export function rngFor(...words: readonly (string | number)[]): Rng {
  return rngFromSeed(createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 48));
}

/** The stream of a 48-digit hexadecimal seed: 16 digits of key, 32 digits of starting counter. */
export function rngFromSeed(seed: string): Rng {
  if (!/^[0-9a-f]{48}$/.test(seed)) throw new RangeError(`rngFromSeed: seed must be 48 hexadecimal digits, got "${seed}"`);
  const word = (i: number): number => Number.parseInt(seed.slice(i * 8, i * 8 + 8), 16) >>> 0;
  const key0 = word(0);
  const key1 = word(1);
  const block = new Uint32Array(4);
  let position = 0;
  let used = 4;

  const uint32 = (): number => {
    if (used === 4) {
      // The low 53 bits of the position go into the first two counter words; the rest of the counter is part of the seed.
      philox4x32(block, {
        counter: [(word(2) ^ position) >>> 0, (word(3) ^ Math.floor(position / 2 ** 32)) >>> 0, word(4), word(5)],
        key: [key0, key1],
      });
      position++;
      used = 0;
    }
    return block[used++]!;
  };
  const uniform = (): number => {
    const high = uint32() >>> 5;
    const low = uint32() >>> 6;
    return (high * 67108864 + low + 0.5) / 9007199254740992;
  };
  const int = (below: number): number => {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32)
      throw new RangeError(`rng.int: below must be an integer in 1..2^32, got ${below}`);
    // Rejection keeps the draw exactly uniform.
    const limit = 2 ** 32 - (2 ** 32 % below);
    let draw = uint32();
    while (draw >= limit) draw = uint32();
    return draw % below;
  };
  const shuffle = <T>(items: readonly T[]): T[] => {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = int(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  };
  return {
    seed,
    uint32,
    uniform,
    int,
    // Box-Muller; the second value is dropped so that a draw never depends on the one before.
    normal: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle,
    pick: (items) => items[int(items.length)]!,
  };
}

/** One Philox block: ten rounds over a 4-word counter with a 2-word key, written to `out`. */
export function philox4x32(
  out: Uint32Array,
  { counter, key }: { counter: readonly [number, number, number, number]; key: readonly [number, number] },
): void {
  // Scalars and plain assignments: this loop is the cost of every random number.
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  let k0 = key[0];
  let k1 = key[1];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit numbers, in 16-bit halves; every partial sum is below 2^32. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}
