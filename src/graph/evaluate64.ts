// The value of a graph in float64, in plain TypeScript: what the engine's results and the derivatives are compared with, and what
// tests read numbers from. Simple rather than fast. Nothing is rounded to float32, neither inputs nor constants.

import { GraphError } from "../base/errors.ts";
import type { ArrayValue, Kernel } from "./reference/array.ts";
import { elementwiseKernels } from "./reference/elementwise.ts";
import { layoutKernels } from "./reference/layout.ts";
import { modelKernels } from "./reference/model.ts";
import { type Dim, formatShape, resolveDim, type Shape } from "./shape.ts";
import { atPlace, type Node, nodesOf, type Tensor } from "./tensor.ts";

export type { ArrayValue } from "./reference/array.ts";

/** Values of graph inputs by name; integers and truth values are numbers too. */
export type Feeds = Readonly<Record<string, ArrayValue>>;

/** One kernel for each op, by the op's name. Attributes are erased here, as in `Node`. */
export const kernels: Readonly<Record<string, Kernel<never>>> = { ...elementwiseKernels, ...layoutKernels, ...modelKernels };

/** The values of `outputs`. Sizes of symbols are read from the feeds; every array must have the shape its op's shape rule promised. */
export function evaluate64(output: Tensor, feeds?: Feeds): ArrayValue;
export function evaluate64(outputs: readonly Tensor[], feeds?: Feeds): readonly ArrayValue[];
export function evaluate64(outputs: Tensor | readonly Tensor[], feeds: Feeds = {}): ArrayValue | readonly ArrayValue[] {
  if (!isList(outputs)) return evaluate64([outputs], feeds)[0]!;
  const nodes = nodesOf(outputs);
  const sizes = new SymbolSizes();
  const values = new Map<Node, readonly ArrayValue[]>();
  for (const node of nodes) {
    if (node.op.name === "input") values.set(node, [feedOf(node, feeds)]);
  }
  for (const [node, [value]] of values) sizes.bind(node.outputs[0]!.shape, value!.shape);
  for (const [node, [value]] of values) sizes.check(node.outputs[0]!, value!.shape);
  for (const node of nodes) {
    if (!values.has(node)) values.set(node, evaluateNode(node, { inputs: node.inputs.map((x) => values.get(x.node)![x.output]!), sizes }));
  }
  return outputs.map((tensor) => values.get(tensor.node)![tensor.output]!);
}

function evaluateNode(node: Node, { inputs, sizes }: { inputs: readonly ArrayValue[]; sizes: SymbolSizes }): readonly ArrayValue[] {
  const kernel = kernels[node.op.name];
  if (kernel === undefined) throw new GraphError(`evaluate64: the op "${node.op.name}" has no kernel; add one to src/graph/reference`);
  const fail = (rule: string): never => {
    const shapes = inputs.map((value) => formatShape(value.shape)).join(" x ");
    throw new GraphError(`evaluate64: ${node.op.name}: ${rule}, got ${shapes}${atPlace(node.place)}`);
  };
  const shapes = node.outputs.map((output) => output.shape.map((dim) => sizes.get(dim) ?? -1));
  // `apply` paired the op with its attributes; the kernel of that name reads back their type.
  const values = kernel({ inputs, attributes: node.attributes as never, shapes, fail });
  node.outputs.forEach((output, i) => {
    sizes.bind(output.shape, values[i]!.shape);
    sizes.check(output, values[i]!.shape);
  });
  return values;
}

function feedOf(node: Node, feeds: Feeds): ArrayValue {
  const { name } = node.attributes as { readonly name: string };
  const value = feeds[name];
  if (value === undefined)
    throw new GraphError(`evaluate64: input "${name}" is not fed, got ${Object.keys(feeds).join(", ") || "no feeds"}`);
  const size = value.shape.reduce((product, dim) => product * dim, 1);
  if (value.data.length !== size) {
    throw new GraphError(`evaluate64: input "${name}" of shape ${formatShape(value.shape)} needs ${size} values, got ${value.data.length}`);
  }
  if (node.outputs[0]!.dtype !== "float32" && !value.data.every(Number.isInteger)) {
    throw new GraphError(`evaluate64: input "${name}" must hold integers, got ${value.data.find((number) => !Number.isInteger(number))}`);
  }
  return value;
}

/** Sizes of symbols: those of inputs come from the feeds, those that an op introduces from the first array that has them. */
class SymbolSizes {
  readonly #sizes = new Map<string, number>();

  get(dim: Dim): number | undefined {
    if (typeof dim === "string" && dim.split("*").some((part) => Number.isNaN(Number(part)) && !this.#sizes.has(part))) return undefined;
    return resolveDim(dim, this.#sizes);
  }

  bind(shape: Shape, actual: readonly number[]): void {
    shape.forEach((dim, axis) => {
      const isSymbol = typeof dim === "string" && !dim.includes("*");
      if (isSymbol && !this.#sizes.has(dim) && actual[axis] !== undefined) this.#sizes.set(dim, actual[axis]);
    });
  }

  check({ shape, node }: Tensor, actual: readonly number[]): void {
    const expected = shape.map((dim) => this.get(dim));
    if (expected.length === actual.length && expected.every((size, axis) => size === actual[axis])) return;
    const what = node.op.name === "input" ? `input "${(node.attributes as { name: string }).name}"` : `the result of ${node.op.name}`;
    const sizes = [...this.#sizes].map(([symbol, size]) => `${symbol} = ${size}`).join(", ");
    const under = sizes === "" ? "" : ` with ${sizes}`;
    throw new GraphError(
      `evaluate64: ${what} must have shape ${formatShape(shape)}${under}, got ${formatShape(actual)}${atPlace(node.place)}`,
    );
  }
}

function isList(outputs: Tensor | readonly Tensor[]): outputs is readonly Tensor[] {
  return Array.isArray(outputs);
}
