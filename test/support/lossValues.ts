// A loss on the float64 reference evaluator: numbers in, numbers and gradients out.

import { gradients } from "../../src/graph/backward.ts";
import { evaluate64 } from "../../src/graph/evaluate64.ts";
import { input } from "../../src/graph/ops.ts";
import type { Loss } from "../../src/policy/backend.ts";
import { sequenceMean } from "../../src/train/sequenceMean.ts";

/** One number a token. */
export interface LossFeeds {
  readonly logProb: readonly number[];
  readonly entropy: readonly number[];
  /** Of a critic. */
  readonly value?: readonly number[];
  readonly columns: Readonly<Record<string, readonly number[]>>;
  /** Trained tokens of each sequence. Absent: all are of one. */
  readonly lengths?: readonly number[];
}

export interface LossValues {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** d loss / d logProb, d loss / d entropy and d loss / d value, one number a token. */
  readonly dLogProb: readonly number[];
  readonly dEntropy: readonly number[];
  readonly dValue: readonly number[];
}

export function evaluateLoss(loss: Loss, { logProb, entropy, value, columns, lengths = [logProb.length] }: LossFeeds): LossValues {
  const N = logProb.length;
  const logProb_N = input("logProb", [N]);
  const entropy_N = input("entropy", [N]);
  const value_N = input("value", [N]);
  const names = Object.keys(columns);
  const inputs = new Map(names.map((name) => [name, input(`column.${name}`, [N])]));
  const valued = value === undefined ? {} : { value_N };
  const sequences = {
    sequence_M: input("sequence", [N], "int32"),
    share_M: input("sequenceShare", [N]),
    like_S: input("sequences", [lengths.length]),
  };
  const built = loss.build({
    logProb_N,
    entropy_N,
    ...valued,
    column: (name) => inputs.get(name)!,
    sequenceMean: (x_N) => sequenceMean(x_N, sequences),
  });
  const scalars = { ...built.metrics, ...built.maxima };
  const vector = (values: readonly number[]) => ({ shape: [N], data: Float64Array.from(values) });
  const slopes = gradients(built.loss, [logProb_N, entropy_N, value_N]);
  const values = evaluate64([built.loss, ...slopes, ...Object.values(scalars)], {
    logProb: vector(logProb),
    entropy: vector(entropy),
    value: vector(value ?? logProb.map(() => 0)),
    sequence: vector(lengths.flatMap((length, index) => Array<number>(length).fill(index))),
    sequenceShare: vector(lengths.flatMap((length) => Array<number>(length).fill(1 / length))),
    sequences: { shape: [lengths.length], data: new Float64Array(lengths.length) },
    ...Object.fromEntries(names.map((name) => [`column.${name}`, vector(columns[name]!)])),
  });
  const [total, dLogProb, dEntropy, dValue, ...rest] = values.map(({ data }) => [...data]);
  const metrics = Object.fromEntries(Object.keys(scalars).map((name, i) => [name, rest[i]![0]!]));
  return { loss: total![0]!, metrics, dLogProb: dLogProb!, dEntropy: dEntropy!, dValue: dValue! };
}

/** Central differences of the loss in each token's log-probability, or in another of the policy's numbers. */
export function numericalGradient(loss: Loss, feeds: LossFeeds, by: "logProb" | "entropy" | "value" = "logProb"): number[] {
  const h = 1e-6;
  const at = (i: number, shift: number): number =>
    evaluateLoss(loss, { ...feeds, [by]: feeds[by]!.map((x, j) => (i === j ? x + shift : x)) }).loss;
  return feeds.logProb.map((_, i) => (at(i, h) - at(i, -h)) / (2 * h));
}
