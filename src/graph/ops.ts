// Every op that graphs are written with, in one place to import from.
// The definitions stand in `ops/`, each with its shape rule, its ONNX form and its derivative.

export { attend } from "./ops/attention.ts";
export { constant, expandLike, input, largest, onesLike, sum, sumLike, unsqueeze, zerosLike } from "./ops/broadcast.ts";
export {
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  lessOrEqual,
  lessThan,
  log,
  maximum,
  minimum,
  mul,
  neg,
  sigmoid,
  silu,
  sqrt,
  stopGradient,
  sub,
  tanh,
} from "./ops/elementwise.ts";
export { gatherDistinctRows, gatherJoined, gatherParts, gatherRows, oneHot, pick, scatterAddRows, scatterRows } from "./ops/gather.ts";
export { concat, concatRows, flattenRows, reshape, split, splitRows, transpose } from "./ops/layout.ts";
export { addAll, entropy, logSoftmax, logSumExp, mean, rmsNorm, rotary, softmax } from "./ops/normalize.ts";
export { padLike, prefix } from "./ops/prefix.ts";
export { linear, matmul } from "./ops/product.ts";
export { combine, replay, route, topK } from "./ops/routing.ts";
