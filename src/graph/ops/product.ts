// Matrix products over the last two axes, batched over the others, and products of rows with a weight. A row of `linear` has the
// same bits whatever the number of rows, from two rows on; `matmul` promises nothing of the kind and serves where no row must repeat.

import { broadcastShapes } from "../shape.ts";
import { apply1, type OnnxContext, type OpDef, requireFloats, type Tensor } from "../tensor.ts";
import { sumLike } from "./broadcast.ts";

interface ProductAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

const matmulOp: OpDef<ProductAttributes> = {
  name: "matmul",
  infer: ([a, b], { transA, transB }, fail) => {
    requireFloats([a!, b!], fail);
    if (a!.shape.length < 2 || b!.shape.length < 2) fail("both sides must have at least two axes");
    const [rows, innerA] = transA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [innerB, columns] = transB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (innerA !== innerB) fail(`inner dimensions differ (${innerA} vs ${innerB})`);
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)) ?? fail("leading axes do not broadcast");
    return [{ shape: [...batch, rows, columns], dtype: "float32" }];
  },
  onnx: ({ emit, attributes: { transA, transB, alpha }, inputNames, outputNames }) => {
    if (!transA && !transB && alpha === 1) {
      emit("MatMul", { inputs: inputNames, outputs: outputNames });
      return;
    }
    const settings = { transA: { int: Number(transA) }, transB: { int: Number(transB) }, alpha: { float: alpha } };
    emit("FusedMatMul", { inputs: inputNames, outputs: outputNames, attributes: settings, domain: "com.microsoft" });
  },
  // C = s A B: dA = s dC B', dB = s A' dC; with A or B transposed the factors change places
  vjp: ({ inputs, grads, attributes: { transA, transB, alpha } }) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const grad = grads[0]!;
    const gradA = transA ? matmul(b, grad, { transA: transB, transB: true, alpha }) : matmul(grad, b, { transB: !transB, alpha });
    const gradB = transB ? matmul(grad, a, { transA: true, transB: transA, alpha }) : matmul(a, grad, { transA: !transA, alpha });
    return [sumLike(gradA, a), sumLike(gradB, b)];
  },
};

/** alpha op(a) op(b), where op transposes the last two axes if asked. Shapes [..., M, K] x [..., K, N] after transposition. */
export function matmul(a: Tensor, b: Tensor, { transA = false, transB = false, alpha = 1 }: Partial<ProductAttributes> = {}): Tensor {
  return apply1(matmulOp, [a, b], { transA, transB, alpha });
}

const linearOp: OpDef<Record<string, never>> = {
  name: "linear",
  infer: ([x, weight], _attributes, fail) => {
    requireFloats([x!, weight!], fail);
    const [N, K] = weight!.shape;
    if (x!.shape.length !== 2 || weight!.shape.length !== 2) fail("rows and weight must have two axes");
    if (typeof N !== "number" || typeof K !== "number") fail("the weight's sizes must be numbers");
    if (x!.shape[1] !== K) fail(`the weight's second axis must be the width of the rows (${K} vs ${x!.shape[1]})`);
    return [{ shape: [x!.shape[0]!, N!], dtype: "float32" }];
  },
  onnx: (context) => {
    const { emit, inputs, inputNames, outputNames, limitThreads } = context;
    const [N, K] = inputs[1]!.shape as [number, number];
    if (isCutUnevenly({ K, N })) emitInSlices(context, { K });
    else emit("FusedMatMul", { inputs: inputNames, outputs: outputNames, ...timesTransposed });
    limitThreads(maxWidePanels({ K, N }));
  },
  // y = x W': dx = dy W, dW = dy' x
  vjp: ({ inputs, grads }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    return [matmul(grads[0]!, weight), matmul(grads[0]!, x, { transA: true })];
  },
};

const timesTransposed = { attributes: { transB: { int: 1 } }, domain: "com.microsoft" } as const;

/** Rows [M, K] times the transpose of a weight [N, K], as Hugging Face stores it: [M, N]. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  return apply1(linearOp, [x, weight], {});
}

// The engine adds up a product's K terms in slices: 128 terms where a thread has at least 65 columns, 256 from 33, 512 from 17, all up
// to 1,024 below (MlasSgemmOperation in onnxruntime/core/mlas/lib/sgemm.cpp). With fewer rows than columns it deals columns out to
// threads, so the number of rows decides the slices and with them the last bits. A product whose slices could change is written
// as slices of 128 terms, which are never cut again, or limits the number of threads.

const sliceDepth = 128;
/** Threads take whole blocks of columns. */
const blockColumns = 16;
/** So many blocks are at least 65 columns, even where the last one is not full. */
const widePanelBlocks = 5;

/** Whether two threads could cut the sum over K at other places than one thread. */
function isCutUnevenly({ K, N }: { K: number; N: number }): boolean {
  const blocks = Math.ceil(N / blockColumns);
  if (blocks === 1 || blocks >= 2 * widePanelBlocks) return false;
  const depth = N > 64 ? 128 : N > 32 ? 256 : 512;
  return K > depth;
}

/** Up to so many threads every panel is wide, where that matters. */
function maxWidePanels({ K, N }: { K: number; N: number }): number {
  const panels = Math.floor(Math.ceil(N / blockColumns) / widePanelBlocks);
  return K <= sliceDepth || panels < 2 ? Number.POSITIVE_INFINITY : panels;
}

/** Slices of a sum of K terms that are never cut again. */
export function sliceSizes(K: number): number[] {
  return Array.from({ length: Math.ceil(K / sliceDepth) }, (_, i) => Math.min(sliceDepth, K - i * sliceDepth));
}

/** x W' as a sum over slices of K, added in order. */
function emitInSlices({ emit, int64, inputNames, outputNames }: OnnxContext<Record<string, never>>, { K }: { K: number }): void {
  const sizes = sliceSizes(K);
  const [lefts, rights] = inputNames.map((name) =>
    emit("Split", { inputs: [name, int64(sizes)], numOutputs: sizes.length, attributes: { axis: { int: -1 } } }),
  ) as [readonly string[], readonly string[]];
  const products = lefts.map((left, i) => emit("FusedMatMul", { inputs: [left, rights[i]!], ...timesTransposed })[0]!);
  products.reduce((total, product, i) => {
    const outputs = i === products.length - 1 ? { outputs: outputNames } : {};
    return emit("Add", { inputs: [total, product], ...outputs })[0]!;
  });
}
