// The suite that every op goes through. For each case: the shape rule gives the stated shapes; ONNX Runtime computes what the float64
// reference computes, results and gradients alike; and gradients agree with central differences along random directions.
// For each rejection: the message, word for word.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { GraphError } from "../../src/base/errors.ts";
import { type Rng, rngFor } from "../../src/base/rng.ts";
import { gradients } from "../../src/graph/backward.ts";
import { type ArrayValue, evaluate64, type Feeds } from "../../src/graph/evaluate64.ts";
import { addAll, constant, input, mul, sum } from "../../src/graph/ops.ts";
import type { Shape } from "../../src/graph/shape.ts";
import { scope, type Tensor } from "../../src/graph/tensor.ts";
import { assertClose } from "../support/arrays.ts";
import { engineFor } from "../support/engine.ts";
import { drawValue, type Operand, type Sizes } from "./operand.ts";

export interface OpCase {
  /** What is special about it. */
  readonly what: string;
  readonly operands: readonly Operand[];
  readonly build: (...operands: Tensor[]) => Tensor | readonly Tensor[];
  /** Shapes that the results must have. */
  readonly shapes: readonly Shape[];
  /** Sizes of symbols, one run for each. By default a few, one of each, and none. */
  readonly sizes?: readonly Sizes[];
}

export interface Rejection {
  readonly what: string;
  readonly build: () => unknown;
  /** Without the place, which is the suite's. */
  readonly message: string;
}

export interface OpEntry {
  readonly cases: readonly OpCase[];
  readonly rejections?: readonly Rejection[];
}

/** Of engine against reference, as a share of 1 + the largest magnitude of an array: some tens of float32 roundings. */
const engineTolerance = 4e-6;
/** Step of the central differences: their error is of the order of its square. */
const step = 1e-4;
const gradientTolerance = 1e-6;

const defaultSizes: readonly Sizes[] = [
  { N: 5, M: 3 },
  { N: 1, M: 1 },
  { N: 0, M: 2 },
];

/** A case as graph: its results, a random weighing of them as scalar, and the gradient for each operand. */
export interface BuiltCase {
  readonly operands: readonly Tensor[];
  readonly results: readonly Tensor[];
  readonly loss: Tensor;
  readonly gradients: readonly Tensor[];
}

export function opSuite(op: string, { cases, rejections = [] }: OpEntry): void {
  describe(op, () => {
    for (const opCase of cases) {
      test(`${opCase.what}: shapes follow the rule`, () => {
        assert.deepEqual(
          buildCase(opCase).results.map((result) => result.shape),
          opCase.shapes,
        );
      });
      test(`${opCase.what}: the engine computes what the reference computes`, () => checkEngine(op, opCase));
      test(`${opCase.what}: gradients agree with central differences`, () => checkGradients(op, opCase));
    }
    for (const { what, build, message } of rejections) {
      test(`rejects ${what}`, () => {
        assert.throws(() => scope("block3.ffn", build), new GraphError(`${message} at "block3.ffn"`));
      });
    }
  });
}

export function buildCase({ operands, build }: OpCase): BuiltCase {
  const inputs = operands.map(({ shape, dtype }, i) => input(`operand ${i}`, shape, dtype));
  const built = build(...inputs);
  const results = "node" in built ? [built] : built;
  const terms = results.flatMap((result, i) => (result.dtype === "float32" ? [sum(mul(result, input(`weight ${i}`, result.shape)))] : []));
  const loss = addAll([constant(0), ...terms]);
  return { operands: inputs, results, loss, gradients: gradients(loss, inputs) };
}

async function checkEngine(op: string, opCase: OpCase): Promise<void> {
  const built = buildCase(opCase);
  const outputs = [...built.results, ...built.gradients];
  await using engine = await engineFor(outputs);
  for (const [run, sizes] of sizesOf(opCase).entries()) {
    const feeds = drawFeeds(opCase, { built, sizes, rng: rngFor(op, opCase.what, run) });
    const expected = evaluate64(outputs, feeds);
    const actual = await engine.run(feeds);
    outputs.forEach((output, i) => {
      const tolerance = output.dtype === "float32" ? engineTolerance : 0;
      const what = i < built.results.length ? `result ${i}` : `gradient of operand ${i - built.results.length}`;
      assertClose(actual[i]!, expected[i]!, { tolerance, what: `${what} with ${JSON.stringify(sizes)}` });
    });
  }
}

function checkGradients(op: string, opCase: OpCase): void {
  const built = buildCase(opCase);
  for (const [run, sizes] of sizesOf(opCase).entries()) {
    const rng = rngFor(op, opCase.what, run);
    const feeds = drawFeeds(opCase, { built, sizes, rng });
    const values = evaluate64(built.gradients, feeds);
    opCase.operands.forEach(({ learns }, i) => {
      const gradient = values[i]!;
      const name = `operand ${i}`;
      assert.deepEqual(gradient.shape, feeds[name]!.shape, `gradient of ${name}: shape`);
      if (learns) checkDirection({ loss: built.loss, feeds, name, gradient, rng });
      else
        assert.ok(
          gradient.data.every((number) => number === 0),
          `gradient of ${name}: must be zero, got ${gradient.data}`,
        );
    });
  }
}

/** (L(x + s d) - L(x - s d)) / 2s against the product of gradient and direction d. */
function checkDirection({
  loss,
  feeds,
  name,
  gradient,
  rng,
}: {
  loss: Tensor;
  feeds: Feeds;
  name: string;
  gradient: ArrayValue;
  rng: Rng;
}): void {
  const { shape, data } = feeds[name]!;
  const direction = data.map(() => rng.normal());
  const lossAt = (distance: number): number =>
    evaluate64(loss, { ...feeds, [name]: { shape, data: data.map((x, i) => x + distance * direction[i]!) } }).data[0]!;
  const expected = (lossAt(step) - lossAt(-step)) / (2 * step);
  const terms = gradient.data.map((number, i) => number * direction[i]!);
  const actual = terms.reduce((a, b) => a + b, 0);
  const allowed = gradientTolerance * (1 + terms.reduce((a, b) => a + Math.abs(b), 0));
  assert.ok(
    Math.abs(actual - expected) <= allowed,
    `gradient of ${name}: ${actual} along a direction, central differences give ${expected}`,
  );
}

/** Operands as the case draws them, weights normal in the shapes that the results turn out to have. */
function drawFeeds(opCase: OpCase, { built, sizes, rng }: { built: BuiltCase; sizes: Sizes; rng: Rng }): Feeds {
  const feeds = Object.fromEntries(opCase.operands.map((operand, i) => [`operand ${i}`, drawValue(operand, { rng, sizes })]));
  const weights = evaluate64(built.results, feeds).map(({ shape, data }, i) => [
    `weight ${i}`,
    { shape, data: data.map(() => Math.fround(rng.normal())) },
  ]);
  return { ...feeds, ...Object.fromEntries(weights) };
}

function sizesOf({ operands, sizes }: OpCase): readonly Sizes[] {
  if (sizes !== undefined) return sizes;
  return operands.some(({ shape }) => shape.some((dim) => typeof dim === "string")) ? defaultSizes : [{}];
}
