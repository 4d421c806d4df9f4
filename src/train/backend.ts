// The embedded `PolicyBackend`: one parameter vector, trained and sampled by ONNX Runtime on threads of its own. Everything that
// needs text or files happens here, on the main thread, which does not load the engine.

import { existsSync } from "node:fs";
import { join } from "node:path";

import { CheckpointError, ConfigError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Rollout } from "../data/rollout.ts";
import type { AdamWState } from "../optim/adamw.ts";
import { type PolicyConfig, parameterLayout } from "../policy/architecture.ts";
import type {
  ForwardOutputs,
  ForwardSample,
  Loss,
  OptimSettings,
  PolicyBackend,
  SampleRequest,
  StepMetrics,
  TrainBatch,
} from "../policy/backend.ts";
import { splitResponse } from "../policy/chat.ts";
import { type Checkpoint, type CheckpointContent, loadCheckpoint, saveCheckpoint } from "../policy/checkpoint.ts";
import { type ParameterPiece, parameterPieces } from "../policy/parameters.ts";
import type { SampledResponse } from "../policy/response.ts";
import { openSafetensors, safetensorsChunks } from "../policy/safetensors.ts";
import { loadTokenizer, type Tokenizer } from "../policy/tokenizer.ts";
import { checkReplay, checkRequest } from "./checks.ts";
import type { EngineConfig } from "./config.ts";
import { EngineGroup } from "./engineGroup.ts";
import type { Routing } from "./forwardGraph.ts";
import { trainGraph } from "./trainGraph.ts";

type Digests = Awaited<ReturnType<PolicyBackend["digests"]>>;

/** What a policy starts from. */
export interface EmbeddedStart {
  readonly config: PolicyConfig;
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly tokenizerJson: string;
  /** Absent: the optimizer starts afresh. */
  readonly optimizer?: AdamWState;
  /** What a loaded checkpoint said beside its weights, to be said again by those saved from it. */
  readonly sidecars?: Sidecars;
}

type Sidecars = Pick<CheckpointContent, "generationConfig" | "tokenizerConfig">;

const optimizerFile = "optimizer.safetensors";
const never = new AbortController().signal;

/** A backend that starts from a checkpoint folder, with its optimizer state if there is one. */
export function backendFromCheckpoint(folder: string, engine: EngineConfig): EmbeddedBackend {
  const checkpoint = loadCheckpoint(folder);
  const optimizer = readOptimizer(checkpoint.folder, checkpoint.config);
  return new EmbeddedBackend({ ...startFrom(checkpoint), ...(optimizer === undefined ? {} : { optimizer }) }, engine);
}

/** The same with a fresh optimizer, also for whoever only samples: the optimizer's state, twice the size of the weights, is not read. */
export function policyFromCheckpoint(folder: string, engine: EngineConfig): EmbeddedBackend {
  return new EmbeddedBackend(startFrom(loadCheckpoint(folder)), engine);
}

/** Refuses a checkpoint whose optimizer state is not there or cannot be used. */
export function checkOptimizer(folder: string, config: PolicyConfig): void {
  if (readOptimizer(folder, config) !== undefined) return;
  throw new CheckpointError(
    `checkpoint "${folder}": must hold ${optimizerFile} for model.optimizer "checkpoint", got no such file; set model.optimizer to "fresh"`,
  );
}

/** A critic of a policy that starts where the policy is, with values of 0 and a fresh optimizer. */
export function criticOf(policy: EmbeddedBackend, engine: EngineConfig): EmbeddedBackend {
  const { config: ofPolicy, parameters: start, tokenizerJson } = policy.copyStart();
  const config: PolicyConfig = { ...ofPolicy, valueHead: true };
  const parameters = new Float32Array(parameterLayout(config).total);
  parameters.set(start); // the value head is last
  return new EmbeddedBackend({ config, parameters, tokenizerJson }, engine);
}

/** A policy that starts as `policy` is now, with a fresh optimizer. */
export function copyOf(policy: EmbeddedBackend, engine: EngineConfig): EmbeddedBackend {
  return new EmbeddedBackend(policy.copyStart(), engine);
}

