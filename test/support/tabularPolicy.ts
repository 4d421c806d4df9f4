// A policy small enough for loop tests: one row of logits for each previous token, and as a critic one value. It samples, differentiates any `Loss` through the
// graph, learns with AdamW and keeps checkpoints, so a loop cannot tell it from a transformer. Rollouts come back last first;
// after an abort they come back cancelled.
// On request some of its gradients are hit by a fault, as memory that flips a bit would do it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { digestBytes } from "../../src/base/digest.ts";
import { writeFileAtomic } from "../../src/base/files.ts";
import { rngFromSeed } from "../../src/base/rng.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { type AdamWState, adamW } from "../../src/optim/adamw.ts";
import { clipScale, gradientNorm } from "../../src/optim/clip.ts";
import type {
  ForwardOutputs,
  ForwardSample,
  Loss,
  OptimSettings,
  PolicyBackend,
  SampleRequest,
  StepMetrics,
  TrainBatch,
} from "../../src/policy/backend.ts";
import { evaluateLoss } from "./lossValues.ts";

/** Ends a response. */
const endToken = 0;
/** Forced in when a thinking budget is used up. */
const closeToken = 1;

interface Target {
  readonly row: number;
  readonly token: number;
  readonly temperature: number;
}

export class TabularPolicy implements PolicyBackend {
  readonly numTokens: number;
  readonly isCritic: boolean;
  /** The rows of logits; after them a critic's values, one a row. */
  readonly parameters: Float32Array;
  readonly #gradient: Float32Array;
  /** Whether the gradient of the n-th call, counted from 0, is hit by a fault. */
  readonly #faultAt: (call: number) => boolean;
  #numCalls = 0;
  #adam: AdamWState;

  constructor(
    numTokens: number,
    { faultAt = () => false, isCritic = false }: { faultAt?: (call: number) => boolean; isCritic?: boolean } = {},
  ) {
    this.numTokens = numTokens;
    this.isCritic = isCritic;
    this.#faultAt = faultAt;
    const total = numTokens * (numTokens + (isCritic ? 1 : 0));
    this.parameters = new Float32Array(total);
    this.#gradient = new Float32Array(total);
    this.#adam = adamW.init(total);
  }

  async *sample(requests: readonly SampleRequest[], signal?: AbortSignal): AsyncIterable<Rollout> {
    const version = digestBytes(this.parameters);
    for (const request of requests.toReversed()) {
      await setImmediate(); // other work gets its turn, as it would beside a real engine
      const rollout = this.#respond(request, version);
      yield signal?.aborted ? { ...rollout, finish: "cancelled" } : rollout;
    }
  }

