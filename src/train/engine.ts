// One engine: a copy of the parameters that graphs read, compiled graphs, and a decoder. Lives on a worker thread (`engineThread.ts`),
// since running a graph blocks. Several engines share the vectors of a policy and each does its part (`engineGroup.ts`).

import { digestBytes } from "../base/digest.ts";
import { EngineError } from "../base/errors.ts";
import { numElements } from "../graph/shape.ts";
import { type AdamWSettings, type AdamWState, adamW, type DecayRange } from "../optim/adamw.ts";
import { gradientNorm, sumOfSquares } from "../optim/clip.ts";
import { type ParameterLayout, type PolicyConfig, parameterLayout } from "../policy/architecture.ts";
import type { ForwardOutputs, ForwardSample, SampleRequest, StepMetrics, TrainSample } from "../policy/backend.ts";
import { createDecoder, type Decoder } from "../policy/decoder.ts";
import { type ParameterPiece, parameterPieces } from "../policy/parameters.ts";
import type { ResponseTokens, SampledResponse } from "../policy/response.ts";
import { sampleResponses } from "../policy/sample.ts";
import { compile, type NDArray, release, type Session } from "../runtime/session.ts";
import { type BlockRange, blockRanges, measureBlocks } from "./blocks.ts";
import { type ForwardGraph, forwardGraph, type Routing } from "./forwardGraph.ts";
import { type BatchSize, microBatchFeeds } from "./microBatchFeeds.ts";
import { clipRanges, type Range, shardBatches } from "./shards.ts";
import { gradientName, type TrainGraph } from "./trainGraph.ts";

/** What an engine is told when it starts. */
export interface EngineOptions {
  readonly config: PolicyConfig;
  readonly control: ResponseTokens;
  /** Sequences that this engine decodes at once. */
  readonly maxSequences: number;
  readonly microBatchTokens: number;
}

/** The policy's vectors, shared by all engines; each as long as the layout. Graphs cannot read shared memory. */
export interface SharedState {
  readonly parameters: Float32Array<SharedArrayBuffer>;
  /** The gradient of each shard. After `reduce` the first one holds their sum. */
  readonly gradients: readonly Float32Array<SharedArrayBuffer>[];
}

/** The optimizer of a policy that is trained; its vectors are shared too. */
export interface SharedOptimizer extends AdamWState {
  readonly meanOfGradient: Float32Array<SharedArrayBuffer>;
  readonly meanOfSquare: Float32Array<SharedArrayBuffer>;
}

/** One shard's part of `forwardBackward`. */
export interface ShardWork {
  readonly shard: number;
  readonly samples: readonly TrainSample[];
  readonly batch: BatchSize;
  /** Whether the shard's vector holds a gradient to add to; it is overwritten otherwise. */
  readonly adds: boolean;
}

/** What a shard's graph reported. */
export interface ShardMetrics {
  /** Over the shard's micro-batches. */
  readonly sums: StepMetrics;
  readonly maxima: StepMetrics;
  readonly vectors: Readonly<Record<string, Float64Array>>;
}

/** Of a range of the gradient; `blockSquares` by stretch of `blockRanges`. */
export interface ReducedRange {
  readonly squares: number;
  readonly blockSquares: readonly number[];
}

/** Sums of squares over a range by stretch of `blockRanges`: of the parameters before an update, and of what it added to them. */
export interface UpdatedRange {
  readonly weightSquares: readonly number[];
  readonly updateSquares: readonly number[];
}

/** What an update multiplies, and the optimizer before it. */
export interface RangeUpdate {
  readonly range: Range;
  readonly settings: AdamWSettings;
  readonly gradientScale: number;
  readonly optimizer: SharedOptimizer;
}

interface Compiled<Graph> {
  readonly graph: Graph;
  readonly session: Session;
}

/** One engine; its methods are the calls of `protocol.ts`. */
export class Engine implements AsyncDisposable {
  private readonly options: EngineOptions;
  private readonly shared: SharedState;
  private readonly pieces: readonly ParameterPiece[];
  private readonly decayRanges: readonly DecayRange[];
  private readonly blocks: readonly BlockRange[];
  private readonly graphs = new Map<string, Compiled<TrainGraph>>();
  private readonly parameters: Float32Array<ArrayBuffer>;
  private readonly views: ReadonlyMap<string, NDArray>;
  private version = -1;
  private decoder: Decoder | undefined;
  private readonly forwarding = new Map<Routing, Compiled<ForwardGraph>>();

