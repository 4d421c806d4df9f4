// Matrix products over the last two axes, batched over the others.
// A row of the result has the same bits whatever the number of rows, from two rows on.

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
  onnx: (context) => {
    const { emit, attributes, inputs, inputNames, outputNames } = context;
    const { transA, transB, alpha } = attributes;
    if (!transA && !transB && alpha === 1) {
      const [K, N] = inputs[1]!.shape.slice(-2);
      const isWeight = inputs[1]!.shape.length === 2 && typeof K === "number" && typeof N === "number";
      if (isWeight && isCutUnevenly({ K, N })) emitInSlices(context, { K });
      else emit("MatMul", { inputs: inputNames, outputs: outputNames });
      if (isWeight) context.limitThreads(maxWidePanels({ K, N }));
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

/** a b as a sum over slices of K, added in order. */
function emitInSlices({ emit, int64, inputNames, outputNames }: OnnxContext<ProductAttributes>, { K }: { K: number }): void {
  const sizes = sliceSizes(K);
  const cut = (name: string, axis: number): readonly string[] =>
    emit("Split", { inputs: [name, int64(sizes)], numOutputs: sizes.length, attributes: { axis: { int: axis } } });
  const rights = cut(inputNames[1]!, 0);
  const products = cut(inputNames[0]!, -1).map((left, i) => emit("MatMul", { inputs: [left, rights[i]!] })[0]!);
  products.reduce((total, product, i) => {
    const outputs = i === products.length - 1 ? { outputs: outputNames } : {};
    return emit("Add", { inputs: [total, product], ...outputs })[0]!;
  });
}
