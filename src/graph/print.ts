// Graphs as text, one line for each node in the order of construction, for snapshots and for reading. Numbers count from the start of
// the printed graph, so that the same construction prints the same text wherever it runs.
//
//     %12 = linear(%3, %7) : float32[N,64]  @layers.0.ffn

import { formatShape } from "./shape.ts";
import { type Node, nodesOf, type Tensor } from "./tensor.ts";

/** Longer lists of numbers are cut. */
const maxListed = 8;

/** The graph that computes `outputs`, and a last line that names them. */
export function printGraph(outputs: readonly Tensor[]): string {
  const names = new Map<Node, readonly string[]>();
  let count = 0;
  const lines = nodesOf(outputs).map((node) => {
    const own = node.outputs.map(() => `%${count++}`);
    names.set(node, own);
    const inputs = node.inputs.map((input) => nameOf(input, names)).join(", ");
    const types = node.outputs.map(({ dtype, shape }) => `${dtype}${formatShape(shape)}`).join(", ");
    const place = node.place === "" ? "" : `  @${node.place}`;
    return `${own.join(", ")} = ${node.op.name}(${inputs})${printAttributes(node.attributes)} : ${types}${place}`;
  });
  return `${[...lines, `return ${outputs.map((output) => nameOf(output, names)).join(", ")}`].join("\n")}\n`;
}

function nameOf(tensor: Tensor, names: ReadonlyMap<Node, readonly string[]>): string {
  return names.get(tensor.node)![tensor.output]!;
}

/** Switches that are off say nothing, and the type of an input stands at the end of its line already. */
function printAttributes(attributes: unknown): string {
  const printed = Object.entries(attributes as Record<string, unknown>).flatMap(([name, value]) => {
    if (value === false || value === undefined || (typeof value === "object" && !Array.isArray(value))) return [];
    return [value === true ? name : `${name}=${printValue(value)}`];
  });
  return printed.length === 0 ? "" : ` {${printed.join(", ")}}`;
}

function printValue(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === "string" ? `"${value}"` : String(value);
  const listed = value.slice(0, maxListed).join(",");
  return value.length <= maxListed ? `[${listed}]` : `[${listed}, ${value.length - maxListed} more]`;
}
