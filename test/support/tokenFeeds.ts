// Tokens by what a policy loss sees of them, as feeds of the float64 evaluator.

import type { Loss } from "../../src/policy/backend.ts";
import { policyLoss } from "../../src/rl/losses.ts";
import type { LossFeeds } from "./lossValues.ts";

/** Under the old policy each token had probability 0.4. */
export const oldProbability = 0.4;

export interface TokenRow {
  readonly ratio: number;
  readonly advantage: number;
  /** Also the share that metrics are averaged by. */
  readonly weight: number;
  readonly entropy?: number;
  /** Further columns. */
  readonly columns?: Readonly<Record<string, number>>;
}

export function tokenFeeds(rows: readonly TokenRow[], lengths?: readonly number[]): LossFeeds {
  const further = Object.keys(rows[0]?.columns ?? {});
  return {
    logProb: rows.map(({ ratio }) => Math.log(oldProbability * ratio)),
    entropy: rows.map(({ entropy = 0 }) => entropy),
    columns: {
      oldLogProb: rows.map(() => Math.log(oldProbability)),
      advantage: rows.map(({ advantage }) => advantage),
      weight: rows.map(({ weight }) => weight),
      share: rows.map(({ weight }) => weight),
      ...Object.fromEntries(further.map((name) => [name, rows.map(({ columns }) => columns![name]!)])),
    },
    ...(lengths === undefined ? {} : { lengths }),
  };
}

/** A policy loss with nothing beside what the test is about. */
export function lossOf(about: Partial<Parameters<typeof policyLoss>[0]>): Loss {
  return policyLoss({ objective: { kind: "reinforce" }, entropy: { kind: "none" }, kl: { kind: "none" }, ...about });
}
