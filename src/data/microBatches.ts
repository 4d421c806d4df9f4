// Grouping sequences into micro-batches of bounded size. Attention pads the sequences of a micro-batch to the longest, so the ones that
// stand together should have similar lengths.

import { DataError } from "../base/errors.ts";

/**
 * Positions in `lengths`, grouped: longest sequences first, so that a run that does not fit in memory says so at once; at most
 * `maxTokens` tokens in a group. Equal lengths keep their order, so the result depends on nothing but `lengths`.
 */
export function microBatches(lengths: readonly number[], { maxTokens }: { readonly maxTokens: number }): number[][] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const groups: number[][] = [];
  let room = 0;
  for (const index of order) {
    const length = lengths[index]!;
    if (length > maxTokens) {
      throw new DataError(
        `micro-batch: a sequence must fit into maxTokens, got ${length} tokens at sequence ${index} and maxTokens ${maxTokens}; raise maxTokens or shorten the sequence`,
      );
    }
    if (groups.length === 0 || length > room) {
      groups.push([]);
      room = maxTokens;
    }
    groups.at(-1)!.push(index);
    room -= length;
  }
  return groups;
}
