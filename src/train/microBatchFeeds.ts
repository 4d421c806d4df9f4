// A micro-batch of samples as inputs of a graph that trains or only looks.
//
// Dimension key:  N tokens, M targets, R = M + 1.

import type { PolicyConfig } from "../policy/architecture.ts";
import type { ForwardSample, TrainSample } from "../policy/backend.ts";
import { expertFeeds, expertsOfToken } from "../policy/experts.ts";
import { sequenceFeeds } from "../policy/sequenceFeeds.ts";
import type { NDArray } from "../runtime/session.ts";
import type { Routing } from "./forwardGraph.ts";
import { sequenceMeanFeeds } from "./sequenceMean.ts";
import { columnName } from "./trainGraph.ts";

/** What micro-batches of one batch are fed with. */
export interface FeedOptions {
  readonly config: PolicyConfig;
  readonly columns: readonly string[];
  readonly routing: Routing;
  /** Absent: the micro-batch is the whole batch. */
  readonly batch?: BatchSize;
}

/** Of the whole batch that a micro-batch is a part of. */
export interface BatchSize {
  readonly numTokens: number;
  readonly numSamples: number;
}

export function sizeOfBatch(samples: readonly ForwardSample[]): BatchSize {
  return { numTokens: samples.reduce((total, { tokens }) => total + tokens.length, 0), numSamples: samples.length };
}

/** Feeds for `samples`. */
export function microBatchFeeds(
  samples: readonly TrainSample[],
  { config, columns, routing, batch = sizeOfBatch(samples) }: FeedOptions,
): Record<string, NDArray> {
  const M = samples.reduce((total, { targets }) => total + targets.length, 0);
  const targetRows = new Int32Array(M + 1);
  const targets = new Int32Array(M + 1);
  const temperature = new Float32Array(M + 1).fill(1);
  const values = new Map(columns.map((name) => [name, new Float32Array(M)]));
  let row = 0;
  let start = 0;
  for (const sample of samples) {
    for (const [name, column] of values) column.set(sample.columns[name]!, row);
    for (const target of sample.targets) {
      targetRows[row] = start + target - 1;
      targets[row] = sample.tokens[target]!;
      temperature[row] = sample.temperature;
      row++;
    }
    start += sample.tokens.length;
  }
  // The extra row of the head: the last token of a sequence predicts nothing, so no target has it.
  targetRows[M] = start - 1;
  const sequences = samples.map(({ tokens }) => tokens);
  return {
    ...sequenceFeeds(sequences, config),
    targetRows: { shape: [M + 1], data: targetRows },
    targets: { shape: [M + 1, 1], data: targets },
    temperature: { shape: [M + 1, 1], data: temperature },
    real: { shape: [M], data: Int32Array.from({ length: M }, (_, i) => i) },
    share: { shape: [], data: Float32Array.of(start / batch.numTokens) },
    ...(routing === "replayed" ? replayFeeds(samples, { config, batch }) : {}),
    ...sequenceMeanFeeds(samples),
    ...Object.fromEntries([...values].map(([name, data]) => [columnName(name), { shape: [M], data }])),
  };
}

/** Of each sample all tokens but the last are replayed. */
function replayFeeds(
  samples: readonly TrainSample[],
  { config, batch }: { config: PolicyConfig; batch: BatchSize },
): Record<string, NDArray> {
  const numReplayed = (batch.numTokens - batch.numSamples) * expertsOfToken(config);
  const sequences = samples.map(({ tokens, experts }) => ({ tokens, experts: experts! }));
  return { ...expertFeeds(sequences, config), agreementScale: { shape: [], data: Float32Array.of(1 / numReplayed) } };
}
