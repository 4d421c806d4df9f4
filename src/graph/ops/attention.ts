// Scaled dot-product attention with an additive mask, and its derivative in the form that needs no pass over keys twice.
//
// Dimension key:  B sequences, H key/value heads, Q query rows, S keys, K head width.

import { broadcastShapes, sameDims } from "../shape.ts";
import { apply, type OpDef, requireFloats, type Tensor } from "../tensor.ts";
import { sum } from "./broadcast.ts";
import { mul, sub } from "./elementwise.ts";
import { matmul } from "./product.ts";

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
    const scores = [batch!, heads!, queries!, k!.shape[2]!];
    const masked = broadcastShapes(scores, mask!.shape);
    if (masked === undefined || !sameDims(masked, scores)) fail("the mask must broadcast to the scores");
    return [
      { shape: q!.shape, dtype: "float32" },
      { shape: scores, dtype: "float32" },
    ];
  },
  onnx: ({ emit, attributes, inputNames, outputNames }) => {
    const [q, k, v, mask] = inputNames as [string, string, string, string];
    const [out, probs] = outputNames as [string, string];
    const product = { transB: { int: 1 }, alpha: { float: attributes.scale } };
    const [scores] = emit("FusedMatMul", { inputs: [q, k], attributes: product, domain: "com.microsoft" });
    const [masked] = emit("Add", { inputs: [scores!, mask] });
    emit("Softmax", { inputs: [masked!], outputs: [probs], attributes: { axis: { int: -1 } } });
    emit("MatMul", { inputs: [probs, v], outputs: [out] });
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

/**
 * softmax(scale q k' + mask) v: [B, H, Q, K]. `mask` broadcasts to [B, H, Q, S] and carries no gradient; -1e9 hides a key, whose
 * probability is then exactly 0. A gradient reaches q, k and v only through the result.
 */
export function attend({ q, k, v, mask, scale }: { q: Tensor; k: Tensor; v: Tensor; mask: Tensor; scale: number }): Tensor {
  return apply(attendOp, [q, k, v, mask], { scale })[0]!;
}