function startFrom({ config, parameters, tokenizerJson, tokenizer: _, folder: __, ...sidecars }: Checkpoint): EmbeddedStart {
  return { config, parameters, tokenizerJson, sidecars };
}

/** A policy in this machine; disposing of it ends its engines. */
export class EmbeddedBackend implements PolicyBackend {
  readonly config: PolicyConfig;
  readonly tokenizer: Tokenizer;
  private readonly tokenizerJson: string;
  private readonly sidecars: Sidecars;
  private readonly pieces: readonly ParameterPiece[];
  private readonly engines: EngineGroup;
  private readonly compiled = new Map<string, Promise<void>>();
  private readonly microBatchTokens: number;
  /** Digests of the current state, when they are known. */
  private known: Promise<Digests> | undefined;

  constructor({ config, parameters, tokenizerJson, optimizer, sidecars = {} }: EmbeddedStart, engine: EngineConfig) {
    this.config = config;
    this.tokenizer = loadTokenizer(tokenizerJson);
    this.tokenizerJson = tokenizerJson;
    this.sidecars = sidecars;
    this.microBatchTokens = engine.microBatchTokens;
    this.pieces = parameterPieces(parameterLayout(config));
    const { thinkOpenId, thinkCloseId, endOfTurnId } = this.tokenizer;
    const control = { thinkOpenId, thinkCloseId, endOfTurnId };
    this.engines = new EngineGroup({ config, control, engine }, { parameters, optimizer });
  }

  async *sample(requests: readonly SampleRequest[], signal: AbortSignal = never): AsyncGenerator<Rollout> {
    for (const request of requests) checkRequest(request, this.config);
    const { parameters: version } = await this.digests();
    for await (const response of this.engines.sample(requests, signal)) yield toRollout(response, { version, tokenizer: this.tokenizer });
  }

  async forward(samples: readonly ForwardSample[]): Promise<readonly ForwardOutputs[]> {
    this.checkLengths("forward", samples);
    const routing = checkReplay(samples, { verb: "forward", config: this.config });
    const asked = samples.flatMap(({ targets }, index) => (targets.length > 0 ? [index] : []));
    const answers = await this.engines.forward(
      asked.map((index) => samples[index]!),
      routing,
    );
    const all = samples.map(() => noTargets(this.config));
    for (const [i, index] of asked.entries()) all[index] = answers[i]!;
    return all;
  }

  async forwardBackward(batch: TrainBatch, loss: Loss): Promise<StepMetrics> {
    this.checkLengths("forwardBackward", batch.samples);
    const routing = checkReplay(batch.samples, { verb: "forwardBackward", config: this.config });
    const key = `${loss.name} ${canonicalJson(loss.settings)} ${routing}`;
    await this.compile(key, { loss, routing });
    return this.engines.forwardBackward(key, batch.samples);
  }

  async optimStep(settings: OptimSettings): Promise<StepMetrics> {
    this.known = undefined;
    return this.engines.optimStep(settings);
  }

  async discardGradient(): Promise<void> {
    this.engines.discardGradient();
  }

  async save(folder: string): Promise<void> {
    const { config, tokenizerJson, sidecars, engines } = this;
    const extra = { [optimizerFile]: optimizerChunks(engines.copyOptimizer()) };
    saveCheckpoint(folder, { config, parameters: engines.copyParameters(), tokenizerJson, ...sidecars, extra });
  }

  /** What another backend may start from: all but the optimizer's state. */
  copyStart(): EmbeddedStart {
    const { config, tokenizerJson, sidecars } = this;
    return { config, parameters: this.engines.copyParameters(), tokenizerJson, sidecars };
  }

  /** Parameters and optimizer state of a checkpoint of the same architecture. */
  async load(folder: string): Promise<void> {
    const { config, parameters, folder: found } = loadCheckpoint(folder);
    if (canonicalJson({ ...config }) !== canonicalJson({ ...this.config })) {
      throw new CheckpointError(
        `checkpoint "${folder}": its config.json must describe the policy that is running; start a run from it instead`,
      );
    }
    const optimizer = readOptimizer(found, config);
    this.known = undefined;
    this.engines.loadState({ parameters, optimizer });
  }

