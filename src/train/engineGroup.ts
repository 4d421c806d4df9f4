// Several engines that train and sample one policy. The policy's vectors lie in shared memory; a training step goes through its phases
// (gradients of shards, their sum, the update) with all engines at work in each. What is computed does not depend on their number:
// shards and ranges are fixed, sums are taken in order, and a rollout depends on its request alone.

import { EngineError } from "../base/errors.ts";
import { type AdamWState, adamW } from "../optim/adamw.ts";
import { clipScale } from "../optim/clip.ts";
import { parameterLayout } from "../policy/architecture.ts";
import type { ForwardOutputs, ForwardSample, OptimSettings, SampleRequest, StepMetrics, TrainSample } from "../policy/backend.ts";
import type { SampledResponse } from "../policy/response.ts";
import { type BlockRange, blockMetrics, blockNorms, blockRanges } from "./blocks.ts";
import type { EngineConfig } from "./config.ts";
import type { EngineOptions, SharedOptimizer, SharedState, UpdatedRange } from "./engine.ts";
import { EngineClient } from "./engineClient.ts";
import { expertLoad } from "./expertLoad.ts";
import type { Routing } from "./forwardGraph.ts";
import { sizeOfBatch } from "./microBatchFeeds.ts";
import { cutRanges, dealShards } from "./shards.ts";
import { sentTokens, type TrainGraph } from "./trainGraph.ts";

/** Everything that training changes; vectors as long as the layout. */
export interface TrainedState {
  readonly parameters: Float32Array;
  /** Undefined: a fresh one. */
  readonly optimizer: AdamWState | undefined;
}

export interface GroupOptions extends Pick<EngineOptions, "config" | "control"> {
  readonly engine: EngineConfig;
}

export class EngineGroup implements AsyncDisposable {
  private readonly engines: readonly EngineClient[];
  private readonly shared: SharedState;
  private readonly numShards: number;
  private readonly numExperts: number;
  private readonly blocks: readonly BlockRange[];
  /** Undefined before the first update, so that a policy which is never trained has no moments. */
  private optimizer: SharedOptimizer | undefined;
  /** Counts the changes of the shared parameters, so that engines know when their copy is old. */
  private version = 0;
  /** Norm of the accumulated gradient, which is in the first shard's vector; undefined when there is none. */
  private norm: number | undefined;

  constructor({ config, control, engine }: GroupOptions, { parameters, optimizer }: TrainedState) {
    const { numThreads, gradientShards, maxSequences, microBatchTokens } = engine;
    this.numShards = gradientShards;
    this.numExperts = config.numExperts;
    this.blocks = blockRanges(parameterLayout(config));
    this.optimizer = optimizer && shareOptimizer(optimizer);
    this.shared = {
      parameters: shareCopy(parameters),
      gradients: Array.from({ length: gradientShards }, () => sharedZeros(parameters.length)),
    };
    const options = { config, control, maxSequences: Math.ceil(maxSequences / numThreads), microBatchTokens };
    this.engines = Array.from({ length: numThreads }, () => new EngineClient({ options, shared: this.shared }));
  }

