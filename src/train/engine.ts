// The engine's own state and work: parameters, gradient and optimizer as flat vectors, compiled graphs, and the four verbs over
// them. Lives on a worker thread (`engineThread.ts`), since running a graph blocks.

import { digestBytes } from "../base/digest.ts";
import { EngineError } from "../base/errors.ts";
import { microBatches } from "../data/microBatches.ts";
import { type AdamWState, adamW, type DecayRange } from "../optim/adamw.ts";
import { clipScale, gradientNorm } from "../optim/clip.ts";
import { numElements, type PolicyConfig, parameterLayout } from "../policy/architecture.ts";
import type { OptimSettings, SampleRequest, StepMetrics, TrainSample } from "../policy/backend.ts";
import { createDecoder, type Decoder } from "../policy/decoder.ts";
import { type ParameterPiece, parameterPieces } from "../policy/parameters.ts";
import { type ResponseTokens, type SampledResponse, sampleResponses } from "../policy/sample.ts";
import { compile, type NDArray, type Session } from "../runtime/session.ts";
import { microBatchFeeds } from "./microBatchFeeds.ts";
import { gradientName, type TrainGraph } from "./trainGraph.ts";

export interface EngineOptions {
  readonly config: PolicyConfig;
  readonly control: ResponseTokens;
  readonly numThreads: number;
  /** Sequences that are decoded at once. */
  readonly maxSequences: number;
  /** Tokens in one micro-batch: bounds memory, and is part of what decides a gradient's bits. */
  readonly microBatchTokens: number;
}

/** Everything that training changes. Vectors are as long as the layout. */
export interface EngineState {
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly optimizer: AdamWState;
}

export class Engine implements AsyncDisposable {
  private readonly options: EngineOptions;
  private readonly pieces: readonly ParameterPiece[];
  private readonly decayRanges: readonly DecayRange[];
  private readonly graphs = new Map<string, { graph: TrainGraph; session: Session }>();
  private readonly views = new Map<string, NDArray>();
  private parameters: Float32Array<ArrayBuffer>;
  private optimizer: AdamWState;
  private readonly gradient: Float32Array;
  private decoder: Decoder | undefined;

  constructor(options: EngineOptions, { parameters, optimizer }: EngineState) {
    this.options = options;
    const layout = parameterLayout(options.config);
    this.pieces = parameterPieces(layout);
    this.decayRanges = decayRanges(layout);
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.gradient = new Float32Array(layout.total);
    this.makeViews();
  }

  hasGraph(key: string): boolean {
    return this.graphs.has(key);
  }

  async addGraph(key: string, graph: TrainGraph): Promise<void> {
    this.graphs.set(key, { graph, session: await compile(graph.model, { numThreads: this.options.numThreads }) });
  }

  /** Adds the gradient of the batch's loss, micro-batch by micro-batch in a fixed order. */
  async forwardBackward(key: string, samples: readonly TrainSample[]): Promise<StepMetrics> {
    const known = this.graphs.get(key);
    if (known === undefined) throw new EngineError(`forwardBackward: no graph was compiled for "${key}"`);
    const { graph, session } = known;
    const lengths = samples.map(({ tokens }) => tokens.length);
    const numTokens = lengths.reduce((a, b) => a + b, 0);
    const totals: Record<string, number> = Object.fromEntries([...graph.metrics, ...graph.maxima].map((name) => [name, 0]));
    const weights = Object.fromEntries(graph.pieces.map(({ name }) => [name, this.views.get(name)!]));
    for (const group of microBatches(lengths, { maxTokens: this.options.microBatchTokens })) {
      const members = group.map((index) => samples[index]!);
      const share = group.reduce((sum, index) => sum + lengths[index]!, 0) / numTokens;
      const feeds = microBatchFeeds(members, { config: this.options.config, columns: graph.columns, share });
      const outputs = await session.run({ ...weights, ...feeds });
      const scalar = (name: string): number => Number(outputs[name]!.data[0]);
      for (const name of graph.metrics) totals[name]! += scalar(name);
      for (const name of graph.maxima) totals[name] = Math.max(totals[name]!, scalar(name));
      for (const piece of graph.pieces) addTo(this.gradient, piece.offset, outputs[gradientName(piece.name)]!.data as Float32Array);
    }
    return { ...totals, gradNorm: gradientNorm(this.gradient) };
  }

  optimStep(settings: OptimSettings): StepMetrics {
    const norm = gradientNorm(this.gradient);
    const gradientScale = clipScale(norm, settings.maxGradNorm);
    const { parameters, gradient, decayRanges: ranges } = this;
    this.optimizer = adamW.update(this.optimizer, { parameters, gradient, gradientScale, ranges, settings });
    this.discardGradient();
    return { gradNorm: norm, clipScale: gradientScale };
  }

  discardGradient(): void {
    this.gradient.fill(0);
  }

  async *sample(requests: readonly SampleRequest[], signal: AbortSignal): AsyncGenerator<SampledResponse> {
    const { config, control, maxSequences, numThreads } = this.options;
    this.decoder ??= await createDecoder({
      config,
      pieces: this.pieces,
      parameter: (name) => this.views.get(name)!,
      numThreads,
      maxSequences,
    });
    const { maxPositions, vocabSize } = config;
    yield* sampleResponses(requests, { decoder: this.decoder, control, maxSequences, maxPositions, vocabSize }, signal);
  }

  /** Copies, so that the caller may write them down while training goes on. */
  copyState(): EngineState {
    const { numUpdates, meanOfGradient, meanOfSquare } = this.optimizer;
    return {
      parameters: this.parameters.slice(),
      optimizer: { numUpdates, meanOfGradient: meanOfGradient.slice(), meanOfSquare: meanOfSquare.slice() },
    };
  }

  /** Takes over the values; what was accumulated is dropped. */
  loadState({ parameters, optimizer }: EngineState): void {
    this.parameters.set(parameters);
    this.optimizer = optimizer;
    this.discardGradient();
  }

  digests(): { readonly parameters: string; readonly optimizer: string } {
    const { numUpdates, meanOfGradient, meanOfSquare } = this.optimizer;
    return {
      parameters: digestBytes(this.parameters),
      optimizer: digestBytes(meanOfGradient, meanOfSquare, Float64Array.of(numUpdates)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.graphs.values()) await session[Symbol.asyncDispose]();
    await this.decoder?.[Symbol.asyncDispose]();
  }

  private makeViews(): void {
    for (const { name, shape, offset } of this.pieces) {
      this.views.set(name, { shape, data: this.parameters.subarray(offset, offset + numElements(shape)) });
    }
  }
}

/** Weight decay acts on matrices, not on norms' weights and embeddings, whose scale is their meaning. */
function decayRanges({ entries, total }: ReturnType<typeof parameterLayout>): DecayRange[] {
  return entries.map(({ offset, kind }, i) => ({ from: offset, to: entries[i + 1]?.offset ?? total, decays: kind === "matrix" }));
}

function addTo(target: Float32Array, offset: number, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) target[offset + i]! += values[i]!;
}
