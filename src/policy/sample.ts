// Sampling many sequences at once. Sequences that finish make room for waiting ones, and requests with the same prompt share its
// computation. A sequence depends on its request and the parameters alone: it draws from its own random stream, and no bit of
// its log-probabilities depends on who is sampled beside it.

import { type Rng, rngFromSeed } from "../base/rng.ts";
import type { Rollout } from "../data/rollout.ts";
import type { SampleRequest } from "./backend.ts";
import type { Decoder } from "./decoder.ts";
import { drawToken } from "./draw.ts";
import type { CachedPrompt } from "./kvCache.ts";

/** The tokens that a response is steered by. */
export interface ResponseTokens {
  readonly thinkOpenId: number;
  readonly thinkCloseId: number;
  readonly endOfTurnId: number;
}

/** A response as numbers; texts are added where the tokenizer lives. */
export type SampledResponse = Pick<Rollout, "tokens" | "chosen" | "logProbs" | "finish"> & {
  readonly request: SampleRequest;
  readonly closedBy: Rollout["thinking"]["closedBy"];
};

/** What sampling works with: a decoder and the bounds of its policy. */
export interface SampleOptions {
  readonly decoder: Decoder;
  readonly control: ResponseTokens;
  readonly maxSequences: number;
  readonly maxPositions: number;
  readonly vocabSize: number;
}

/** Prompt tokens that one prefill takes at most (at least one prompt). */
const maxPrefillTokens = 4096;

/** Responses in order of completion. When `signal` aborts, unfinished ones end as "cancelled" with what they have. */
export async function* sampleResponses(
  requests: readonly SampleRequest[],
  { decoder, control, maxSequences, maxPositions, vocabSize }: SampleOptions,
  signal: AbortSignal,
): AsyncGenerator<SampledResponse> {
  const prompts = new PromptCache(requests, decoder);
  const waiting = [...requests].reverse();
  const active: Sequence[] = [];
  while (waiting.length > 0 || active.length > 0) {
    if (signal.aborted) {
      yield* [...active, ...waiting.toReversed().map((request) => new Sequence(request, control))].map((sequence) =>
        sequence.result("cancelled"),
      );
      return;
    }
    const room = Math.min(waiting.length, maxSequences - active.length);
    // Prompts are computed ahead of need, many at once, so that a sequence that finishes is followed without a pause.
    if (room > 0) await prompts.compute(waiting.slice(-maxSequences).reverse(), waiting.slice(-room));
    const admitted = waiting.splice(waiting.length - room, room).reverse();
    for (const request of admitted) {
      decoder.cache.fill(active.length, prompts.take(request));
      active.push(new Sequence(request, control));
    }
    const logProbs = await decoder.step({
      tokens: active.map((sequence) => sequence.lastToken),
      positions: active.map((sequence) => sequence.numTokens - 1),
      temperatures: active.map(({ request }) => request.temperature || 1),
    });
    for (let slot = active.length - 1; slot >= 0; slot--) {
      const sequence = active[slot]!;
      const finish = sequence.extend(logProbs.subarray(slot * vocabSize, (slot + 1) * vocabSize), maxPositions);
      if (finish === undefined) continue;
      yield sequence.result(finish);
      const last = active.pop()!;
      if (last !== sequence) {
        active[slot] = last;
        decoder.cache.move(active.length, slot);
      }
    }
  }
}

/** One response while it grows. */
class Sequence {
  readonly request: SampleRequest;
  readonly #control: ResponseTokens;
  readonly #rng: Rng;
  readonly #tokens: number[] = [];
  readonly #chosen: number[] = [];
  readonly #logProbs: number[] = [];
  #thinking: "unopened" | "open" | "closed" = "unopened";
  #closedBy: Rollout["thinking"]["closedBy"] = "none";

  constructor(request: SampleRequest, control: ResponseTokens) {
    this.request = request;
    this.#control = control;
    this.#rng = rngFromSeed(request.seed);
  }

  get numTokens(): number {
    return this.request.promptTokens.length + this.#tokens.length;
  }

