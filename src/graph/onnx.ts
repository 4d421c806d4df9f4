// Writes a graph as an ONNX model: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers are from there).
// Equal nodes (same operator, inputs and attributes) are written once.

import { GraphError } from "../base/errors.ts";
import { bytesField, concat, type Field, floatField, messageField, packedField, stringField, varintField } from "./protobuf.ts";
import type { Dim, Shape } from "./shape.ts";
import {
  type DType,
  elementType,
  keyOf,
  type Node,
  nodesOf,
  type OnnxAttribute,
  type OnnxContext,
  type OnnxNodeSpec,
  type Tensor,
} from "./tensor.ts";

/** A model ready for the engine, and what it must be fed. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[];
  /** `value` is what the engine calls the output: naming it after the caller's word would take a copy. */
  readonly outputs: readonly { readonly name: string; readonly value: string; readonly shape: Shape; readonly dtype: DType }[];
  readonly numNodes: number;
  /** Up to so many threads the bits of the results do not depend on their number. */
  readonly maxThreads: number;
}

/** Operator-set versions; 23 has RMSNormalization and Attention. */
const opsets = [
  { domain: "", version: 23 },
  { domain: "com.microsoft", version: 1 },
] as const;

/** Name of a graph input, as the `input` op stores it. */
export interface InputAttributes {
  readonly name: string;
  readonly type: { readonly shape: Shape; readonly dtype: DType };
}

/** The ONNX model that computes `outputs`, under these names, from the inputs they depend on. */
export function toOnnx(outputs: Readonly<Record<string, Tensor>>): OnnxModel {
  const writer = new GraphWriter();
  const nodes = nodesOf(Object.values(outputs));
  for (const node of nodes) {
    if (node.op.name === "input") writer.addInput(node.outputs[0]!, (node.attributes as InputAttributes).name);
  }
  for (const node of nodes) {
    if (node.op.name !== "input") node.op.onnx(writer.contextFor(node));
  }
  return writer.finish(outputs);
}

class GraphWriter {
  readonly #nodes: Field[] = [];
  readonly #initializers = new Map<string, Field>();
  readonly #inputs: { name: string; shape: Shape; dtype: DType }[] = [];
  /** Value name of each tensor, keyed by node id and output. */
  readonly #valueNames = new Map<string, string>();
  /** For a value name whose node was already written under another name: that name. */
  readonly #writtenAs = new Map<string, string>();
  readonly #written = new Map<string, readonly string[]>();
  /** Where a symbol's size can be read: an input's value name and axis. */
  readonly #symbolSources = new Map<string, { value: string; axis: number }>();
  #fresh = 0;
  #maxThreads = Number.POSITIVE_INFINITY;
  /** Values that are outputs of the graph. */
  readonly #leaving = new Set<string>();

