// The five verbs a trainer needs from a policy, and nothing else. The embedded backend is `src/train`; a remote one would
// know the losses by name and settings.
//
// Dimension key:  N trained tokens of a batch, all sequences after one another.

import type { Json } from "../base/json.ts";
import type { Rollout } from "../data/rollout.ts";
import type { Tensor } from "../graph/tensor.ts";

/** A request for one response. Requests with equal `promptTokens` share the computation of the prompt. */
export interface SampleRequest {
  readonly id: string;
  readonly taskId: string;
  readonly group: number;
  readonly index: number;
  /** 48 hexadecimal digits; names the random stream of this rollout. The rollout depends on nothing else but prompt, settings and parameters. */
  readonly seed: string;
  readonly promptTokens: Int32Array;
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Keep only the k most likely tokens. For evaluation and serving; training samples from the whole distribution. */
  readonly topK?: number;
  /** Keep the smallest set of tokens whose probability reaches p. As `topK`, not for training. */
  readonly topP?: number;
  readonly maxNewTokens: number;
  /** Tokens; at the budget the thinking is closed by forced tokens. Absent: the policy decides. */
  readonly thinkingBudget?: number;
  /** Keeps where the tokens were sent, for replay in training. */
  readonly recordExperts?: true;
  /** Response tokens that this call adds at most, forced ones included; a response that is not at its end then comes back as "paused". */
  readonly pauseAfter?: number;
  /**
   * A paused rollout of the same prompt, stream, temperature and budget to go on with, under the parameters as they are now: keys and
   * values are computed anew, what was recorded of its tokens stays. Under the same parameters the result is, in every bit, the rollout
   * that was never paused.
   */
  readonly continues?: Rollout;
}

/** One sequence and what is asked about it. */
export interface ForwardSample {
  /** Prompt and response. */
  readonly tokens: Int32Array;
  /** Positions in `tokens` that are predicted, ascending, each at least 1. */
  readonly targets: Int32Array;
  /** Divides the logits, as in sampling. */
  readonly temperature: number;
  /**
   * A rollout's `experts`: the tokens are sent there, whatever the router would choose now; the experts' weights and their gradient come
   * from the router's logits as they are now. Of a batch either all samples have them or none.
   */
  readonly experts?: Uint16Array;
}

/** What a policy says of a sample, one number for each target. */
export interface ForwardOutputs {
  /** Log-probability of each target token. */
  readonly logProb: Float32Array;
  /** Entropy of the distribution that each target was predicted from, in nats. */
  readonly entropy: Float32Array;
  /** Value of the state before each target was chosen. Absent where the policy has no value head. */
  readonly value?: Float32Array;
}

/** One sequence to learn from; its targets enter the loss. */
export interface TrainSample extends ForwardSample {
  /** Per-target numbers that the loss asks for by name, each as long as `targets`. */
  readonly columns: Readonly<Record<string, Float32Array>>;
}

/** What one `forwardBackward` learns from. */
export interface TrainBatch {
  readonly samples: readonly TrainSample[];
}

/** What a loss is built from: model outputs and the batch's columns at the N trained tokens. */
export interface LossInputs {
  /** Log-probability of each target token under the parameters being trained. */
  readonly logProb_N: Tensor;
  /** Entropy of the distribution that each target was predicted from, in nats. */
  readonly entropy_N: Tensor;
  /** Value of the state before each target was chosen. Absent where the policy has no value head. */
  readonly value_N?: Tensor;
  /** The batch's columns by name; they carry no gradient. */
  readonly column: (name: string) => Tensor;
  /** The mean of `x_N` over the trained tokens of the same sequence, at each of them. A sequence is never cut across micro-batches. */
  readonly sequenceMean: (x_N: Tensor) => Tensor;
}

/** Scalars. The names of `metrics` and `maxima` are those under which `forwardBackward` reports them. */
export interface BuiltLoss {
  readonly loss: Tensor;
  /** Added up over micro-batches. */
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** Over micro-batches the largest counts. */
  readonly maxima?: Readonly<Record<string, Tensor>>;
}

/**
 * A loss that sums over tokens: any average is already in the columns as weights, so that a batch may be cut into
 * micro-batches whose losses, gradients and metrics add up.
 */
export interface Loss {
  readonly name: string;
  readonly settings: Json;
  build(inputs: LossInputs): BuiltLoss;
}

/** Numbers of a step by name. */
export type StepMetrics = Readonly<Record<string, number>>;

/** Settings of one update: AdamW's, and the clip. */
export interface OptimSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients with a larger Euclidean norm are scaled down to it. */
  readonly maxGradNorm: number;
}

/** The verbs are called one after another, each when the one before has settled. */
export interface PolicyBackend extends AsyncDisposable {
  /** Rollouts in order of completion. */
  sample(requests: readonly SampleRequest[], signal?: AbortSignal): AsyncIterable<Rollout>;
  /** What the policy says of each sample, without a gradient: the bits that sampling recorded and `forwardBackward` computes. */
  forward(samples: readonly ForwardSample[]): Promise<readonly ForwardOutputs[]>;
  /**
   * Adds the gradient of `loss` over `batch` to the accumulated one. Reports `loss`, `gradNorm` (Euclidean norm of the accumulated
   * gradient before clipping, not finite when any element is not), the loss's own metrics, and `routingAgreement` where experts are replayed:
   * the share of (token, layer, slot) whose expert the router would choose now as well. When it fails, nothing is accumulated.
   */
  forwardBackward(batch: TrainBatch, loss: Loss): Promise<StepMetrics>;
  /** Updates the parameters with the accumulated gradient and clears it. */
  optimStep(settings: OptimSettings): Promise<StepMetrics>;
  /** Clears the accumulated gradient without an update. */
  discardGradient(): Promise<void>;
  /** Writes parameters, tokenizer, configuration and optimizer state as a checkpoint folder, atomically. */
  save(path: string): Promise<void>;
  load(path: string): Promise<void>;
  /** Digests of what the next step depends on. */
  digests(): Promise<{ readonly parameters: string; readonly optimizer: string }>;
}
