// Colours for the nodes of a graph, different at the ends of each edge, at most so many. A solution is "node: colour" for each
// node, between commas or line ends, or a JSON object; any words will do for colours.

import { z } from "zod";

import { type Checked, maxEntries, right, wrong } from "./puzzle.ts";

const Node = z.union([z.string().regex(/^[^\s:,;{}"']{1,64}$/, "must be a word"), z.int()]).transform(String);

export const Coloring = z
  .strictObject({
    kind: z.literal("graph-coloring"),
    nodes: z.array(Node).max(maxEntries).default([]).describe("Nodes without an edge must be listed; others may be"),
    edges: z
      .array(z.tuple([Node, Node]))
      .min(1)
      .max(50_000)
      .describe("Pairs of nodes that must differ"),
    colors: z.int().min(1).describe("Most colours"),
  })
  .refine(({ edges }) => edges.every(([a, b]) => a !== b), { path: ["edges"], error: "must not join a node with itself" });

export function checkColoring({ nodes, edges, colors }: z.output<typeof Coloring>, solution: string): Checked {
  const colorOf = new Map<string, string>();
  const parts = solution
    .replaceAll(/[{}"'`]/g, " ")
    .split(/[,;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length > maxEntries) return wrong(`the answer has more than ${maxEntries} entries`);
  const all = new Set([...nodes, ...edges.flat()]);
  for (const part of parts) {
    const pair = /^(?:[-*]\s+)?(\S+?)\s*(?::|=|->|→)\s*(\S+)$/.exec(part);
    if (pair === null) return wrong(`"${part.slice(0, 40)}" is not "node: colour"`);
    const [, node, color] = pair;
    if (!all.has(node!)) return wrong(`"${node}" is no node`);
    if (colorOf.has(node!)) return wrong(`node ${node} is coloured twice`);
    colorOf.set(node!, color!.toLowerCase());
  }
  const bare = [...all].find((node) => !colorOf.has(node));
  if (bare !== undefined) return wrong(`node ${bare} has no colour`);
  const used = new Set(colorOf.values()).size;
  if (used > colors) return wrong(`${used} colours, at most ${colors} are allowed`);
  const clash = edges.find(([a, b]) => colorOf.get(a) === colorOf.get(b));
  if (clash !== undefined) return wrong(`nodes ${clash[0]} and ${clash[1]} are joined and both ${colorOf.get(clash[0])}`);
  return right(`${all.size} nodes in ${used} colours`);
}
