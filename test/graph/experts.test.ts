// Ops together: two layers of a mixture of experts with sparse dispatch, as a policy would build them. Each op has its own cases in
// ops.test.ts; here the gradients of all of them meet, through gathers whose way back is a gather.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { gradients } from "../../src/graph/backward.ts";
import { evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import {
  add,
  concatRows,
  div,
  gatherRows,
  input,
  matmul,
  mul,
  oneHot,
  reshape,
  rmsNorm,
  route,
  silu,
  softmax,
  split,
  splitRows,
  sum,
  topK,
} from "../../src/graph/ops.ts";
import { type Shape, sizeOf } from "../../src/graph/shape.ts";
import { scope, type Tensor } from "../../src/graph/tensor.ts";
import { assertClose, value } from "../support/arrays.ts";
import { engineFor } from "../support/engine.ts";

// Dimension key:  N tokens, D width, E experts, F expert width, k experts a token, R rows in the order of experts.
const D = 4;
const E = 3;
const F = 3;
const k = 2;
const numLayers = 2;

type Parameters = Readonly<Record<string, Tensor>>;

const shapes: Readonly<Record<string, Shape>> = Object.fromEntries(
  Array.from({ length: numLayers }, (_, layer): [string, Shape][] => [
    [`${layer}.norm`, [D]],
    [`${layer}.router`, [D, E]],
    ...Array.from({ length: E }, (__, expert): [string, Shape][] => [
      [`${layer}.up.${expert}`, [D, 2 * F]],
      [`${layer}.down.${expert}`, [F, D]],
    ]).flat(),
  ]).flat(),
);

/** x + sum over the chosen experts of weight times expert(norm(x)). */
function block(x_ND: Tensor, { parameters, layer }: { parameters: Parameters; layer: number }): Tensor {
  const parameter = (name: string): Tensor => parameters[`${layer}.${name}`]!;
  const normal_ND = rmsNorm(x_ND, parameter("norm"), 1e-6);
  const { values, indices } = topK(softmax(matmul(normal_ND, parameter("router"))), k);
  const weights_Nk = div(values, sum(values, { axes: [1], keepDims: true }));
  const { source, origin, real, rows, counts } = route(indices, { numExperts: E, symbol: `R${layer}` });
  const symbols = Array.from({ length: E }, (_, expert) => `R${layer}expert${expert}`);
  const parts = splitRows(gatherRows(normal_ND, source, rows), { counts, symbols });
  const results = parts.map((part, expert) => {
    const [gate, up] = split(matmul(part, parameter(`up.${expert}`)), { axis: 1, sizes: [F, F] }) as [Tensor, Tensor];
    return matmul(mul(silu(gate), up), parameter(`down.${expert}`));
  });
  const numPairs = sizeOf(indices.shape);
  const weights_R1 = mul(gatherRows(reshape(weights_Nk, [numPairs, 1]), origin, reshape(rows, [numPairs])), real);
  const weighted_RD = mul(concatRows(results, { counts, rows: `R${layer}` }), weights_R1);
  return add(x_ND, sum(gatherRows(weighted_RD, rows, origin), { axes: [1] }));
}

/** The same with every expert on every token: slow, and hard to get wrong. */
function denseBlock(x_ND: Tensor, { parameters, layer }: { parameters: Parameters; layer: number }): Tensor {
  const parameter = (name: string): Tensor => parameters[`${layer}.${name}`]!;
  const normal_ND = rmsNorm(x_ND, parameter("norm"), 1e-6);
  const probs_NE = softmax(matmul(normal_ND, parameter("router")));
  const chosen_NE = sum(oneHot(topK(probs_NE, k).indices, E), { axes: [1] });
  const kept_NE = mul(probs_NE, chosen_NE);
  const weights_NE = div(kept_NE, sum(kept_NE, { axes: [1], keepDims: true }));
  return split(weights_NE, { axis: 1, sizes: Array(E).fill(1) }).reduce((total_ND, weight_N1, expert) => {
    const [gate, up] = split(matmul(normal_ND, parameter(`up.${expert}`)), { axis: 1, sizes: [F, F] }) as [Tensor, Tensor];
    return add(total_ND, mul(matmul(mul(silu(gate), up), parameter(`down.${expert}`)), weight_N1));
  }, x_ND);
}

interface Network {
  readonly result_ND: Tensor;
  /** A random weighing of the result. */
  readonly loss: Tensor;
  /** Of the loss, for x and every parameter, in the order of `names`. */
  readonly gradients: readonly Tensor[];
}

const names = ["x", ...Object.keys(shapes)];

function network(layerOf: typeof block): Network {
  const x_ND = input("x", ["N", D]);
  const parameters = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, input(name, shape)]));
  const layers = Array.from({ length: numLayers }, (_, layer) => layer);
  const result_ND = layers.reduce((x, layer) => scope(`layers.${layer}`, () => layerOf(x, { parameters, layer })), x_ND);
  const loss = sum(mul(result_ND, input("weight", ["N", D])));
  return { result_ND, loss, gradients: gradients(loss, [x_ND, ...Object.values(parameters)]) };
}