  digests(): Promise<Digests> {
    this.known ??= this.engines.digests();
    return this.known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engines[Symbol.asyncDispose]();
  }

  private checkLengths(verb: string, samples: readonly ForwardSample[]): void {
    const longest = Math.max(...samples.map(({ tokens }) => tokens.length));
    if (longest <= this.microBatchTokens) return;
    throw new ConfigError(
      `${verb}: a sequence must fit into engine.microBatchTokens, got ${longest} tokens and ${this.microBatchTokens}; raise it`,
    );
  }

  private compile(key: string, { loss, routing }: { loss: Loss; routing: Routing }): Promise<void> {
    const known = this.compiled.get(key);
    if (known !== undefined) return known;
    const graph = trainGraph(loss, { config: this.config, pieces: this.pieces, routing });
    const added = this.engines.addGraph(key, graph);
    this.compiled.set(key, added);
    return added;
  }
}

/** Adds what the numbers say as text. */
function toRollout(response: SampledResponse, { version, tokenizer }: { version: string; tokenizer: Tokenizer }): Rollout {
  const { request, finish, closedBy, ...numbers } = response;
  const { id, taskId, group, index, seed, promptTokens, temperature, thinkingBudget, continues } = request;
  const { thinkingText, answerText, thinkingTokens } = splitResponse(numbers.tokens, tokenizer);
  const budget = thinkingBudget === undefined ? {} : { budget: thinkingBudget };
  return {
    id,
    taskId,
    group,
    index,
    seed,
    promptTokens,
    temperature,
    policy: continues === undefined ? [{ version, from: 0 }] : policiesOf(continues, version),
    ...numbers,
    finish,
    thinkingText,
    answerText,
    thinking: { tokens: thinkingTokens, ...budget, closedBy },
  };
}

/** Of a sample that nothing is asked about. */
function noTargets({ valueHead }: PolicyConfig): ForwardOutputs {
  const none = new Float32Array(0);
  return { logProb: none, entropy: none, ...(valueHead === undefined ? {} : { value: none }) };
}

/** One entry for each change of the parameters: going on with the same ones is none. */
function policiesOf({ policy, tokens }: Rollout, version: string): Rollout["policy"] {
  return policy.at(-1)?.version === version ? policy : [...policy, { version, from: tokens.length }];
}

function* optimizerChunks({ numUpdates, meanOfGradient, meanOfSquare }: AdamWState): Generator<Uint8Array> {
  const shape = [meanOfGradient.length];
  yield* safetensorsChunks([
    { name: "meanOfGradient", shape, values: () => meanOfGradient },
    { name: "meanOfSquare", shape, values: () => meanOfSquare },
    { name: "numUpdates", shape: [1], values: () => Float32Array.of(numUpdates) },
  ]);
}

/** Undefined where a checkpoint has none, as one that another program wrote. */
function readOptimizer(folder: string, config: PolicyConfig): AdamWState | undefined {
  const path = join(folder, optimizerFile);
  if (!existsSync(path)) return undefined;
  using file = openSafetensors(path);
  const { total } = parameterLayout(config);
  const read = (name: string, length: number): Float32Array => {
    const shape = file.tensors.get(name)?.shape;
    if (shape === undefined)
      throw new CheckpointError(`"${path}": tensor "${name}" is missing; delete the file to start with a fresh optimizer`);
    if (shape.length !== 1 || shape[0] !== length) {
      throw new CheckpointError(
        `"${path}": tensor "${name}" must have shape [${length}], got [${shape}]; delete the file to start with a fresh optimizer`,
      );
    }
    const values = file.read(name);
    if (values.every(Number.isFinite)) return values;
    throw new CheckpointError(`"${path}": tensor "${name}" must hold finite numbers; delete the file to start with a fresh optimizer`);
  };
  return {
    numUpdates: read("numUpdates", 1)[0]!,
    meanOfGradient: read("meanOfGradient", total),
    meanOfSquare: read("meanOfSquare", total),
  };
}
