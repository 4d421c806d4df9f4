// Scaled dot-product attention with an additive mask, and its derivative in the form that needs no pass over keys twice.
//
// Dimension key:  B sequences, H key/value heads, Q query rows, S keys, K head width.

import { broadcastShapes, type Dim, sameDims } from "../shape.ts";
import { apply, type OnnxContext, type OpDef, requireFloats, type Tensor } from "../tensor.ts";
import { sum } from "./broadcast.ts";
import { mul, sub } from "./elementwise.ts";
import { matmul, sliceSizes } from "./product.ts";

const attendOp: OpDef<{ readonly scale: number }> = {
  name: "attend",
  innerOutputs: [1],
  infer: ([q, k, v, mask], _attributes, fail) => {
    requireFloats([q!, k!, v!, mask!], fail);
    const [batch, heads, queries, width] = q!.shape;
    if (q!.shape.length !== 4 || k!.shape.length !== 4) fail("queries and keys must be [batch, heads, rows, width]");
    if (k!.shape[0] !== batch || k!.shape[1] !== heads || k!.shape[3] !== width)
      fail("keys must agree with the queries on batch, heads and width");
    if (!sameDims(k!.shape, v!.shape)) fail("keys and values must have one shape");
    if (typeof heads !== "number" || typeof width !== "number") fail("heads and width must be numbers");
    const scores = [batch!, heads!, queries!, k!.shape[2]!];
    const masked = broadcastShapes(scores, mask!.shape);
    if (masked === undefined || !sameDims(masked, scores)) fail("the mask must broadcast to the scores");
    return [
      { shape: q!.shape, dtype: "float32" },
      { shape: scores, dtype: "float32" },
    ];
  },
  onnx: (context) => {
    const { emit, inputs, inputNames, outputNames, limitThreads } = context;
    const [, , v, mask] = inputNames as [string, string, string, string];
    const [out, probs] = outputNames as [string, string];
    const [masked] = emit("Add", { inputs: [emitScores(context), mask] });
    emit("Softmax", { inputs: [masked!], outputs: [probs], attributes: { axis: { int: -1 } } });
    emit("MatMul", { inputs: [probs, v], outputs: [out] });
    // With fewer rows than columns and more threads than products, the engine deals out the columns of the last product, which moves
    // the cuts of its sums (see product.ts). A number of rows means decoding, which is never of fewer than two sequences.
    const [, heads, rows, width] = inputs[0]!.shape as [Dim, number, Dim, number];
    if (typeof rows === "number" && rows < width) limitThreads(2 * heads);
  },
  // P = softmax(s Q K' + M), O = P V:  dV = P' dO,  dS = P (dO V' - sum(dO O)),  dQ = s dS K,  dK = s dS' Q.
  // sum over keys of dP P equals sum over the width of dO O: Dao et al. 2022, appendix B.2 (arXiv:2205.14135).
  vjp: ({ inputs, outs, grads, attributes: { scale } }) => {
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
    const [out, probs] = outs as [Tensor, Tensor];
    const grad = grads[0]!;
    const gradProbs = matmul(grad, v, { transB: true });
    const gradScores = mul(probs, sub(gradProbs, sum(mul(grad, out), { axes: [-1], keepDims: true })));
    return [
      matmul(gradScores, k, { alpha: scale }),
      matmul(gradScores, q, { transA: true, alpha: scale }),
      matmul(probs, grad, { transA: true }),
      undefined,
    ];
  },
};

/** scale q k' as a sum over slices of the width, since the engine cuts longer sums at places that depend on the number of keys. */
function emitScores({ emit, int64, inputs, inputNames, attributes: { scale } }: OnnxContext<{ readonly scale: number }>): string {
  const sizes = sliceSizes(inputs[0]!.shape[3] as number);
  const cut = (name: string): readonly string[] =>
    sizes.length === 1
      ? [name]
      : emit("Split", { inputs: [name, int64(sizes)], numOutputs: sizes.length, attributes: { axis: { int: -1 } } });
  const keys = cut(inputNames[1]!);
  const product = { transB: { int: 1 }, alpha: { float: scale } };
  return cut(inputNames[0]!)
    .map((queries, i) => emit("FusedMatMul", { inputs: [queries, keys[i]!], attributes: product, domain: "com.microsoft" })[0]!)
    .reduce((total, part) => emit("Add", { inputs: [total, part] })[0]!);
}

/**
 * softmax(scale q k' + mask) v: [B, H, Q, K]. `mask` broadcasts to [B, H, Q, S] and carries no gradient; -1e9 hides a key, whose
 * probability is then exactly 0. A gradient reaches q, k and v only through the result.
 */
export function attend({ q, k, v, mask, scale }: { q: Tensor; k: Tensor; v: Tensor; mask: Tensor; scale: number }): Tensor {
  return apply(attendOp, [q, k, v, mask], { scale })[0]!;
}