function draw(numTokens: number): Feeds {
  const rng = rngFor("experts", numTokens);
  const normal = (shape: readonly number[]): ReturnType<typeof value> => {
    const size = shape.reduce((a, b) => a * b, 1);
    return value(
      shape,
      Array.from({ length: size }, () => Math.fround(rng.normal())),
    );
  };
  const parameters = Object.entries(shapes).map(([name, shape]) => [name, normal(shape as readonly number[])]);
  return { x: normal([numTokens, D]), weight: normal([numTokens, D]), ...Object.fromEntries(parameters) };
}

describe("a mixture of experts", () => {
  const sparse = network(block);

  test("uses every expert and leaves some out, so that these tests see both", () => {
    const { x, ...rest } = draw(7);
    const { indices } = topK(matmul(rmsNorm(input("x", ["N", D]), input("0.norm", [D]), 1e-6), input("0.router", [D, E])), k);
    const chosen = evaluate64(indices, { x: x!, ...rest }).data;
    assert.deepEqual([...new Set(chosen)].sort(), [0, 1, 2]);
  });

  test("is what it is with every expert on every token, gradients included", () => {
    const dense = network(denseBlock);
    const feeds = draw(7);
    const expected = evaluate64([dense.result_ND, ...dense.gradients], feeds);
    evaluate64([sparse.result_ND, ...sparse.gradients], feeds).forEach((actual, i) => {
      assertClose(actual, expected[i]!, { tolerance: 1e-12, what: ["result", ...names][i]! });
    });
  });

  test("has the gradients that central differences give", () => {
    const feeds = draw(7);
    const values = evaluate64(sparse.gradients, feeds);
    const rng = rngFor("experts", "direction");
    names.forEach((name, i) => {
      const { shape, data } = feeds[name]!;
      const direction = data.map(() => rng.normal());
      const step = 1e-5;
      const lossAt = (distance: number): number =>
        evaluate64(sparse.loss, { ...feeds, [name]: { shape, data: data.map((number, j) => number + distance * direction[j]!) } }).data[0]!;
      const expected = (lossAt(step) - lossAt(-step)) / (2 * step);
      const actual = values[i]!.data.reduce((total, number, j) => total + number * direction[j]!, 0);
      assert.ok(Math.abs(actual - expected) < 1e-6 * (1 + Math.abs(expected)), `${name}: ${actual}, central differences give ${expected}`);
    });
  });

  test("runs in the engine, for several tokens and for one", async () => {
    const outputs = [sparse.result_ND, ...sparse.gradients];
    await using engine = await engineFor(outputs);
    for (const numTokens of [7, 1]) {
      const feeds = draw(numTokens);
      const expected = evaluate64(outputs, feeds);
      (await engine.run(feeds)).forEach((actual, i) => {
        assertClose(actual, expected[i]!, { tolerance: 2e-5, what: `${["result", ...names][i]!} for ${numTokens} tokens` });
      });
    }
  });
});
