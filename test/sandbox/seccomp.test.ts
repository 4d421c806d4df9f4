// The filter as the kernel would run it: an interpreter of classic BPF over invented system calls. That the kernel agrees is the escape
// suite's business.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { refusedCalls, seccompFilter } from "../../sandbox/seccomp.ts";

const architectures = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const allow = 0x7fff0000;
const kill = 0x80000000;
const eperm = 0x00050001;
const enosys = 0x00050026;

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly number[];
}

/** struct seccomp_data: nr, arch, instruction pointer, six arguments. */
function run(filter: Uint8Array, { arch, number, args = [] }: Call): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  args.forEach((value, i) => {
    data.setBigUint64(16 + 8 * i, BigInt(value), true);
  });
  const code = new DataView(filter.buffer);
  let loaded = 0;
  for (let at = 0; at < filter.length / 8; at++) {
    const [operation, ifTrue, ifFalse, value] = [
      code.getUint16(at * 8, true),
      code.getUint8(at * 8 + 2),
      code.getUint8(at * 8 + 3),
      code.getUint32(at * 8 + 4, true),
    ];
    if (operation === 0x20) loaded = data.getUint32(value, true);
    else if (operation === 0x06) return value;
    else {
      const holds =
        operation === 0x15
          ? loaded === value
          : operation === 0x35
            ? loaded >= value
            : operation === 0x45
              ? (loaded & value) !== 0
              : undefined;
      assert.notEqual(holds, undefined, `an instruction that is none: ${operation}`);
      at += holds ? ifTrue : ifFalse;
    }
  }
  throw new Error("the filter ended without an answer");
}

describe("seccompFilter", () => {
  for (const [name, arch] of Object.entries(architectures) as ["x64" | "arm64", number][]) {
    const filter = seccompFilter(name);
    const answer = (number: number, ...args: readonly number[]) => run(filter, { arch, number, args });
    const column = name === "x64" ? 0 : 1;
    const [socket, socketpair, clone, clone3, prctl, ioctl] = name === "x64" ? [41, 53, 56, 435, 157, 16] : [198, 199, 220, 435, 167, 29];

    test(`${name}: refuses every call of its table`, () => {
      for (const [call, row] of Object.entries(refusedCalls)) {
        if (row[column] !== undefined) assert.equal(answer(row[column]), eperm, call);
      }
    });
    test(`${name}: allows what interpreters need`, () => {
      const needed = name === "x64" ? [0, 1, 2, 3, 9, 10, 59, 60, 202, 231, 257] : [56, 57, 63, 64, 93, 94, 98, 221, 222, 226];
      for (const number of needed) assert.equal(answer(number), allow, `${number}`);
    });
    test(`${name}: allows no socket but those between processes`, () => {
      for (const call of [socket!, socketpair!]) {
        assert.equal(answer(call, 1), allow);
        for (const family of [0, 2, 10, 16, 17, 40]) assert.equal(answer(call, family), eperm, `${family}`);
        assert.equal(answer(call, 2 + 2 ** 32), eperm, "only the lower half counts");
      }
    });
    test(`${name}: allows threads and children, but no new namespaces`, () => {
      assert.equal(answer(clone!, 0x3d0f00), allow);
      assert.equal(answer(clone!, 17), allow);
      for (let bit = 0; bit < 31; bit++) {
        const isNamespace = [17, 25, 26, 27, 28, 29, 30].includes(bit);
        assert.equal(answer(clone!, 2 ** bit), isNamespace ? eperm : allow, `bit ${bit}`);
      }
      assert.equal(answer(clone3!), enosys);
    });
    test(`${name}: death with the supervisor stays on, terminals are not typed into`, () => {
      assert.deepEqual([answer(prctl!, 1), answer(prctl!, 35), answer(prctl!, 15)], [eperm, eperm, allow]);
      assert.deepEqual([answer(ioctl!, 0, 0x5412), answer(ioctl!, 0, 0x541c), answer(ioctl!, 0, 0x5401)], [eperm, eperm, allow]);
    });
    test(`${name}: kills a program that speaks another processor's calls`, () => {
      for (const other of [0x40000003, ...Object.values(architectures).filter((value) => value !== arch)]) {
        assert.equal(run(filter, { arch: other, number: 1 }), kill);
      }
    });
  }

  test("x64: kills a program that uses the x32 table, where all numbers are different", () => {
    const filter = seccompFilter("x64");
    assert.equal(run(filter, { arch: architectures.x64, number: 0x40000000 + 1 }), kill);
    assert.equal(run(filter, { arch: architectures.x64, number: 0xffffffff }), kill);
  });
});
