// Sampling many sequences at once. Sequences that finish make room for waiting ones, and requests with the same prompt share its
// computation; the prompt of a response that goes on ends with what was sampled before. A sequence depends on its request and the
// parameters alone: it draws from its own random stream, and no bit of its log-probabilities depends on who is sampled beside it.

import type { SampleRequest } from "./backend.ts";
import type { Decoder } from "./decoder.ts";
import type { CachedPrompt } from "./kvCache.ts";
import type { PrefillExperts } from "./prefill.ts";
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

/** Tokens to compute before the first one is sampled. */
interface Start {
  readonly tokens: Int32Array;
  /** Where they are to be sent, all but the last; undefined where the router decides. */
  readonly recording: Uint16Array | undefined;
}

/** A response that goes on starts with what it has, sent where it was sent when that is replayed in training. */
function startOf({ promptTokens, continues, recordExperts }: SampleRequest): Start {
  if (continues === undefined) return { tokens: promptTokens, recording: undefined };
  const tokens = Int32Array.of(...promptTokens, ...continues.tokens);
  return { tokens, recording: recordExperts ? continues.experts : undefined };
}

function nameOf({ tokens, recording }: Start): string {
  return recording === undefined ? tokens.join(",") : `${tokens.join(",")} ${recording.join(",")}`;
}

/** Computes each distinct start once and forgets it when the last request for it was admitted. */
class PromptCache {
  readonly #decoder: Decoder;
  readonly #recordExperts: boolean;
  readonly #starts: ReadonlyMap<SampleRequest, Start & { readonly name: string }>;
  readonly #numWaiting = new Map<string, number>();
  readonly #computed = new Map<string, CachedPrompt>();

  constructor(requests: readonly SampleRequest[], decoder: Decoder) {
    this.#decoder = decoder;
    this.#recordExperts = isRecording(requests);
    const named = (start: Start) => ({ ...start, name: nameOf(start) });
    this.#starts = new Map(requests.map((request) => [request, named(startOf(request))]));
    for (const request of requests) {
      const { name } = this.#starts.get(request)!;
      this.#numWaiting.set(name, (this.#numWaiting.get(name) ?? 0) + 1);
    }
  }

  /** Computes the starts of `requests` unless those of `needed` are there already. */
  async compute(requests: readonly SampleRequest[], needed: readonly SampleRequest[]): Promise<void> {
    const isMissing = (request: SampleRequest): boolean => !this.#computed.has(this.#starts.get(request)!.name);
    if (!needed.some(isMissing)) return;
    const missing = new Map(requests.filter(isMissing).map((request) => [this.#starts.get(request)!.name, this.#starts.get(request)!]));
    const all = [...missing.values()];
    for (const batch of inBatches(all.filter(({ recording }) => recording === undefined))) {
      await this.#compute(batch, { kind: this.#recordExperts ? "record" : "unasked" });
    }
    for (const batch of inBatches(all.filter(({ recording }) => recording !== undefined))) {
      await this.#compute(batch, { kind: "replay", recordings: batch.map(({ recording }) => recording!) });
    }
  }

  take(request: SampleRequest): CachedPrompt {
    const { name } = this.#starts.get(request)!;
    const prompt = this.#computed.get(name)!;
    const left = this.#numWaiting.get(name)! - 1;
    this.#numWaiting.set(name, left);
    if (left === 0) this.#computed.delete(name);
    return prompt;
  }

  async #compute(starts: readonly (Start & { readonly name: string })[], experts: PrefillExperts): Promise<void> {
    const caches = await this.#decoder.prefill(
      starts.map(({ tokens }) => tokens),
      experts,
    );
    starts.forEach(({ name }, i) => {
      this.#computed.set(name, caches[i]!);
    });
  }
}

function inBatches<Prompt extends Start>(prompts: readonly Prompt[]): Prompt[][] {
  const batches: Prompt[][] = [];
  let numTokens = Number.POSITIVE_INFINITY;
  for (const prompt of prompts) {
    if (numTokens + prompt.tokens.length > maxPrefillTokens) {
      batches.push([]);
      numTokens = 0;
    }
    batches.at(-1)!.push(prompt);
    numTokens += prompt.tokens.length;
  }
  return batches;
}
