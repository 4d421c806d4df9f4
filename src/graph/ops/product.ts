// Matrix products, over the last two axes, batched over the others.

import { broadcastShapes } from "../shape.ts";
import { apply1, type OpDef, type Tensor } from "../tensor.ts";
import { sumLike } from "./broadcast.ts";

interface ProductAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

const matmulOp: OpDef<ProductAttributes> = {
  name: "matmul",
  infer: ([a, b], { transA, transB }, fail) => {
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
    const attributes = { transA: { int: Number(transA) }, transB: { int: Number(transB) }, alpha: { float: alpha } };
    emit("FusedMatMul", { inputs: inputNames, outputs: outputNames, attributes, domain: "com.microsoft" });
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
