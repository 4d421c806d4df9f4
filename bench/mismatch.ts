// Whether the log-probabilities that sampling recorded are those that training computes. A policy is trained for a while, so that its
// distributions are those of a real run, and goes through a checkpoint; the same 512 requests of mixed lengths are sampled by engines
// that decode 1, 7 and 64 sequences at once, and recomputed in micro-batches of other sizes and paddings. Options: --trainSteps=30.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { rngFor } from "../src/base/rng.ts";
import { abs, constant, largest, lessThan, mul, neg, sub, sum } from "../src/graph/ops.ts";
import { characterTokenizerJson } from "../src/policy/alphabets.ts";
import { parameterLayout } from "../src/policy/architecture.ts";
import type { Loss, SampleRequest } from "../src/policy/backend.ts";
import { loadCheckpoint, saveCheckpoint } from "../src/policy/checkpoint.ts";
import { parameterPieces } from "../src/policy/parameters.ts";
import type { SampledResponse } from "../src/policy/response.ts";
import { crossEntropyLoss } from "../src/sft/loss.ts";
import { EngineGroup, type TrainedState } from "../src/train/engineGroup.ts";
import { trainGraph } from "../src/train/trainGraph.ts";
import type { BenchOptions } from "./main.ts";
import { benchEngine, benchEngines, benchModel, noControl } from "./subject/model.ts";
import { randomSamples } from "./subject/step.ts";

const numRollouts = 512;
const decodedAtOnce = [1, 7, 64] as const;
const microBatchTokens = [700, 3000] as const;
/** Not used, but part of a checkpoint; its 64 tokens are the model's. */
const tokenizerJson = characterTokenizerJson("0123456789+=");
const pieces = parameterPieces(parameterLayout(benchModel));

/** Not a loss to learn from: how far recomputed log-probabilities are from recorded ones. */
const comparison: Loss = {
  name: "comparison",
  settings: {},
  build: ({ logProb_N, column }) => {
    const distance_N = abs(sub(logProb_N, column("recorded")));
    return {
      loss: neg(sum(mul(logProb_N, column("recorded")))),
      metrics: { distance: sum(distance_N), different: sum(lessThan(constant(0), distance_N)) },
      maxima: { largest: largest(distance_N) },
    };
  },
};

export async function run({ trainSteps = "30" }: BenchOptions): Promise<Readonly<Record<string, number>>> {
  const state = await trainedState(Number(trainSteps));
  let [numTokens, distance, different, maxAbs] = [0, 0, 0, 0];
  for (const maxSequences of decodedAtOnce) {
    const responses = await sampleAll(state, maxSequences);
    for (const tokens of microBatchTokens) {
      const compared = await compare(state, { responses, tokens });
      numTokens += responses.reduce((total, response) => total + response.tokens.length, 0);
      distance += compared["distance"]!;
      different += compared["different"]!;
      maxAbs = Math.max(maxAbs, compared["largest"]!);
      console.error(
        `${responses.length} rollouts decoded ${maxSequences} at once, recomputed ${tokens} tokens at once: ${compared["different"]} log-probabilities differ`,
      );
    }
  }
  return { maxAbs, meanAbs: distance / numTokens, bitwiseEqualShare: 1 - different / numTokens, numTokens };
}

/** Trained, written to a checkpoint and read back. */
async function trainedState(steps: number): Promise<TrainedState> {
  const parameters = await train(steps);
  const folder = mkdtempSync(join(tmpdir(), "whetstone-mismatch-"));
  try {
    saveCheckpoint(join(folder, "checkpoint"), { config: benchModel, parameters, tokenizerJson });
    return { parameters: loadCheckpoint(join(folder, "checkpoint")).parameters, optimizer: undefined };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function train(steps: number): Promise<Float32Array<ArrayBuffer>> {
  await using engines = benchEngines(benchModel);
  await engines.addGraph("train", trainGraph(crossEntropyLoss, { config: benchModel, pieces }));
  for (let step = 0; step < steps; step++) {
    await engines.forwardBackward("train", randomSamples({ numSequences: 16, numTokens: 64, seed: step, vocabSize: benchModel.vocabSize }));
    await engines.optimStep({ learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 });
  }
  return engines.copyParameters();
}

async function sampleAll(state: TrainedState, maxSequences: number): Promise<SampledResponse[]> {
  await using engines = new EngineGroup(
    { config: benchModel, control: noControl, engine: { ...benchEngine, numThreads: 1, maxSequences } },
    state,
  );
  const requests = Array.from({ length: numRollouts }, (_, index): SampleRequest => {
    const rng = rngFor("bench", "mismatch", index);
    return {
      id: `${index}`,
      taskId: "bench",
      group: index,
      index: 0,
      seed: rng.seed,
      promptTokens: Int32Array.from({ length: 1 + rng.int(30) }, () => rng.int(benchModel.vocabSize)),
      temperature: index % 2 === 0 ? 1 : 0.8,
      maxNewTokens: 4 + rng.int(60),
    };
  });
  return await Array.fromAsync(engines.sample(requests, new AbortController().signal));
}

async function compare(
  state: TrainedState,
  { responses, tokens }: { responses: readonly SampledResponse[]; tokens: number },
): Promise<Readonly<Record<string, number>>> {
  const engine = { ...benchEngine, microBatchTokens: tokens };
  await using engines = new EngineGroup({ config: benchModel, control: noControl, engine }, state);
  await engines.addGraph("compare", trainGraph(comparison, { config: benchModel, pieces }));
  return await engines.forwardBackward(
    "compare",
    responses.map(({ request, tokens: response, logProbs }) => ({
      tokens: Int32Array.from([...request.promptTokens, ...response]),
      targets: Int32Array.from(response, (_, i) => request.promptTokens.length + i),
      temperature: request.temperature,
      columns: { recorded: logProbs },
    })),
  );
}