  async addGraph(key: string, graph: TrainGraph): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.call("addGraph", { key, graph })));
  }

  /** What the policy says of each sample, in their order, whichever engine computed it. */
  async forward(samples: readonly ForwardSample[], routing: Routing): Promise<readonly ForwardOutputs[]> {
    const shares = dealShards(
      samples.map(({ tokens }) => tokens.length),
      this.engines.length,
    );
    const { version } = this;
    const answers: ForwardOutputs[] = [];
    await Promise.all(
      shares.map(async (members, i) => {
        const own = await this.engineFor(i).call("forward", { version, routing, samples: members.map((index) => samples[index]!) });
        for (const [at, index] of members.entries()) answers[index] = own[at]!;
      }),
    );
    return answers;
  }

  /** Adds the gradient of the batch's loss to the accumulated one. */
  async forwardBackward(key: string, samples: readonly TrainSample[]): Promise<StepMetrics> {
    if (samples.length === 0) throw new EngineError("forwardBackward: a batch must have at least one sample, got none");
    const lengths = samples.map(({ tokens }) => tokens.length);
    const batch = sizeOfBatch(samples);
    const shards = dealShards(lengths, this.numShards);
    const isAccumulating = this.norm !== undefined;
    // Until all shards are done their vectors hold part of a gradient, which must not be applied if one of them fails.
    this.discardGradient();
    const parts = await Promise.all(
      shards.map((members, shard) => {
        const work = { shard, samples: members.map((index) => samples[index]!), batch, adds: shard === 0 && isAccumulating };
        return this.engineFor(shard).call("forwardBackward", { key, version: this.version, work });
      }),
    );
    const reduced = await this.overRanges((range, engine) => engine.call("reduce", { range, shards: shards.length }));
    this.norm = Math.sqrt(reduced.map(({ squares }) => squares).reduce((a, b) => a + b, 0));
    return {
      ...addMetrics(parts.map(({ sums }) => sums)),
      ...largestMetrics(parts.map(({ maxima }) => maxima)),
      ...this.expertMetrics(parts.map(({ vectors }) => vectors)),
      gradNorm: this.norm,
      ...blockMetrics("gradNorm", this.normsOf(reduced.map(({ blockSquares }) => blockSquares))),
    };
  }

  /** Applies the accumulated gradient, scaled down to `maxGradNorm`, and drops it. Without one the moments decay as for a zero gradient. */
  async optimStep(settings: OptimSettings): Promise<StepMetrics> {
    if (this.norm === undefined) this.shared.gradients[0]!.fill(0);
    const gradNorm = this.norm ?? 0;
    const gradientScale = clipScale(gradNorm, settings.maxGradNorm);
    const { version } = this;
    const optimizer = this.optimizer ?? shareOptimizer(adamW.init(this.shared.parameters.length));
    const updated = await this.overRanges((range, engine) => {
      return engine.call("update", { version, work: { range, settings, gradientScale, optimizer } });
    });
    this.optimizer = { ...optimizer, numUpdates: optimizer.numUpdates + 1 };
    this.version++;
    this.discardGradient();
    return { gradNorm, clipScale: gradientScale, ...this.updateRatios(updated) };
  }

  discardGradient(): void {
    this.norm = undefined;
  }

  /** Responses in order of completion; requests of one group stay together, since they share a prompt. */
  async *sample(requests: readonly SampleRequest[], signal: AbortSignal): AsyncGenerator<SampledResponse> {
    const groups = [...new Set(requests.map(({ group }) => group))];
    const owner = new Map(groups.map((group, i) => [group, i % this.engines.length]));
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const streams = this.engines.flatMap((engine, i) => {
      const own = requests.filter(({ group }) => owner.get(group) === i);
      return own.length === 0 ? [] : [engine.sample({ version: this.version, requests: own }, until)];
    });
    try {
      yield* merge(streams);
    } finally {
      // A reader that leaves early, or an engine that failed: the others must not sample on for nobody.
      ended.abort();
      await Promise.allSettled(streams.map((stream) => stream.return(undefined)));
    }
  }

  /** Copies, so that the caller may write them down while training goes on. */
  copyParameters(): Float32Array<ArrayBuffer> {
    return Float32Array.from(this.shared.parameters);
  }

  /** As `copyParameters`. */
  copyOptimizer(): AdamWState {
    if (this.optimizer === undefined) return adamW.init(this.shared.parameters.length);
    const { numUpdates, meanOfGradient, meanOfSquare } = this.optimizer;
    return { numUpdates, meanOfGradient: Float32Array.from(meanOfGradient), meanOfSquare: Float32Array.from(meanOfSquare) };
  }

  /** Takes over the values; what was accumulated is dropped. */
  loadState({ parameters, optimizer }: TrainedState): void {
    this.shared.parameters.set(parameters);
    this.optimizer = optimizer && shareOptimizer(optimizer, this.optimizer);
    this.version++;
    this.discardGradient();
  }

  /** Two engines at once, since every step waits for it. */
  async digests(): Promise<{ readonly parameters: string; readonly optimizer: string }> {
    const [parameters, optimizer] = await Promise.all([
      this.engineFor(0).call("digestParameters", undefined),
      this.engineFor(1).call("digestOptimizer", this.optimizer),
    ]);
    return { parameters, optimizer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine[Symbol.asyncDispose]()));
  }

  /** How large an update was beside the weights that it moved. */
  private updateRatios(updated: readonly UpdatedRange[]): StepMetrics {
    const moved = this.normsOf(updated.map(({ updateSquares }) => updateSquares));
    const weights = this.normsOf(updated.map(({ weightSquares }) => weightSquares));
    // A block whose weights are all 0, as those of a new value head, has no ratio.
    const blocks = [...moved]
      .filter(([block]) => weights.get(block)! > 0)
      .map(([block, norm]) => [block, norm / weights.get(block)!] as const);
    const whole = (norms: ReadonlyMap<string, number>): number => Math.hypot(...norms.values());
    return { updateRatio: whole(moved) / whole(weights), ...blockMetrics("updateRatio", new Map(blocks)) };
  }

  private normsOf(parts: readonly (readonly number[])[]): Map<string, number> {
    return blockNorms(this.blocks, parts);
  }

  private expertMetrics(parts: readonly Readonly<Record<string, Float64Array>>[]): StepMetrics {
    const counts = parts.flatMap((part) => part[sentTokens] ?? []);
    if (counts.length === 0) return {};
    const total = counts.reduce((sum, more) => sum.map((n, i) => n + more[i]!));
    return expertLoad(total, { numExperts: this.numExperts });
  }

  private engineFor(index: number): EngineClient {
    return this.engines[index % this.engines.length]!;
  }

  /** As many ranges as shards, whatever the number of engines: sums over a range are part of the bits. */
  private overRanges<T>(work: (range: { from: number; to: number }, engine: EngineClient) => Promise<T>): Promise<T[]> {
    const ranges = cutRanges(this.shared.parameters.length, this.numShards);
    return Promise.all(ranges.map((range, i) => work(range, this.engineFor(i))));
  }
}

