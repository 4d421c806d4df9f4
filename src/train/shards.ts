// How a batch is dealt out: a fixed number of shards, whose gradients are added in order, each cut into micro-batches. Nothing here
// depends on how many threads do the work, so neither do the bits of a gradient.

import { microBatches } from "../data/microBatches.ts";
import type { DecayRange } from "../optim/adamw.ts";

/** Positions in `lengths` for each shard: the longest sequence left goes to the shard with the fewest tokens. None is empty. */
export function dealShards(lengths: readonly number[], numShards: number): number[][] {
  const shards = Array.from({ length: numShards }, () => ({ members: [] as number[], numTokens: 0 }));
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  for (const index of order) {
    const shard = shards.reduce((least, other) => (other.numTokens < least.numTokens ? other : least));
    shard.members.push(index);
    shard.numTokens += lengths[index]!;
  }
  return shards.map(({ members }) => members).filter((members) => members.length > 0);
}

/** The members of a shard by micro-batch. */
export function shardBatches<Item>(
  members: readonly Item[],
  { length, maxTokens }: { length: (item: Item) => number; maxTokens: number },
): Item[][] {
  return microBatches(members.map(length), { maxTokens }).map((group) => group.map((index) => members[index]!));
}

/** Elements `from` to `to` (exclusive) of a flat vector. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** `numRanges` consecutive parts of 0..total, of nearly equal size. */
export function cutRanges(total: number, numRanges: number): Range[] {
  const bound = (i: number): number => Math.floor((total * i) / numRanges);
  return Array.from({ length: numRanges }, (_, i) => ({ from: bound(i), to: bound(i + 1) }));
}

/** The part of `ranges` inside `within`, counted from its start. */
export function clipRanges(ranges: readonly DecayRange[], within: Range): DecayRange[] {
  return ranges
    .map(({ from, to, decays }) => ({ from: Math.max(from, within.from) - within.from, to: Math.min(to, within.to) - within.from, decays }))
    .filter(({ from, to }) => from < to);
}
