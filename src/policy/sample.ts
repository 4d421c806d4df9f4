// Sampling many sequences at once. Sequences that finish make room for waiting ones, and requests with the same prompt share its
// computation; the prompt of a response that goes on ends with what was sampled before. A sequence depends on its request and the parameters alone: it draws from its own random stream, and no bit of
// its log-probabilities depends on who is sampled beside it.

import type { SampleRequest } from "./backend.ts";
import type { Decoder } from "./decoder.ts";
import type { CachedPrompt } from "./kvCache.ts";
import { GrowingResponse, type ResponseTokens, type SampledResponse } from "./response.ts";

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
  const active: GrowingResponse[] = [];
  while (waiting.length > 0 || active.length > 0) {
    if (signal.aborted) {
      const unstarted = waiting.toReversed().map((request) => new GrowingResponse(request, { control, promptExperts: undefined }));
      yield* [...active, ...unstarted].map((response) => response.result("cancelled"));
      return;
    }
    const room = Math.min(waiting.length, maxSequences - active.length);
    // Prompts are computed ahead of need, many at once, so that a sequence that finishes is followed without a pause.
    if (room > 0) await prompts.compute(waiting.slice(-maxSequences).reverse(), waiting.slice(-room));
    const admitted = waiting.splice(waiting.length - room, room).reverse();
    for (const request of admitted) {
      const prompt = prompts.take(request);
      decoder.cache.fill(active.length, prompt);
      active.push(new GrowingResponse(request, { control, promptExperts: prompt.experts }));
    }
    const { logProbs, experts } = await decoder.step({
      tokens: active.map((response) => response.lastToken),
      positions: active.map((response) => response.numTokens - 1),
      temperatures: active.map(({ request }) => request.temperature || 1),
      recordExperts: isRecording(active.map(({ request }) => request)),
    });
    for (let slot = active.length - 1; slot >= 0; slot--) {
      const response = active[slot]!;
      const next = { logProbs: logProbs.subarray(slot * vocabSize, (slot + 1) * vocabSize), experts: experts?.[slot] };
      const finish = response.extend(next, maxPositions);
      if (finish === undefined) continue;
      yield response.result(finish);
      const last = active.pop()!;
      if (last !== response) {
        active[slot] = last;
        decoder.cache.move(active.length, slot);
      }
    }
  }
}

function isRecording(requests: readonly SampleRequest[]): boolean {
  return requests.some(({ recordExperts }) => recordExperts);
}

/** Computes each distinct prompt once and forgets it when the last request for it was admitted. */
class PromptCache {
  readonly #decoder: Decoder;
  readonly #recordExperts: boolean;
  readonly #numWaiting = new Map<string, number>();
  readonly #computed = new Map<string, CachedPrompt>();

  constructor(requests: readonly SampleRequest[], decoder: Decoder) {
    this.#decoder = decoder;
    this.#recordExperts = isRecording(requests);
    for (const request of requests) this.#numWaiting.set(nameOf(request), (this.#numWaiting.get(nameOf(request)) ?? 0) + 1);
  }

  /** Computes the prompts of `requests` unless those of `needed` are there already. */
  async compute(requests: readonly SampleRequest[], needed: readonly SampleRequest[]): Promise<void> {
    if (needed.every((request) => this.#computed.has(nameOf(request)))) return;
    const missing = new Map<string, Int32Array>();
    for (const request of requests) {
      if (!this.#computed.has(nameOf(request))) missing.set(nameOf(request), startOf(request));
    }
    for (const group of inBatches([...missing])) {
      const caches = await this.#decoder.prefill(
        group.map(([, prompt]) => prompt),
        { recordExperts: this.#recordExperts },
      );
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

/** The tokens before the first one to sample. */
function startOf({ promptTokens, continues }: SampleRequest): Int32Array {
  return continues === undefined ? promptTokens : Int32Array.of(...promptTokens, ...continues.tokens);
}

function nameOf(request: SampleRequest): string {
  return startOf(request).join(",");
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