/** In the vectors of `into`, where there are some. */
function shareOptimizer({ numUpdates, meanOfGradient, meanOfSquare }: AdamWState, into?: SharedOptimizer): SharedOptimizer {
  return {
    numUpdates,
    meanOfGradient: shareCopy(meanOfGradient, into?.meanOfGradient),
    meanOfSquare: shareCopy(meanOfSquare, into?.meanOfSquare),
  };
}

function shareCopy(values: Float32Array, into = sharedZeros(values.length)): Float32Array<SharedArrayBuffer> {
  into.set(values);
  return into;
}

/** Takes no memory where it is not written to. */
function sharedZeros(length: number): Float32Array<SharedArrayBuffer> {
  return new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT * length));
}

/** Sums in the order of the shards. */
function addMetrics(parts: readonly StepMetrics[]): StepMetrics {
  return combine(parts, (a, b) => a + b);
}

function largestMetrics(parts: readonly StepMetrics[]): StepMetrics {
  return combine(parts, Math.max);
}

function combine(parts: readonly StepMetrics[], join: (a: number, b: number) => number): StepMetrics {
  return parts.reduce((total, part) => Object.fromEntries(Object.entries(total).map(([name, value]) => [name, join(value, part[name]!)])));
}

/** Items of several streams as they come. */
async function* merge<T>(streams: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const next = (i: number): Promise<{ i: number; result: IteratorResult<T> }> => {
    const step = streams[i]!.next().then((result) => ({ i, result }));
    step.catch(() => {}); // awaited below, but maybe only after the reader was busy
    return step;
  };
  const pending = new Map(streams.map((_, i) => [i, next(i)]));
  while (pending.size > 0) {
    const { i, result } = await Promise.race(pending.values());
    if (result.done === true) {
      pending.delete(i);
      continue;
    }
    pending.set(i, next(i));
    yield result.value;
  }
}