  get lastToken(): number {
    return this.#tokens.at(-1) ?? this.request.promptTokens.at(-1)!;
  }

  /** Takes the next token, drawn or forced. Returns how the response ended, if it did. */
  extend(row: Float32Array, maxPositions: number): "stop" | "length" | undefined {
    if (this.#mustClose()) {
      this.#push({ token: this.#control.thinkCloseId, logProb: Number.NaN }, false);
      this.#closedBy = "budget";
      this.#thinking = "closed";
    } else {
      const draw = drawToken(row, this.request, this.#rng);
      this.#push(draw, true);
      if (draw.token === this.#control.endOfTurnId) return "stop";
      this.#follow(draw.token);
    }
    const isFull = this.#tokens.length >= this.request.maxNewTokens || this.numTokens >= maxPositions;
    return isFull ? "length" : undefined;
  }

  result(finish: Rollout["finish"]): SampledResponse {
    return {
      request: this.request,
      tokens: Int32Array.from(this.#tokens),
      chosen: Uint8Array.from(this.#chosen),
      logProbs: Float32Array.from(this.#logProbs),
      finish,
      closedBy: this.#closedBy,
    };
  }

  /** Whether as many tokens were thought as the budget allows. The opening token is not counted. */
  #mustClose(): boolean {
    const { thinkingBudget } = this.request;
    return this.#thinking === "open" && thinkingBudget !== undefined && this.#tokens.length - 1 >= thinkingBudget;
  }

  #follow(token: number): void {
    if (this.#tokens.length === 1 && token === this.#control.thinkOpenId) this.#thinking = "open";
    else if (this.#thinking === "open" && token === this.#control.thinkCloseId) {
      this.#thinking = "closed";
      this.#closedBy = "policy";
    }
  }

  #push({ token, logProb }: { token: number; logProb: number }, isChosen: boolean): void {
    this.#tokens.push(token);
    this.#logProbs.push(logProb);
    this.#chosen.push(isChosen ? 1 : 0);
  }
}

/** Computes each distinct prompt once and forgets it when the last request for it was admitted. */
class PromptCache {
  readonly #decoder: Decoder;
  readonly #numWaiting = new Map<string, number>();
  readonly #computed = new Map<string, CachedPrompt>();

  constructor(requests: readonly SampleRequest[], decoder: Decoder) {
    this.#decoder = decoder;
    for (const request of requests) this.#numWaiting.set(nameOf(request), (this.#numWaiting.get(nameOf(request)) ?? 0) + 1);
  }

  /** Computes the prompts of `requests` unless those of `needed` are there already. */
  async compute(requests: readonly SampleRequest[], needed: readonly SampleRequest[]): Promise<void> {
    if (needed.every((request) => this.#computed.has(nameOf(request)))) return;
    const missing = new Map<string, Int32Array>();
    for (const request of requests) {
      if (!this.#computed.has(nameOf(request))) missing.set(nameOf(request), request.promptTokens);
    }
    for (const group of inBatches([...missing])) {
      const caches = await this.#decoder.prefill(group.map(([, prompt]) => prompt));
      group.forEach(([name], i) => {
        this.#computed.set(name, caches[i]!);
      });
    }
  }

  take(request: SampleRequest): CachedPrompt {
    const name = nameOf(request);
    const prompt = this.#computed.get(name)!;
    const left = this.#numWaiting.get(name)! - 1;
    this.#numWaiting.set(name, left);
    if (left === 0) this.#computed.delete(name);
    return prompt;
  }
}

function nameOf({ promptTokens }: SampleRequest): string {
  return promptTokens.join(",");
}

function inBatches(prompts: readonly [string, Int32Array][]): [string, Int32Array][][] {
  const batches: [string, Int32Array][][] = [];
  let numTokens = Number.POSITIVE_INFINITY;
  for (const prompt of prompts) {
    if (numTokens + prompt[1].length > maxPrefillTokens) {
      batches.push([]);
      numTokens = 0;
    }
    batches.at(-1)!.push(prompt);
    numTokens += prompt[1].length;
  }
  return batches;
}
