// A micro-batch of samples as inputs of a graph that trains or only looks.
//
// Dimension key:  N tokens, M targets, R = M + 1.

import type { PolicyConfig } from "../policy/architecture.ts";
import type { TrainSample } from "../policy/backend.ts";
import { sequenceFeeds } from "../policy/sequenceFeeds.ts";
import type { NDArray } from "../runtime/session.ts";
import { sequenceMeanFeeds } from "./sequenceMean.ts";
import { columnName } from "./trainGraph.ts";

/** Feeds for `samples`; `share` is their part of the whole batch's tokens. */
export function microBatchFeeds(
  samples: readonly TrainSample[],
  { config, columns, share }: { config: PolicyConfig; columns: readonly string[]; share: number },
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
    share: { shape: [], data: Float32Array.of(share) },
    ...sequenceMeanFeeds(samples),
    ...Object.fromEntries([...values].map(([name, data]) => [columnName(name), { shape: [M], data }])),
  };
}