  async forward(samples: readonly ForwardSample[]): Promise<readonly ForwardOutputs[]> {
    return samples.map((sample) => {
      const targets = targetsOf(sample);
      return {
        logProb: Float32Array.from(targets, (target) => this.#logProbs(target)[target.token]!),
        entropy: Float32Array.from(targets, (target) => entropyOf(this.#logProbs(target))),
        ...(this.isCritic ? { value: Float32Array.from(targets, ({ row }) => this.#value(row)) } : {}),
      };
    });
  }

  async forwardBackward(batch: TrainBatch, loss: Loss): Promise<StepMetrics> {
    const targets = batch.samples.flatMap(targetsOf);
    const rows = targets.map((target) => this.#logProbs(target));
    const names = Object.keys(batch.samples[0]?.columns ?? {});
    const values = evaluateLoss(loss, {
      logProb: targets.map(({ token }, i) => Math.fround(rows[i]![token]!)),
      entropy: rows.map(entropyOf),
      ...(this.isCritic ? { value: targets.map(({ row }) => this.#value(row)) } : {}),
      columns: Object.fromEntries(names.map((name) => [name, batch.samples.flatMap(({ columns }) => [...columns[name]!])])),
      lengths: batch.samples.map(({ targets }) => targets.length),
    });
    targets.forEach((target, i) => {
      this.#accumulate(target, { logProbs: rows[i]!, dLogProb: values.dLogProb[i]!, dEntropy: values.dEntropy[i]! });
      if (this.isCritic) this.#gradient[this.numTokens ** 2 + target.row]! += values.dValue[i]!;
    });
    if (this.#faultAt(this.#numCalls++)) this.#gradient[0] = Number.NaN;
    return { ...values.metrics, loss: values.loss, gradNorm: gradientNorm(this.#gradient) };
  }

  async optimStep(settings: OptimSettings): Promise<StepMetrics> {
    this.#adam = adamW.update(this.#adam, {
      parameters: this.parameters,
      gradient: this.#gradient,
      gradientScale: clipScale(gradientNorm(this.#gradient), settings.maxGradNorm),
      ranges: [{ from: 0, to: this.parameters.length, decays: true }],
      settings,
    });
    this.#gradient.fill(0);
    return {};
  }

  async discardGradient(): Promise<void> {
    this.#gradient.fill(0);
  }

  async save(path: string): Promise<void> {
    const { numUpdates, meanOfGradient, meanOfSquare } = this.#adam;
    const state = { numUpdates, parameters: [...this.parameters], meanOfGradient: [...meanOfGradient], meanOfSquare: [...meanOfSquare] };
    writeFileAtomic(join(path, "tabular.json"), [JSON.stringify(state)]);
  }

  async load(path: string): Promise<void> {
    const state = JSON.parse(readFileSync(join(path, "tabular.json"), "utf8")) as Record<string, number[]> & { numUpdates: number };
    this.parameters.set(state["parameters"]!);
    this.#adam = {
      numUpdates: state.numUpdates,
      meanOfGradient: Float32Array.from(state["meanOfGradient"]!),
      meanOfSquare: Float32Array.from(state["meanOfSquare"]!),
    };
  }

  async digests(): Promise<{ parameters: string; optimizer: string }> {
    const { numUpdates, meanOfGradient, meanOfSquare } = this.#adam;
    return {
      parameters: digestBytes(this.parameters),
      optimizer: digestBytes(Int32Array.of(numUpdates), meanOfGradient, meanOfSquare),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #respond(request: SampleRequest, version: string): Rollout {
    const { promptTokens, temperature, maxNewTokens, thinkingBudget, continues, pauseAfter = maxNewTokens } = request;
    const rng = rngFromSeed(request.seed);
    const tokens = [...(continues?.tokens ?? [])];
    const chosen = [...(continues?.chosen ?? [])];
    const logProbs = [...(continues?.logProbs ?? [])];
    const until = Math.min(maxNewTokens, tokens.length + pauseAfter);
    for (const isChosen of chosen) if (isChosen === 1) rng.uniform(); // draws of earlier calls
    const push = (token: number, { logProb, isChosen }: { logProb: number; isChosen: boolean }): void => {
      tokens.push(token);
      logProbs.push(logProb);
      chosen.push(isChosen ? 1 : 0);
    };
    while (tokens.length < until && tokens.at(-1) !== endToken) {
      if (tokens.length === thinkingBudget) push(closeToken, { logProb: Number.NaN, isChosen: false });
      else {
        const row = this.#logProbs({ row: tokens.at(-1) ?? promptTokens.at(-1)!, temperature });
        const token = draw(row, rng.uniform());
        push(token, { logProb: row[token]!, isChosen: true });
      }
    }
    return {
      id: request.id,
      taskId: request.taskId,
      group: request.group,
      index: request.index,
      policy: versionsOf(continues, version),
      seed: request.seed,
      promptTokens,
      tokens: Int32Array.from(tokens),
      chosen: Uint8Array.from(chosen),
      logProbs: Float32Array.from(logProbs),
      temperature,
      thinking: { tokens: thinkingBudget ?? 0, closedBy: chosen.includes(0) ? "budget" : "none" },
      finish: tokens.at(-1) === endToken ? "stop" : tokens.length < maxNewTokens ? "paused" : "length",
      thinkingText: "",
      answerText: tokens.join(" "),
    };
  }

  #value(row: number): number {
    return this.parameters[this.numTokens ** 2 + row]!;
  }

  /** Log-softmax of one row, the same function in sampling and in training. */
  #logProbs({ row, temperature }: Pick<Target, "row" | "temperature">): Float64Array {
    const logits = Float64Array.from(this.parameters.subarray(row * this.numTokens, (row + 1) * this.numTokens), (z) => z / temperature);
    const most = Math.max(...logits);
    const logTotal = most + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
    return logits.map((z) => z - logTotal);
  }

  /** d log p_y / d z_j = (1[j = y] - p_j) / T and d H / d z_j = -p_j (log p_j + H) / T. */
  #accumulate(
    { row, token, temperature }: Target,
    { logProbs, dLogProb, dEntropy }: { logProbs: Float64Array; dLogProb: number; dEntropy: number },
  ): void {
    const H = entropyOf(logProbs);
    logProbs.forEach((logProb, j) => {
      const p = Math.exp(logProb);
      const slope = dLogProb * ((j === token ? 1 : 0) - p) - dEntropy * p * (logProb + H);
      this.#gradient[row * this.numTokens + j]! += slope / temperature;
    });
  }
}

function versionsOf(continues: Rollout | undefined, version: string): Rollout["policy"] {
  if (continues === undefined) return [{ version, from: 0 }];
  const { policy, tokens } = continues;
  return policy.at(-1)!.version === version ? policy : [...policy, { version, from: tokens.length }];
}

function targetsOf({ tokens, targets, temperature }: ForwardSample): Target[] {
  return Array.from(targets, (at) => ({ row: tokens[at - 1]!, token: tokens[at]!, temperature }));
}

function entropyOf(logProbs: Float64Array): number {
  return -logProbs.reduce((sum, logProb) => sum + Math.exp(logProb) * logProb, 0);
}

function draw(logProbs: Float64Array, uniform: number): number {
  let left = uniform;
  for (let token = 0; token < logProbs.length; token++) {
    left -= Math.exp(logProbs[token]!);
    if (left < 0) return token;
  }
  return logProbs.length - 1;
}