  constructor(options: EngineOptions, shared: SharedState) {
    this.options = options;
    this.shared = shared;
    const layout = parameterLayout(options.config);
    this.pieces = parameterPieces(layout);
    this.decayRanges = decayRanges(layout);
    this.blocks = blockRanges(layout);
    this.parameters = new Float32Array(layout.total);
    this.views = new Map(
      this.pieces.map(({ name, shape, offset }) => [name, { shape, data: this.parameters.subarray(offset, offset + numElements(shape)) }]),
    );
  }

  async addGraph(key: string, graph: TrainGraph): Promise<void> {
    this.graphs.set(key, { graph, session: await compile(graph.model, { numThreads: 1 }) });
  }

  /** Takes over the shared parameters where they are newer than the engine's own. */
  refresh(version: number): void {
    if (version === this.version) return;
    this.parameters.set(this.shared.parameters);
    this.version = version;
  }

  /** What the policy says of each sample, micro-batch by micro-batch. Every sample has a target. */
  async forward(samples: readonly ForwardSample[], routing: Routing): Promise<readonly ForwardOutputs[]> {
    const { config, microBatchTokens: maxTokens } = this.options;
    const { graph, session } = this.forwarding.get(routing) ?? (await this.addForward(routing));
    const weights = Object.fromEntries(graph.pieces.map(({ name }) => [name, this.views.get(name)!]));
    const answers: ForwardOutputs[] = [];
    const indices = samples.map((_, index) => index);
    for (const members of shardBatches(indices, { length: (index) => samples[index]!.tokens.length, maxTokens })) {
      const batch = members.map((index) => ({ ...samples[index]!, columns: {} }));
      const outputs = await session.run({ ...weights, ...microBatchFeeds(batch, { config, columns: [], routing }) });
      let from = 0;
      for (const index of members) {
        const to = from + samples[index]!.targets.length;
        const part = (name: string): Float32Array => (outputs[name]!.data as Float32Array).slice(from, to);
        answers[index] = Object.fromEntries(graph.outputs.map((name) => [name, part(name)])) as unknown as ForwardOutputs; // its keys
        from = to;
      }
    }
    return answers;
  }

  /** The gradient of a shard, micro-batch by micro-batch in a fixed order, into the shard's vector. */
  async forwardBackward(key: string, { shard, samples, batch, adds }: ShardWork): Promise<ShardMetrics> {
    const known = this.graphs.get(key);
    if (known === undefined) throw new EngineError(`forwardBackward: no graph was compiled for "${key}"`);
    const { graph, session } = known;
    const sums: Record<string, number> = Object.fromEntries(graph.metrics.map((name) => [name, 0]));
    const maxima: Record<string, number> = Object.fromEntries(graph.maxima.map((name) => [name, Number.NEGATIVE_INFINITY]));
    const vectors: Record<string, Float64Array> = {};
    const weights = Object.fromEntries(graph.pieces.map(({ name }) => [name, this.views.get(name)!]));
    const gradient = this.shared.gradients[shard]!;
    if (!adds && graph.pieces.length < this.pieces.length) gradient.fill(0);
    let isFirst = !adds;
    const { config, microBatchTokens: maxTokens } = this.options;
    const { columns, routing } = graph;
    for (const members of shardBatches(samples, { length: ({ tokens }) => tokens.length, maxTokens })) {
      const outputs = await session.run({ ...weights, ...microBatchFeeds(members, { config, columns, routing, batch }) });
      const scalar = (name: string): number => Number(outputs[name]!.data[0]);
      for (const name of graph.metrics) sums[name]! += scalar(name);
      for (const name of graph.maxima) maxima[name] = Math.max(maxima[name]!, scalar(name));
      for (const name of graph.vectors) vectors[name] = addedVector(vectors[name], outputs[name]!.data as Float32Array);
      for (const { name, offset } of graph.pieces) {
        const values = outputs[gradientName(name)]!.data as Float32Array;
        if (isFirst) gradient.set(values, offset);
        else addTo(gradient.subarray(offset, offset + values.length), values);
      }
      release(graph.pieces.map(({ name }) => outputs[gradientName(name)]!));
      isFirst = false;
    }
    return { sums, maxima, vectors };
  }

