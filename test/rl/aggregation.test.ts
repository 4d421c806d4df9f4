import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { mean } from "../../src/base/statistics.ts";
import { tokenWeights } from "../../src/rl/aggregation.ts";
import type { AggregationConfig } from "../../src/rl/algorithmConfig.ts";
import { evaluateLoss } from "../support/lossValues.ts";
import { lossOf, oldProbability, tokenFeeds } from "../support/tokenFeeds.ts";
import { slopes } from "./softmax.ts";

/** Two responses to the first task, one to the second. */
const sequences = [
  { group: 0, numTokens: 2 },
  { group: 0, numTokens: 6 },
  { group: 3, numTokens: 4 },
];

describe("tokenWeights", () => {
  test("matches the hand-worked weights", () => {
    const expected: readonly (readonly [AggregationConfig, readonly number[]])[] = [
      [{ kind: "token-mean" }, [1 / 12, 1 / 12, 1 / 12]], // 2 + 6 + 4 tokens
      [{ kind: "sequence-mean" }, [1 / 6, 1 / 18, 1 / 12]], // 1 / (3 * 2), 1 / (3 * 6), 1 / (3 * 4)
      [{ kind: "prompt-mean" }, [1 / 16, 1 / 16, 1 / 8]], // 1 / (2 * 8), 1 / (2 * 4)
      [{ kind: "constant", length: 10 }, [1 / 30, 1 / 30, 1 / 30]], // 1 / (3 * 10)
    ];
    for (const [config, weights] of expected) assert.deepEqual(tokenWeights(sequences, config), weights, config.kind);
  });

  test("gives the loss the gradient of the mean that each is named after", () => {
    const rows = Array.from({ length: 12 }, (_, i) => ({ ratio: 0.5 + 0.1 * i, advantage: [1, -0.6, 0.3][i % 3]! }));
    /** -r A for each token, by response, as a function of the log-probabilities. */
    const terms = (logProb: readonly number[]): number[][] => {
      const all = logProb.map((own, i) => (-Math.exp(own) / oldProbability) * rows[i]!.advantage);
      return [all.slice(0, 2), all.slice(2, 8), all.slice(8)];
    };
    const means: readonly (readonly [AggregationConfig, (responses: readonly number[][]) => number])[] = [
      [{ kind: "token-mean" }, (responses) => mean(responses.flat())],
      [{ kind: "sequence-mean" }, (responses) => mean(responses.map(mean))],
      [{ kind: "prompt-mean" }, ([a, b, c]) => mean([mean([...a!, ...b!]), mean(c!)])],
      [{ kind: "constant", length: 10 }, (responses) => mean(responses.map((each) => each.reduce((x, y) => x + y) / 10))],
    ];
    for (const [config, average] of means) {
      const weights = tokenWeights(sequences, config).flatMap((weight, i) => Array<number>(sequences[i]!.numTokens).fill(weight));
      const feeds = tokenFeeds(rows.map((row, i) => ({ ...row, weight: weights[i]! })));
      const expected = slopes((logProb) => average(terms(logProb)), feeds.logProb);
      for (const [i, slope] of evaluateLoss(lossOf({}), feeds).dLogProb.entries()) {
        assert.ok(Math.abs(slope - expected[i]!) < 1e-9, `${config.kind}: token ${i} has ${slope}, expected ${expected[i]}`);
      }
    }
  });

  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });

  test("makes averages: all but the constant add up to 1", () => {
    fc.assert(
      fc.property(lengths, fc.constantFrom("token-mean" as const, "sequence-mean" as const, "prompt-mean" as const), (each, kind) => {
        const items = each.map((numTokens, i) => ({ group: i >> 1, numTokens }));
        const total = tokenWeights(items, { kind }).reduce((sum, weight, i) => sum + weight * items[i]!.numTokens, 0);
        assert.ok(Math.abs(total - 1) < 1e-12, `${kind}: ${total}`);
      }),
    );
  });

  test("says the same in all ways where all responses are equally long and constant is their length", () => {
    const equal = [0, 0, 1, 1].map((group) => ({ group, numTokens: 5 }));
    const ways: AggregationConfig[] = [{ kind: "sequence-mean" }, { kind: "prompt-mean" }, { kind: "constant", length: 5 }];
    for (const way of ways) assert.deepEqual(tokenWeights(equal, way), tokenWeights(equal, { kind: "token-mean" }), way.kind);
  });

  test("by prompt is by sequence where every task has one response, and by token where there is one task", () => {
    fc.assert(
      fc.property(lengths, (each) => {
        const [own, one] = [each.map((numTokens, group) => ({ group, numTokens })), each.map((numTokens) => ({ group: 7, numTokens }))];
        assert.deepEqual(tokenWeights(own, { kind: "prompt-mean" }), tokenWeights(own, { kind: "sequence-mean" }));
        assert.deepEqual(tokenWeights(one, { kind: "prompt-mean" }), tokenWeights(one, { kind: "token-mean" }));
      }),
    );
  });
});