  addInput(tensor: Tensor, name: string): void {
    checkName(name);
    if (this.#inputs.some((input) => input.name === name)) throw new GraphError(`toOnnx: input names must differ, got "${name}" twice`);
    this.#inputs.push({ name, shape: tensor.shape, dtype: tensor.dtype });
    this.#valueNames.set(keyOf(tensor), name);
    tensor.shape.forEach((dim, axis) => {
      if (typeof dim === "string" && !dim.includes("*") && !this.#symbolSources.has(dim))
        this.#symbolSources.set(dim, { value: name, axis });
    });
  }

  contextFor({ outputs, inputs, attributes }: Node): OnnxContext<unknown> {
    const outputNames = outputs.map(() => this.#freshName());
    outputs.forEach((output, i) => {
      this.#valueNames.set(keyOf(output), outputNames[i]!);
    });
    return {
      inputs,
      outputs,
      attributes,
      inputNames: inputs.map((input) => this.#valueNames.get(keyOf(input))!),
      outputNames,
      emit: (opType, spec) => this.#emit(opType, spec),
      int64: (values, shape) => this.#int64(values, shape),
      float32: (values, shape) => this.#float32(values, shape),
      shapeOf: (shape) => this.#shapeOf(shape),
      limitThreads: (maxThreads) => {
        this.#maxThreads = Math.min(this.#maxThreads, maxThreads);
      },
    };
  }

  finish(outputs: Readonly<Record<string, Tensor>>): OnnxModel {
    const infos = Object.entries(outputs).map(([name, tensor]) => ({
      name,
      shape: tensor.shape,
      dtype: tensor.dtype,
      value: this.#outputValue(name, tensor),
    }));
    const graph = [
      ...this.#nodes.map((node) => bytesField(1, node)),
      stringField(2, "whetstone"),
      ...[...this.#initializers.values()].map((initializer) => bytesField(5, initializer)),
      ...this.#inputs.map((info) => messageField(11, valueInfo(info))),
      ...infos.map(({ value, shape, dtype }) => messageField(12, valueInfo({ name: value, shape, dtype }))),
    ];
    const bytes = concat([
      varintField(1, 10),
      stringField(2, "whetstone"),
      messageField(7, graph),
      ...opsets.map(({ domain, version }) => messageField(8, [stringField(1, domain), varintField(2, version)])),
    ]);
    return { bytes, inputs: this.#inputs, outputs: infos, numNodes: this.#nodes.length, maxThreads: this.#maxThreads };
  }

  /** A value that leaves the graph once: an input, or a value that has left under another name, leaves as a copy. */
  #outputValue(name: string, tensor: Tensor): string {
    checkName(name);
    if (this.#inputs.some((input) => input.name === name))
      throw new GraphError(`toOnnx: "${name}" names an input and an output; rename one`);
    const value = this.#resolve(this.#valueNames.get(keyOf(tensor))!);
    const isFree = !this.#leaving.has(value) && !this.#inputs.some((input) => input.name === value) && !this.#initializers.has(value);
    const left = isFree ? value : name;
    if (!isFree) this.#nodes.push(encodeNode("Identity", { inputs: [value], outputs: [name] }));
    this.#leaving.add(left);
    return left;
  }

  #emit(opType: string, spec: OnnxNodeSpec): readonly string[] {
    const inputs = spec.inputs.map((name) => this.#resolve(name));
    const signature = JSON.stringify([opType, spec.domain, inputs, spec.attributes, spec.outputs?.length ?? spec.numOutputs ?? 1]);
    const known = this.#written.get(signature);
    if (known !== undefined) {
      spec.outputs?.forEach((name, i) => {
        this.#writtenAs.set(name, known[i]!);
      });
      return known;
    }
    const outputs = spec.outputs ?? Array.from({ length: spec.numOutputs ?? 1 }, () => this.#freshName());
    this.#written.set(signature, outputs);
    this.#nodes.push(encodeNode(opType, { ...spec, inputs, outputs }));
    return outputs;
  }

  #resolve(name: string): string {
    return this.#writtenAs.get(name) ?? name;
  }

  /** Counted from the start of the model, so that equal graphs give equal bytes. */
  #freshName(): string {
    return `%${this.#fresh++}`;
  }

  #int64(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#initializer(`%i64_${shape.join("x")}_${values.join("_")}`, { shape, type: elementType.int64, raw });
  }

  #float32(values: readonly number[], shape: readonly number[] = []): string {
    const raw = new Uint8Array(Float32Array.from(values).buffer);
    return this.#initializer(`%f32_${shape.join("x")}_${values.join("_")}`, { shape, type: elementType.float32, raw });
  }

  #initializer(name: string, { shape, type, raw }: { shape: readonly number[]; type: number; raw: Uint8Array }): string {
    if (!this.#initializers.has(name)) {
      this.#initializers.set(name, concat([packedField(1, shape), varintField(2, type), stringField(8, name), bytesField(9, raw)]));
    }
    return name;
  }

  #shapeOf(shape: Shape): string {
    if (shape.every((dim) => typeof dim === "number")) return this.#int64(shape as readonly number[]);
    const parts = shape.map((dim) => this.#dimValue(dim));
    return this.#emit("Concat", { inputs: parts, attributes: { axis: { int: 0 } } })[0]!;
  }

  /** A one-element int64 vector with the size of `dim` at run time. */
  #dimValue(dim: Dim): string {
    if (typeof dim === "number") return this.#int64([dim]);
    const [first, ...rest] = dim.split("*").map((part) => {
      const factor = Number(part);
      if (!Number.isNaN(factor)) return this.#int64([factor]);
      const source = this.#symbolSources.get(part);
      if (source === undefined) throw new GraphError(`toOnnx: symbol "${part}" is not an axis of any input; give one input that axis`);
      const attributes = { start: { int: source.axis }, end: { int: source.axis + 1 } };
      return this.#emit("Shape", { inputs: [source.value], attributes })[0]!;
    });
    return rest.reduce((product, factor) => this.#emit("Mul", { inputs: [product, factor] })[0]!, first!);
  }
}

/** Inner values have names that start with %. */
function checkName(name: string): void {
  if (name.startsWith("%")) throw new GraphError(`toOnnx: names must not start with "%", got "${name}"`);
}

function encodeNode(opType: string, { inputs, outputs, attributes = {}, domain }: OnnxNodeSpec): Field {
  return concat([
    ...inputs.map((name) => stringField(1, name)),
    ...(outputs ?? []).map((name) => stringField(2, name)),
    stringField(4, opType),
    ...Object.entries(attributes).map(([name, value]) => messageField(5, encodeAttribute(name, value))),
    ...(domain === undefined ? [] : [stringField(7, domain)]),
  ]);
}

function encodeAttribute(name: string, value: OnnxAttribute): readonly Field[] {
  const named = stringField(1, name);
  if ("int" in value) return [named, varintField(3, value.int), varintField(20, 2)];
  if ("float" in value) return [named, floatField(2, value.float), varintField(20, 1)];
  if ("ints" in value) return [named, ...value.ints.map((int) => varintField(8, int)), varintField(20, 7)];
  return [named, stringField(4, value.string), varintField(20, 3)];
}

function valueInfo({ name, shape, dtype }: { name: string; shape: Shape; dtype: DType }): readonly Field[] {
  const dims = shape.map((dim) => messageField(1, [typeof dim === "number" ? varintField(1, dim) : stringField(2, dim)]));
  const tensorType = [varintField(1, elementType[dtype]), messageField(2, dims)];
  return [stringField(1, name), messageField(2, [messageField(1, tensorType)])];
}
