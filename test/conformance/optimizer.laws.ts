// What every optimizer promises: an `init` and an in-place `update` over one flat vector, without anything hidden. Called with the
// optimizer and its settings for a given learning rate.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";

/** One optimizer under test; `settings` of a learning rate are its own business. */
export interface OptimizerCase<State> {
  readonly name: string;
  readonly init: (numParameters: number) => State;
  /** Changes `parameters` in place and returns the next state. */
  readonly update: (state: State, step: { parameters: Float32Array; gradient: Float32Array; learningRate: number }) => State;
}

const numParameters = 24;

/** A bowl that is steeper in some directions than in others; its lowest point is `target`. */
function bowl() {
  const rng = rngFor("optimizer laws");
  const target = Float32Array.from({ length: numParameters }, () => rng.normal());
  const steepness = Float32Array.from({ length: numParameters }, () => 10 ** (2 * rng.uniform() - 1));
  const gradient = (at: Float32Array): Float32Array => at.map((x, i) => steepness[i]! * (x - target[i]!));
  const height = (at: Float32Array): number => at.reduce((sum, x, i) => sum + 0.5 * steepness[i]! * (x - target[i]!) ** 2, 0);
  return { gradient, height };
}

export function optimizerLaws<State>({ name, init, update }: OptimizerCase<State>): void {
  const { gradient, height } = bowl();
  const descend = (numSteps: number, from = { state: init(numParameters), parameters: new Float32Array(numParameters) }) => {
    let { state } = from;
    const parameters = from.parameters.slice();
    for (let t = 0; t < numSteps; t++) state = update(state, { parameters, gradient: gradient(parameters), learningRate: 0.05 });
    return { state, parameters };
  };

  describe(`laws of ${name}`, () => {
    test("finds the bottom of a bowl", () => {
      const [start, end] = [height(new Float32Array(numParameters)), height(descend(400).parameters)];
      assert.ok(end < 1e-3 * start, `from ${start} to ${end}`);
    });

    test("goes down on its first step", () => {
      assert.ok(height(descend(1).parameters) < height(new Float32Array(numParameters)));
    });

    test("gives the same bits again", () => {
      assert.deepEqual(descend(20), descend(20));
    });

    test("goes on from a copy of its state as if nothing had happened", () => {
      const half = structuredClone(descend(10));
      assert.deepEqual(descend(10, half).parameters, descend(20).parameters);
    });

    test("does not move at a learning rate of zero", () => {
      const parameters = new Float32Array(numParameters).fill(1);
      update(init(numParameters), { parameters, gradient: gradient(parameters), learningRate: 0 });
      assert.deepEqual(parameters, new Float32Array(numParameters).fill(1));
    });

    test("leaves the gradient as it was", () => {
      const slope = gradient(new Float32Array(numParameters));
      const before = slope.slice();
      update(init(numParameters), { parameters: new Float32Array(numParameters), gradient: slope, learningRate: 0.1 });
      assert.deepEqual(slope, before);
    });
  });
}
