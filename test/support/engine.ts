// Runs a graph in ONNX Runtime with feeds of the float64 reference, so that the two can be compared.

import type { ArrayValue, Feeds } from "../../src/graph/evaluate64.ts";
import { toOnnx } from "../../src/graph/onnx.ts";
import type { DType, Tensor } from "../../src/graph/tensor.ts";
import { compile, type NDArray } from "../../src/runtime/session.ts";

/** A graph compiled once; `run` may be called with other sizes of its symbols each time. */
export interface Engine extends AsyncDisposable {
  run(feeds: Feeds): Promise<readonly ArrayValue[]>;
}

export async function engineFor(outputs: readonly Tensor[], numThreads = 1): Promise<Engine> {
  const session = await compile(toOnnx(Object.fromEntries(outputs.map((output, i) => [`output ${i}`, output]))), { numThreads });
  return {
    async run(feeds) {
      const inputs = session.model.inputs.map(({ name, dtype }) => [name, toEngine(feeds[name]!, dtype)]);
      const results = await session.run(Object.fromEntries(inputs));
      return outputs.map((_, i) => fromEngine(results[`output ${i}`]!));
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

function toEngine({ shape, data }: ArrayValue, dtype: DType): NDArray {
  if (dtype === "int64") return { shape, data: BigInt64Array.from(data, BigInt) };
  return { shape, data: dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data) };
}

function fromEngine({ shape, data }: NDArray): ArrayValue {
  return { shape, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) };
}
