// The blocks of a policy that are watched by themselves: the embedding, each layer's attention, feed-forward and router, the head. Norms of
// a vector over them are sums over fixed ranges in a fixed order, so that they do not depend on who adds up what.

import type { ParameterLayout } from "../policy/architecture.ts";
import type { StepMetrics } from "../policy/backend.ts";
import type { Range } from "./shards.ts";

/** A stretch of the flat vector that belongs to one block. */
export interface BlockRange extends Range {
  /** "embed", "layers.0.attention", "layers.0.router", "layers.0.ffn", "head", "valueHead". */
  readonly block: string;
}

/** The stretches in the order of the vector; together they cover it. */
export function blockRanges({ entries, total }: ParameterLayout): BlockRange[] {
  const ranges: BlockRange[] = [];
  for (const [i, { name, offset: from }] of entries.entries()) {
    const block = blockOf(name);
    const to = entries[i + 1]?.offset ?? total;
    const last = ranges.at(-1);
    if (last?.block === block) ranges[ranges.length - 1] = { ...last, to };
    else ranges.push({ block, from, to });
  }
  return ranges;
}

/** What `measure` says of each stretch inside `within`, in the order of `ranges`; 0 for those outside. */
export function measureBlocks(
  ranges: readonly BlockRange[],
  { within, measure }: { readonly within: Range; readonly measure: (stretch: Range) => number },
): number[] {
  return ranges.map((range) => {
    const stretch = { from: Math.max(range.from, within.from), to: Math.min(range.to, within.to) };
    return stretch.from < stretch.to ? measure(stretch) : 0;
  });
}

/** Norms by block from sums of squares by stretch, of the parts of the vector in order. */
export function blockNorms(ranges: readonly BlockRange[], parts: readonly (readonly number[])[]): Map<string, number> {
  const squares = new Map<string, number>();
  for (const part of parts) {
    for (const [i, { block }] of ranges.entries()) squares.set(block, (squares.get(block) ?? 0) + part[i]!);
  }
  return new Map([...squares].map(([block, square]) => [block, Math.sqrt(square)]));
}

/** `name/BLOCK` for each block. */
export function blockMetrics(name: string, values: ReadonlyMap<string, number>): StepMetrics {
  return Object.fromEntries([...values].map(([block, value]) => [`${name}/${block}`, value]));
}

const attention = new Set(["attentionNorm", "qkv", "qNorm", "kNorm", "attentionOut"]);

function blockOf(name: string): string {
  const [, layer, tensor] = /^(layers\.\d+)\.(\w+)$/.exec(name) ?? [];
  if (layer === undefined) return name === "finalNorm" ? "head" : name;
  if (tensor === "router") return `${layer}.router`;
  return attention.has(tensor!) ? `${layer}.attention` : `${layer}.ffn`;
}