  /** Adds the gradients of `shards` in order into the first one, over a range. */
  reduce({ range, shards }: { range: Range; shards: number }): ReducedRange {
    const { from, to } = range;
    const [sum, ...others] = this.shared.gradients.slice(0, shards).map((gradient) => gradient.subarray(from, to));
    for (const other of others) addTo(sum!, other);
    const total = this.shared.gradients[0]!;
    const measure = (stretch: Range): number => sumOfSquares(total.subarray(stretch.from, stretch.to));
    return { squares: gradientNorm(sum!) ** 2, blockSquares: measureBlocks(this.blocks, { within: range, measure }) };
  }

  /** AdamW over a range of the shared vectors. The engine's own parameters must be those before the update. */
  update({ range, settings, gradientScale, optimizer }: RangeUpdate): UpdatedRange {
    const part = (vector: Float32Array): Float32Array => vector.subarray(range.from, range.to);
    const { parameters, gradients } = this.shared;
    adamW.update(
      { ...optimizer, meanOfGradient: part(optimizer.meanOfGradient), meanOfSquare: part(optimizer.meanOfSquare) },
      { parameters: part(parameters), gradient: part(gradients[0]!), gradientScale, ranges: clipRanges(this.decayRanges, range), settings },
    );
    const before = this.parameters;
    return {
      weightSquares: measureBlocks(this.blocks, { within: range, measure: ({ from, to }) => sumOfSquares(before.subarray(from, to)) }),
      updateSquares: measureBlocks(this.blocks, { within: range, measure: (stretch) => squaredDistance(parameters, before, stretch) }),
    };
  }

  async *sample(requests: readonly SampleRequest[], signal: AbortSignal): AsyncGenerator<SampledResponse> {
    const { config, control, maxSequences } = this.options;
    this.decoder ??= await createDecoder({
      config,
      pieces: this.pieces,
      parameter: (name) => this.views.get(name)!,
      numThreads: 1,
      maxSequences,
    });
    const { maxPositions, vocabSize } = config;
    yield* sampleResponses(requests, { decoder: this.decoder, control, maxSequences, maxPositions, vocabSize }, signal);
  }

  digestParameters(): string {
    return digestBytes(this.shared.parameters);
  }

  /** Undefined: of a fresh one. */
  digestOptimizer(optimizer: AdamWState | undefined): string {
    const { numUpdates, meanOfGradient, meanOfSquare } = optimizer ?? adamW.init(this.shared.parameters.length);
    return digestBytes(meanOfGradient, meanOfSquare, Float64Array.of(numUpdates));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.graphs.values()) await session[Symbol.asyncDispose]();
    for (const { session } of this.forwarding.values()) await session[Symbol.asyncDispose]();
    await this.decoder?.[Symbol.asyncDispose]();
  }

  private async addForward(routing: Routing): Promise<Compiled<ForwardGraph>> {
    const graph = forwardGraph(this.pieces, { config: this.options.config, routing });
    const compiled = { graph, session: await compile(graph.model, { numThreads: 1 }) };
    this.forwarding.set(routing, compiled);
    return compiled;
  }
}

/** Weight decay acts on matrices, not on norms' weights, embeddings and the value head, whose scale is their meaning. */
function decayRanges({ entries, total }: ParameterLayout): DecayRange[] {
  return entries.map(({ offset, kind }, i) => ({ from: offset, to: entries[i + 1]?.offset ?? total, decays: kind === "matrix" }));
}

/** In float64 and in order. */
function squaredDistance(a: Float32Array, b: Float32Array, { from, to }: Range): number {
  // Two sums side by side, since one would wait for the addition before it; the order is part of the result's bits.
  let even = 0;
  let odd = 0;
  const pairs = from + ((to - from) & ~1);
  for (let i = from; i < pairs; i += 2) {
    const first = a[i]! - b[i]!;
    const second = a[i + 1]! - b[i + 1]!;
    even += first * first;
    odd += second * second;
  }
  if (pairs < to) even += (a[pairs]! - b[pairs]!) ** 2;
  return even + odd;
}

function addedVector(sum: Float64Array | undefined, values: Float32Array): Float64Array {
  return sum === undefined ? Float64Array.from(values) : sum.map((value, i) => value + values[i]!);
}

function addTo(target: Float32Array, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) target[i]! += values[i]!;
}
