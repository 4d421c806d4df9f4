// Float64 kernels of the ops that models are made of: products, normalisations, attention, rotary positions and routing.
// Written for plainness: they are what the engine is compared with.

import { type ArrayValue, at, broadcastAt, broadcastShape, checkIndex, generate, type Kernel, mapRows, takeRows } from "./array.ts";

type None = Record<string, never>;

interface ProductAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

const matmul: Kernel<ProductAttributes> = ({ inputs, attributes: { transA, transB, alpha } }) => {
  const a = transA ? swapLastAxes(inputs[0]!) : inputs[0]!;
  const b = transB ? swapLastAxes(inputs[1]!) : inputs[1]!;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const inner = a.shape.at(-1)!;
  const product = generate([...batch, a.shape.at(-2)!, b.shape.at(-1)!], (index) => {
    const left = [...index];
    const right = [...index];
    let total = 0;
    for (let i = 0; i < inner; i++) {
      left[left.length - 1] = i;
      right[right.length - 2] = i;
      total += broadcastAt(a, left) * broadcastAt(b, right);
    }
    return alpha * total;
  });
  return [product];
};

const linear: Kernel<None> = (context) => matmul({ ...context, attributes: { transA: false, transB: true, alpha: 1 } });

const softmax: Kernel<None> = ({ inputs: [x] }) => [mapRows(x!, softmaxRow)];

/** The maximum is taken out first, so that no exponential overflows. */
const logSoftmax: Kernel<None> = ({ inputs: [x] }) => [
  mapRows(x!, (row) => {
    const top = Math.max(...row);
    const logSum = top + Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
    return row.map((value) => value - logSum);
  }),
];

/** The second output is the factor that brings a row to unit root mean square. */
const rmsNorm: Kernel<{ readonly epsilon: number }> = ({ inputs: [x, weight], attributes: { epsilon } }) => {
  const width = x!.shape.at(-1)!;
  const inverse = generate(x!.shape.with(-1, 1), (index) => {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += at(x!, index.with(-1, i)) ** 2;
    return 1 / Math.sqrt(squares / width + epsilon);
  });
  return [generate(x!.shape, (index) => weight!.data[index.at(-1)!]! * at(x!, index) * broadcastAt(inverse, index)), inverse];
};

const attend: Kernel<{ readonly scale: number }> = ({ inputs: [q, k, v, mask], attributes: { scale } }) => {
  const [batch, heads, queries, width] = q!.shape as [number, number, number, number];
  const keys = k!.shape[2]!;
  const scores = generate([batch, heads, queries, keys], (index) => {
    const [b, h, query, key] = index as [number, number, number, number];
    let product = 0;
    for (let i = 0; i < width; i++) product += at(q!, [b, h, query, i]) * at(k!, [b, h, key, i]);
    return scale * product + broadcastAt(mask!, index);
  });
  const probs = mapRows(scores, softmaxRow);
  const result = generate(q!.shape, ([b, h, query, i]) => {
    let total = 0;
    for (let key = 0; key < keys; key++) total += at(probs, [b!, h!, query!, key]) * at(v!, [b!, h!, key, i!]);
    return total;
  });
  return [result, probs];
};

const rotary: Kernel<None> = ({ inputs: [x, cos, sin, positions], fail }) => {
  for (const position of positions!.data) checkIndex(position, { size: cos!.shape[0]!, fail });
  const half = x!.shape[3]! / 2;
  const rotated = generate(x!.shape, ([b, h, t, i]) => {
    const angle = [at(positions!, [b!, t!]), i! % half] as const;
    const first = at(x!, [b!, h!, t!, i! % half]);
    const second = at(x!, [b!, h!, t!, (i! % half) + half]);
    return i! < half ? first * at(cos!, angle) - second * at(sin!, angle) : second * at(cos!, angle) + first * at(sin!, angle);
  });
  return [rotated];
};

const topK: Kernel<{ readonly k: number }> = ({ inputs: [x], attributes: { k } }) => {
  const order = mapRows(x!, (row) => Float64Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b));
  const shape = x!.shape.with(-1, k);
  const indices = generate(shape, (index) => at(order, index));
  return [generate(shape, (index) => at(x!, index.with(-1, at(indices, index)))), indices];
};

const route: Kernel<{ readonly numExperts: number }> = ({ inputs: [experts], attributes: { numExperts }, fail }) => {
  const [tokens, slots] = experts!.shape as [number, number];
  const pairs = tokens * slots;
  if (experts!.data.some((expert) => !(expert >= 0 && expert < numExperts))) fail(`experts must be from 0 to ${numExperts - 1}`);
  // Two extra rows for each expert come after all pairs, and so, in a stable sort, after the expert's own.
  const expertOf = [...experts!.data, ...Array.from({ length: 2 * numExperts }, (_, i) => i >> 1)];
  const order = [...expertOf.keys()].sort((a, b) => expertOf[a]! - expertOf[b]! || a - b);
  const origin = order.map((pair) => Math.min(pair, pairs - 1));
  const vector = (values: readonly number[]): ArrayValue => ({ shape: [values.length], data: Float64Array.from(values) });
  return [
    vector(origin.map((pair) => Math.trunc(pair / slots))),
    vector(origin),
    { shape: [order.length, 1], data: Float64Array.from(order, (pair) => Number(pair < pairs)) },
    generate([tokens, slots], ([token, slot]) => order.indexOf(token! * slots + slot!)),
    vector(Array.from({ length: numExperts }, (_, expert) => expertOf.filter((other) => other === expert).length)),
  ];
};

const replay: Kernel<None> = ({ inputs: [own, recorded] }) => [
  generate(own!.shape, (index) => (at(recorded!, index) < 0 ? at(own!, index) : at(recorded!, index))),
  generate(own!.shape, (index) => Number(at(recorded!, index) >= 0)),
];

/** The second output is the rows of each token, before they are weighted. */
const combine: Kernel<None> = ({ inputs: [y, weights, rows], fail }) => {
  const picked = takeRows(y!, { index: rows!, fail });
  const [tokens, slots, width] = picked.shape as [number, number, number];
  const result = generate([tokens, width], ([token, i]) => {
    let total = 0;
    for (let slot = 0; slot < slots; slot++) total += at(weights!, [token!, slot]) * at(picked, [token!, slot, i!]);
    return total;
  });
  return [result, picked];
};

function softmaxRow(row: Float64Array): Float64Array {
  const top = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

function swapLastAxes(x: ArrayValue): ArrayValue {
  const shape = [...x.shape.slice(0, -2), x.shape.at(-1)!, x.shape.at(-2)!];
  return generate(shape, (index) => at(x, [...index.slice(0, -2), index.at(-1)!, index.at(-2)!]));
}

export const modelKernels = { matmul, linear, softmax, logSoftmax, rmsNorm, attend, rotary, topK, route, replay, combine };
