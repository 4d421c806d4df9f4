// A compiled graph. Inputs enter without a copy; outputs are copied by the engine, so graphs return little.
//
// Graph optimisation is off: what runs is what was written, and the same operators run in every graph that contains the same ops,
// which the equality of sampled and recomputed log-probabilities rests on.

import * as ort from "onnxruntime-node";

import { EngineError } from "../base/errors.ts";
import type { OnnxModel } from "../graph/onnx.ts";
import type { DType } from "../graph/tensor.ts";

/** A dense array that enters or leaves the engine. `data` may be a view of a larger array. */
export interface NDArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** How a graph is run. */
export interface SessionOptions {
  /** Threads inside one operator, fewer where the graph says that more would change bits. */
  readonly numThreads: number;
  /** Path prefix of a profile that the engine writes when the session is released. */
  readonly profilePrefix?: string;
}

/** A graph that can be run, until it is disposed of. */
export interface Session extends AsyncDisposable {
  readonly model: OnnxModel;
  /**
   * Runs the graph; blocks this thread. Arrays must not change until the promise settles. Outputs that are `left` are computed, but
   * neither copied nor returned.
   */
  run(feeds: Readonly<Record<string, NDArray>>, left?: readonly string[]): Promise<Readonly<Record<string, NDArray>>>;
}

const arrayTypes = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: undefined } as const satisfies Record<
  DType,
  unknown
>;

/**
 * Gives back the memory of outputs that nobody reads any more; they are empty from then on. The collector would do it too, but
 * later. Outputs may share an array: all of them are to be read before.
 */
export function release(outputs: readonly NDArray[]): void {
  for (const buffer of new Set(outputs.map(({ data }) => data.buffer as ArrayBuffer))) buffer.transfer(0);
}

/** Loads `model` into the engine. */
export async function compile(model: OnnxModel, { numThreads, profilePrefix }: SessionOptions): Promise<Session> {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: Math.min(numThreads, model.maxThreads),
    interOpNumThreads: 1,
    executionMode: "sequential",
    // A remembered memory plan for every shape that was seen holds a third of a trainer's memory and saves no time.
    enableMemPattern: false,
    logSeverityLevel: 4, // an error is thrown, and need not be printed as well
    // A thread that waits sleeps: spinning ones starve the verifiers and everything else on a machine with few cores.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
  const session = await ort.InferenceSession.create(model.bytes, options).catch((cause: Error) => {
    throw new EngineError(`compiling a graph of ${model.numNodes} nodes failed: ${cause.message}`, cause);
  });
  const run: Session["run"] = async (feeds, left = []) => {
    const wanted = model.outputs.filter(({ name }) => !left.includes(name));
    const inputs = Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, toTensor({ name, dtype }, feeds[name])]));
    const outputs = await session.run(inputs, [...new Set(wanted.map(({ value }) => value))]).catch((cause: Error) => {
      throw new EngineError(`running a graph of ${model.numNodes} nodes failed: ${cause.message}`, cause);
    });
    const array = (value: string): NDArray => ({ shape: outputs[value]!.dims, data: outputs[value]!.data as NDArray["data"] });
    return Object.fromEntries(wanted.map(({ name, value }) => [name, array(value)]));
  };
  const close = async (): Promise<void> => {
    if (profilePrefix !== undefined) session.endProfiling();
    await session.release();
  };
  return { model, run, [Symbol.asyncDispose]: close };
}

function toTensor({ name, dtype }: { name: string; dtype: DType }, value: NDArray | undefined): ort.Tensor {
  if (value === undefined) throw new EngineError(`running a graph: input "${name}" is missing`);
  const expected = arrayTypes[dtype];
  if (expected === undefined || !(value.data instanceof expected)) {
    throw new EngineError(`running a graph: input "${name}" must be ${dtype}, got ${value.data.constructor.name}`);
  }
  return new ort.Tensor(dtype as "float32", value.data as Float32Array, value.shape);
}
