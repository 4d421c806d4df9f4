// Safetensors files: an 8-byte header length, a JSON header, raw little-endian data. Reading goes tensor by tensor through a file
// descriptor, and everything a header claims is checked before a byte of data is touched.
//
// Format and limits: https://github.com/huggingface/safetensors (README and `safetensors/src/tensor.rs`).

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { CheckpointError } from "../base/errors.ts";
import { parseWith } from "../base/parse.ts";
import { numElements } from "../graph/shape.ts";

/** A tensor to be written. `values` is called once, when its turn comes, so that nothing is held longer than needed. */
export interface TensorSource {
  readonly name: string;
  readonly shape: readonly number[];
  values(): Float32Array;
}

/** What the header says of a tensor. */
export interface TensorHeader {
  readonly dtype: "F32" | "BF16" | "F16";
  readonly shape: readonly number[];
  /** Byte offsets, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** An open file; reads whatever its dtype to single precision. */
export interface SafetensorsFile extends Disposable {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorHeader>;
  read(name: string): Float32Array<ArrayBuffer>;
}

const bytesPerElement = { F32: 4, BF16: 2, F16: 2 } as const;

/** As in the reference implementation: a longer header is an attack or a file of another kind. */
const maxHeaderBytes = 100_000_000;

const Header = z.record(
  z.string(),
  z.object({
    dtype: z.enum(["F32", "BF16", "F16"]),
    shape: z.array(z.int().nonnegative()),
    data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
  }),
);

/** The file's content, piece by piece: the header, then each tensor's bytes. */
export function* safetensorsChunks(
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const header: Record<string, unknown> = { __metadata__: { format: "pt", ...metadata } };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + 4 * numElements(shape);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Spaces bring the data to a multiple of 8 bytes, so that readers may map the file.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  for (const { name, shape, values } of tensors) {
    const data = values();
    if (data.length !== numElements(shape))
      throw new RangeError(`safetensorsChunks: "${name}" has shape [${shape}] but ${data.length} values`);
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** Opens a file and checks its whole header. The caller disposes of it. */
export function openSafetensors(path: string): SafetensorsFile {
  const file = openFile(path);
  try {
    const { tensors, dataStart } = readHeader(path, file);
    return {
      path,
      tensors,
      read: (name) => readTensor({ path, file, name, header: tensors.get(name)!, dataStart }),
      [Symbol.dispose]: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new CheckpointError(
      `reading "${path}" failed: ${(cause as Error).message}; copy the file here, beside the others of its folder`,
      cause,
    );
  }
}

function readHeader(path: string, file: number): { tensors: ReadonlyMap<string, TensorHeader>; dataStart: number } {
  const fileBytes = fstatSync(file).size;
  if (fileBytes < 8) throw truncated(path, `the header's length takes 8 bytes, got a file of ${fileBytes}`);
  const headerBytes = Number(readBytes(path, { file, position: 0, length: 8 }).readBigUInt64LE());
  if (headerBytes > maxHeaderBytes) {
    throw new CheckpointError(
      `"${path}": the header may take ${maxHeaderBytes} bytes, its length says ${headerBytes}; not a safetensors file?`,
    );
  }
  const dataStart = 8 + headerBytes;
  if (dataStart > fileBytes) throw truncated(path, `the header ends at byte ${dataStart}, got a file of ${fileBytes}`);
  const tensors = parseHeader(path, readBytes(path, { file, position: 8, length: headerBytes }).toString("utf8"));
  checkCoverage(path, { tensors, dataBytes: fileBytes - dataStart });
  return { tensors, dataStart };
}

function parseHeader(path: string, text: string): ReadonlyMap<string, TensorHeader> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`"${path}": the header must be JSON, ${(cause as Error).message}`, cause);
  }
  if (typeof json === "object" && json !== null) Reflect.deleteProperty(json, "__metadata__");
  const parsed = parseWith(Header, json);
  if (!parsed.success) {
    const [tensor = "", ...field] = parsed.keys;
    throw new CheckpointError(`"${path}": tensor "${tensor}": ${field.join(".") || "header"}: ${parsed.rule}`, parsed.cause);
  }
  return new Map(
    Object.entries(parsed.data).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, begin, end }],
    ),
  );
}

/** Tensors must cover the data without overlaps or holes, each with the bytes its shape needs. */
function checkCoverage(path: string, { tensors, dataBytes }: { tensors: ReadonlyMap<string, TensorHeader>; dataBytes: number }): void {
  let covered = 0;
  for (const [name, { dtype, shape, begin, end }] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    const where = `"${path}": tensor "${name}"`;
    const needed = numElements(shape) * bytesPerElement[dtype];
    if (end - begin !== needed)
      throw new CheckpointError(`${where}: ${dtype} of shape [${shape}] takes ${needed} bytes, got ${end - begin}`);
    if (begin % bytesPerElement[dtype] !== 0) throw new CheckpointError(`${where}: misaligned, ${dtype} at byte ${begin} of the data`);
    if (begin !== covered) {
      throw new CheckpointError(
        `${where}: ${begin < covered ? "overlaps the tensor before it" : "leaves a hole before it"}, starts at ${begin}, expected ${covered}`,
      );
    }
    if (end > dataBytes) throw truncated(path, `tensor "${name}" ends at byte ${end} of the data, got ${dataBytes}`);
    covered = end;
  }
  if (covered !== dataBytes) throw new CheckpointError(`"${path}": tensors cover ${covered} bytes of data, got ${dataBytes}`);
}

interface TensorPlace {
  readonly path: string;
  readonly file: number;
  readonly name: string;
  readonly header: TensorHeader;
  readonly dataStart: number;
}

function readTensor({ path, file, header: { dtype, shape, begin, end }, dataStart }: TensorPlace): Float32Array<ArrayBuffer> {
  const values = new Float32Array(numElements(shape));
  const place = { path, file, position: dataStart + begin };
  if (dtype === "F32") {
    readInto(new Uint8Array(values.buffer), place);
    return values;
  }
  const halves = new Uint16Array(values.length);
  readInto(new Uint8Array(halves.buffer, 0, end - begin), place);
  const bits = new Uint32Array(values.buffer);
  const widen = dtype === "BF16" ? (half: number) => half << 16 : float16ToFloat32Bits;
  for (let i = 0; i < halves.length; i++) bits[i] = widen(halves[i]!);
  return values;
}

/** IEEE 754 binary16 to binary32: one sign bit, 5 bits of exponent (bias 15), 10 of fraction. */
function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal, fraction * 2^-24, is normal in single precision: shift its leading 1 out of the fraction.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

function readBytes(path: string, { file, position, length }: { file: number; position: number; length: number }): Buffer {
  const bytes = Buffer.alloc(length);
  readInto(bytes, { path, file, position });
  return bytes;
}

/** Fills `bytes`. One read returns at most 2 GiB, and may return less than asked for. */
function readInto(bytes: Uint8Array, { path, file, position }: { path: string; file: number; position: number }): void {
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
    if (count === 0) throw truncated(path, `it ended at byte ${position + done} while being read`);
    done += count;
  }
}

function truncated(path: string, what: string): CheckpointError {
  return new CheckpointError(`"${path}": truncated: ${what}; copy or download the file again`);
}
