// The policy's forward pass over whole sequences, as training builds it: log-probabilities after every token.

import { toOnnx } from "../../src/graph/onnx.ts";
import { input } from "../../src/graph/ops.ts";
import { numElements } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { type PolicyConfig, parameterLayout } from "../../src/policy/architecture.ts";
import { nextTokenLogProbs } from "../../src/policy/model.ts";
import { parameterInputs, parameterPieces } from "../../src/policy/parameters.ts";
import { sequenceFeeds } from "../../src/policy/sequenceFeeds.ts";
import { expertInputs, forwardSequences, sequenceInputs } from "../../src/policy/sequences.ts";
import { compile, type NDArray } from "../../src/runtime/session.ts";

export interface Policy {
  readonly config: PolicyConfig;
  readonly parameters: Float32Array<ArrayBuffer>;
}

/** For all tokens of all sequences, one after another. */
export function logProbsGraph({ config }: Policy, { replays = false } = {}): Tensor {
  const parameters = parameterInputs(parameterPieces(parameterLayout(config)));
  const experts = replays ? expertInputs(config) : [];
  const { x_ND } = forwardSequences(parameters, { inputs: sequenceInputs(config), config, experts });
  return nextTokenLogProbs(parameters, { x_ND, temperature_N1: input("temperature", ["N", 1]), config });
}

export function logProbsFeeds(
  { config, parameters }: Policy,
  { sequences, temperature }: { sequences: readonly Int32Array[]; temperature: number },
): Record<string, NDArray> {
  const numTokens = sequences.reduce((total, { length }) => total + length, 0);
  const temperatures = { shape: [numTokens, 1], data: new Float32Array(numTokens).fill(temperature) };
  return { ...weightFeeds({ config, parameters }), ...sequenceFeeds(sequences, config), temperature: temperatures };
}

/** Every parameter piece by name, as a view. */
export function weightFeeds({ config, parameters }: Policy): Record<string, NDArray> {
  const views = parameterPieces(parameterLayout(config)).map(({ name, shape, offset }): [string, NDArray] => {
    return [name, { shape, data: parameters.subarray(offset, offset + numElements(shape)) }];
  });
  return Object.fromEntries(views);
}

export interface ForwardPass extends AsyncDisposable {
  /** For each sequence one row of log-probabilities a token. */
  run(sequences: readonly Int32Array[], temperature?: number): Promise<readonly (readonly Float32Array[])[]>;
}

export async function forwardPass(policy: Policy, { numThreads = 2 } = {}): Promise<ForwardPass> {
  const session = await compile(toOnnx({ logProbs: logProbsGraph(policy) }), { numThreads });
  return {
    async run(sequences, temperature = 1) {
      const { logProbs } = await session.run(logProbsFeeds(policy, { sequences, temperature }));
      const [numTokens, vocabSize] = logProbs!.shape as [number, number];
      const rows = Array.from({ length: numTokens }, (_, i) =>
        (logProbs!.data as Float32Array).subarray(i * vocabSize, (i + 1) * vocabSize),
      );
      return sequences.map(({ length }) => rows.splice(0, length));
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
