// Symbolic tensors: a tensor is the output of an op applied to other tensors. Nothing is computed here; a graph is whatever
// can be reached from the tensors one asks for. Shapes are checked once, when an op is applied.

import { GraphError } from "../base/errors.ts";
import { formatShape, type Shape } from "./shape.ts";

/** Element types. Ops compute with float32; integers are indices and counts, truth values only come from `cast`. */
export type DType = "float32" | "int64" | "int32" | "bool";

/** How ONNX numbers the element types: `TensorProto.DataType`. */
export const elementType = { float32: 1, int32: 6, int64: 7, bool: 9 } as const satisfies Record<DType, number>;

/** What is known of a tensor while a graph is built. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A value that will be there when the graph runs. */
export interface Tensor extends TensorType {
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly output: number;
}

/** One application of an op. */
export interface Node {
  /** In order of creation: inputs always have smaller ids. */
  readonly id: number;
  // Attributes are erased here; each op reads back the type it was applied with.
  // biome-ignore lint/suspicious/noExplicitAny: the pair (op, attributes) is only ever built by `apply`
  readonly op: OpDef<any>;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly outputs: readonly Tensor[];
  /** Where in the model it was built, e.g. "layers.3.ffn.up". */
  readonly place: string;
}

/** An op: its shape rule, its ONNX form and its derivative, side by side. `A` are its attributes. */
export interface OpDef<A> {
  readonly name: string;
  /** Types of the outputs. `fail` throws with the op's name, the input shapes and the place. */
  infer(inputs: readonly Tensor[], attributes: A, fail: (rule: string) => never): readonly TensorType[];
  /** Emits ONNX nodes that compute `outputs`. */
  onnx(context: OnnxContext<A>): void;
  /**
   * Vector-Jacobian product: the gradient for each input, undefined where none flows. Absent when the op has no
   * derivative anywhere (comparisons, indices).
   */
  vjp?(context: VjpContext<A>): readonly (Tensor | undefined)[];
  /** Outputs that only the derivative reads. They carry no gradient themselves, so that a second derivative is an error. */
  readonly innerOutputs?: readonly number[];
}

/** What a derivative is built from. */
export interface VjpContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outs: readonly Tensor[];
  /** Gradients of the outputs; zeros where an output is not used. */
  readonly grads: readonly Tensor[];
  readonly attributes: A;
}

/** What an op may use to write itself as ONNX nodes. Names are value names in the ONNX graph. */
export interface OnnxContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Adds a node; its outputs are named `outputs`, or fresh names are made. Returns the output names. */
  emit(opType: string, spec: OnnxNodeSpec): readonly string[];
  int64(values: readonly number[], shape?: readonly number[]): string;
  float32(values: readonly number[], shape?: readonly number[]): string;
  /** An int64 vector that holds `shape` at run time. */
  shapeOf(shape: Shape): string;
  /** With more threads than this the bits of the result could depend on their number. */
  limitThreads(maxThreads: number): void;
}

/** An ONNX node, but for its operator. */
export interface OnnxNodeSpec {
  readonly inputs: readonly string[];
  readonly outputs?: readonly string[];
  readonly numOutputs?: number;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Operator set; the standard one when absent. */
  readonly domain?: "com.microsoft";
}

/** An attribute value of an ONNX node. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string };

/** Names a tensor among all others; two objects can stand for one. */
export function keyOf({ node, output }: Tensor): string {
  return `${node.id}:${output}`;
}

let nextId = 0;
const places: string[] = [];

/** Builds with `name` added to the place that errors and printed graphs show. */
export function scope<T>(name: string, build: () => T): T {
  places.push(name);
  try {
    return build();
  } finally {
    places.pop();
  }
}

/** Applies an op; the shape rule runs now. */
export function apply<A>(op: OpDef<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] {
  const types = op.infer(inputs, attributes, (rule) => {
    throw shapeError(op.name, { rule, inputs });
  });
  const outputs: Tensor[] = [];
  const node: Node = { id: nextId++, op, inputs, attributes, outputs, place: places.join(".") };
  types.forEach((type, output) => {
    outputs.push({ ...type, node, output });
  });
  return outputs;
}

/** Applies an op with a single output. */
export function apply1<A>(op: OpDef<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return apply(op, inputs, attributes)[0]!;
}

/** What is wrong with `inputs` of the op called `name`, with their shapes and the place. */
export function shapeError(name: string, { rule, inputs }: { rule: string; inputs: readonly Tensor[] }): GraphError {
  const got = inputs.length === 0 ? "" : `, got ${inputs.map((input) => formatShape(input.shape)).join(" x ")}`;
  return new GraphError(`${name}: ${rule}${got}${atPlace(places.join("."))}`);
}

/** How messages end: the place, if there is one. */
export function atPlace(place: string): string {
  return place === "" ? "" : ` at "${place}"`;
}

/** Part of the shape rule of ops that compute with numbers; integers and truth values must be cast first. */
export function requireFloats(inputs: readonly Tensor[], fail: (rule: string) => never): void {
  const other = inputs.find((input) => input.dtype !== "float32");
  if (other !== undefined) fail(`operands must be float32, not ${other.dtype}`);
}

/** Every node that `outputs` depend on, inputs before users. */
export function nodesOf(outputs: readonly Tensor[]): Node[] {
  const found = new Map<number, Node>();
  const waiting = outputs.map((tensor) => tensor.node);
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (found.has(node.id)) continue;
    found.set(node.id, node);
    for (const input of node.inputs) waiting.push(input.node);
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}
