import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { parameterLayout } from "../../src/policy/architecture.ts";
import type { SampleRequest } from "../../src/policy/backend.ts";
import { createDecoder, type Decoder } from "../../src/policy/decoder.ts";
import { KvCache } from "../../src/policy/kvCache.ts";
import { parameterPieces } from "../../src/policy/parameters.ts";
import type { SampledResponse } from "../../src/policy/response.ts";
import { type SampleOptions, sampleResponses } from "../../src/policy/sample.ts";
import { weightFeeds } from "../support/forwardPass.ts";
import { randomSequences, requestsFor, tinyConfig, tinyParameters } from "../support/tinyPolicy.ts";

// Tokens of the scripted policies.
const [stop, open, close, A, B] = [0, 1, 2, 3, 4];
const vocabSize = 5;
const control = { endOfTurnId: stop, thinkOpenId: open, thinkCloseId: close };
const never = new AbortController().signal;

/** Probabilities of the next token, given the last one and the position it stands at. */
type Script = (last: number, position: number) => Readonly<Record<number, number>>;

interface Scripted extends Decoder {
  /** Prompts in the order in which they were computed. */
  readonly prefilled: Int32Array[];
  /** Sequences of each step. */
  readonly stepSizes: number[];
}

/** A decoder whose policy is a script, and which remembers what it was asked. */
function scripted(script: Script, numSlots = 8): Scripted {
  const prefilled: Int32Array[] = [];
  const stepSizes: number[] = [];
  return {
    prefilled,
    stepSizes,
    cache: new KvCache({ numLayers: 1, numKvHeads: 1, headWidth: 2, numSlots: numSlots + 1 }),
    async prefill(prompts) {
      prefilled.push(...prompts);
      return prompts.map(({ length }) => {
        const empty = new Float32Array((length - 1) * 2);
        return { numPositions: length - 1, layers: [{ keys: empty, values: empty }] };
      });
    },
    async step({ tokens, positions }) {
      stepSizes.push(tokens.length);
      const rows = tokens.map((token, i) => script(token, positions[i]!));
      const logProbs = Float32Array.from(rows.flatMap((row) => Array.from({ length: vocabSize }, (_, next) => Math.log(row[next] ?? 0))));
      return { logProbs, experts: undefined };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const always = (token: number) => ({ [token]: 1 });

function collect(
  requests: readonly SampleRequest[],
  { signal = never, ...options }: Pick<SampleOptions, "decoder"> & Partial<SampleOptions> & { signal?: AbortSignal },
): Promise<SampledResponse[]> {
  return collected(sampleResponses(requests, { control, maxSequences: 8, maxPositions: 100, vocabSize, ...options }, signal));
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function only(request: Partial<SampleRequest>, options: Parameters<typeof collect>[1]): Promise<SampledResponse> {
  const [response] = await collect(requestsFor([request]), options);
  return response!;
}

describe("sampleResponses", () => {
  test("ends a response with the end of the turn, which belongs to it", async () => {
    const decoder = scripted((_, position) => always([A, B, stop][position - 2]!));
    const { tokens, chosen, logProbs, finish, closedBy } = await only({}, { decoder });
    assert.deepEqual({ tokens: [...tokens], finish, closedBy }, { tokens: [A, B, stop], finish: "stop", closedBy: "none" });
    assert.deepEqual([chosen, logProbs], [Uint8Array.of(1, 1, 1), Float32Array.of(0, 0, 0)]);
  });

  test("ends it at maxNewTokens, and where the policy has no more positions", async () => {
    const decoder = scripted(() => always(A));
    const short = await only({ maxNewTokens: 3 }, { decoder });
    assert.deepEqual([short.tokens.length, short.finish], [3, "length"]);
    // A prompt of 3 tokens and 7 positions leave room for 4.
    const full = await only({ maxNewTokens: 50 }, { decoder, maxPositions: 7 });
    assert.deepEqual([full.tokens.length, full.finish], [4, "length"]);
    const lastChance = await only({ maxNewTokens: 1 }, { decoder: scripted(() => always(stop)) });
    assert.deepEqual([lastChance.tokens.length, lastChance.finish], [1, "stop"]);
  });

  test("reports what was drawn with its log-probability among what could be drawn", async () => {
    const decoder = scripted(() => ({ [A]: 0.5, [B]: 0.3, [stop]: 0.2 }));
    const reported = async (about: Partial<SampleRequest>): Promise<object> => {
      const responses = await collect(requestsFor(Array.from({ length: 40 }, () => ({ maxNewTokens: 1, ...about }))), { decoder });
      return Object.fromEntries(responses.map(({ tokens, logProbs }) => [tokens[0]!, Math.exp(logProbs[0]!).toFixed(4)]));
    };
    assert.deepEqual(await reported({}), { [A]: "0.5000", [B]: "0.3000", [stop]: "0.2000" });
    assert.deepEqual(await reported({ topK: 2 }), { [A]: "0.6250", [B]: "0.3750" });
    assert.deepEqual(await reported({ topP: 0.4 }), { [A]: "1.0000" });
    assert.deepEqual(await reported({ temperature: 0 }), { [A]: "0.5000" });
  });

  test("asks for the request's temperature, and for 1 where the most likely token is taken", async () => {
    const seen: number[] = [];
    const decoder = scripted(() => always(A));
    const step: Decoder["step"] = (about) => {
      seen.push(...about.temperatures);
      return decoder.step(about);
    };
    await collect(requestsFor([0, 0.7, 1.5].map((temperature) => ({ temperature, maxNewTokens: 1 }))), { decoder: { ...decoder, step } });
    assert.deepEqual(seen, [1, 0.7, 1.5]);
  });

  test("gives responses in order of completion, and all of them when they do not fit at once", async () => {
    const lengths = [9, 1, 4, 2, 7, 3];
    for (const maxSequences of [1, 2, 3, 8]) {
      const decoder = scripted(() => always(A));
      const responses = await collect(requestsFor(lengths.map((maxNewTokens) => ({ maxNewTokens }))), { decoder, maxSequences });
      assert.ok(Math.max(...decoder.stepSizes) === Math.min(maxSequences, 6));
      assert.deepEqual(responses.map(({ tokens }) => tokens.length).sort(), [...lengths].sort());
      if (maxSequences === 1)
        assert.deepEqual(
          responses.map(({ request }) => request.id),
          ["r0", "r1", "r2", "r3", "r4", "r5"],
        );
      if (maxSequences === 8)
        assert.deepEqual(
          responses.map(({ tokens }) => tokens.length),
          [1, 2, 3, 4, 7, 9],
        );
    }
  });

  test("lets a waiting request in at the step after another finished", async () => {
    const decoder = scripted(() => always(A));
    await collect(requestsFor([{ maxNewTokens: 4 }, { maxNewTokens: 1 }, { maxNewTokens: 2 }]), { decoder, maxSequences: 2 });
    assert.deepEqual(decoder.stepSizes, [2, 2, 2, 1]);
  });

  test("computes a shared prompt once, whoever stands between the requests for it", async () => {
    const [p, q] = [Int32Array.of(A, B, A), Int32Array.of(B)];
    for (const maxSequences of [1, 3]) {
      const decoder = scripted(() => always(A));
      await collect(requestsFor([p, q, p, q, p.slice(), q].map((promptTokens) => ({ promptTokens, maxNewTokens: 2 }))), {
        decoder,
        maxSequences,
      });
      assert.deepEqual(decoder.prefilled, [p, q]);
    }
  });

  test("has nothing to say to no requests", async () => {
    const decoder = scripted(() => always(A));
    assert.deepEqual(await collect([], { decoder }), []);
    assert.deepEqual([decoder.prefilled, decoder.stepSizes], [[], []]);
  });
});

describe("sampleResponses, cancelled,", () => {
  test("ends the unfinished with what they have, and the waiting with nothing", async () => {
    const controller = new AbortController();
    const requests = requestsFor([{ maxNewTokens: 2 }, { maxNewTokens: 50 }, { maxNewTokens: 60 }]);
    const options = { decoder: scripted(() => always(A)), control, maxSequences: 2, maxPositions: 100, vocabSize };
    const seen: string[] = [];
    for await (const { request, tokens, finish } of sampleResponses(requests, options, controller.signal)) {
      seen.push(`${request.id} ${finish} ${tokens.length}`);
      controller.abort();
    }
    assert.deepEqual(seen, ["r0 length 2", "r1 cancelled 2", "r2 cancelled 0"]);
  });

  test("computes nothing when it was cancelled before", async () => {
    const decoder = scripted(() => always(A));
    const responses = await collect(requestsFor([{}, {}]), { decoder, signal: AbortSignal.abort() });
    assert.deepEqual(
      responses.map(({ request, finish }) => `${request.id} ${finish}`),
      ["r0 cancelled", "r1 cancelled"],
    );
    assert.deepEqual([decoder.prefilled, decoder.stepSizes], [[], []]);
  });
});

describe("sampleResponses with a thinking budget", () => {
  /** Opens its thinking, thinks A for `length` tokens, closes it, answers B and stops. The prompt has 3 tokens. */
  const thinker =
    (length: number): Script =>
    (last, position) => {
      if (position === 2) return always(open);
      if (last === close) return always(B);
      if (last === B) return always(stop);
      return always(position < 3 + length ? A : close);
    };
  const think = async (script: Script, about: Partial<SampleRequest>) => {
    const { tokens, chosen, logProbs, finish, closedBy } = await only({ maxNewTokens: 20, ...about }, { decoder: scripted(script) });
    return {
      tokens: [...tokens],
      forced: [...chosen.keys()].filter((i) => chosen[i] === 0),
      withoutLogProb: [...logProbs.keys()].filter((i) => Number.isNaN(logProbs[i])),
      finish,
      closedBy,
    };
  };
  const unforced = { forced: [], withoutLogProb: [] };

  test("closes the thinking at exactly the budget, with a token that the policy did not choose", async () => {
    const expected = { tokens: [open, A, A, A, close, B, stop], forced: [4], withoutLogProb: [4], finish: "stop", closedBy: "budget" };
    assert.deepEqual(await think(thinker(9), { thinkingBudget: 3 }), expected);
    // The policy would have closed there, too, but was not asked.
    assert.deepEqual(await think(thinker(3), { thinkingBudget: 3 }), expected);
  });

  test("leaves shorter thinking alone", async () => {
    const expected = { tokens: [open, A, A, close, B, stop], ...unforced, finish: "stop", closedBy: "policy" };
    assert.deepEqual(await think(thinker(2), { thinkingBudget: 3 }), expected);
    assert.deepEqual(await think(thinker(2), {}), expected);
  });

  test("of 0 closes at once what was opened, and asks nothing of a response that does not think", async () => {
    const expected = { tokens: [open, close, B, stop], forced: [1], withoutLogProb: [1], finish: "stop", closedBy: "budget" };
    assert.deepEqual(await think(thinker(9), { thinkingBudget: 0 }), expected);
    const answer: Script = (last) => always(last === B ? stop : B);
    assert.deepEqual(await think(answer, { thinkingBudget: 0 }), { tokens: [B, stop], ...unforced, finish: "stop", closedBy: "none" });
  });

  test("does not take an opening token after the first for thinking, nor a close without an opening", async () => {
    const script: Script = (last, position) => always([A, open, A, close, A, A, A, stop][position - 2] ?? last);
    const { tokens, closedBy, forced } = await think(script, { thinkingBudget: 1 });
    assert.deepEqual({ tokens, closedBy, forced }, { tokens: [A, open, A, close, A, A, A, stop], closedBy: "none", forced: [] });
  });

  test("counts the forced token among the new ones, and thinking that was never closed as such", async () => {
    const full = { tokens: [open, A, A, close], forced: [3], withoutLogProb: [3], finish: "length", closedBy: "budget" };
    assert.deepEqual(await think(thinker(9), { thinkingBudget: 2, maxNewTokens: 4 }), full);
    const cut = { tokens: [open, A, A], ...unforced, finish: "length", closedBy: "none" };
    assert.deepEqual(await think(thinker(9), { thinkingBudget: 2, maxNewTokens: 3 }), cut);
    const given = await think((_, position) => always(position === 2 ? open : stop), { thinkingBudget: 2 });
    assert.deepEqual(given, { tokens: [open, stop], ...unforced, finish: "stop", closedBy: "none" });
  });

  test("draws nothing for a forced token: what comes after it is drawn from the next number", async () => {
    const half: Script = (_, position) => (position === 2 ? always(open) : { [A]: 0.5, [B]: 0.5 });
    const draws = async (about: Partial<SampleRequest>) => (await think(half, { maxNewTokens: 15, ...about })).tokens;
    const free = await draws({});
    const forced = await draws({ thinkingBudget: 4 });
    assert.deepEqual(forced, [...free.slice(0, 5), close, ...free.slice(5, 14)]);
  });
});

describe("a rollout does not change in any bit", () => {
  const config = tinyConfig();
  const weights = weightFeeds({ config, parameters: tinyParameters(config) });
  const pieces = parameterPieces(parameterLayout(config));
  const [shared, other, single] = randomSequences([6, 15, 1], config, "prompt") as [Int32Array, Int32Array, Int32Array];
  // One past two blocks of the cache, greedy, cool and truncated ones, a lone token, and a group that shares its prompt.
  const requests = requestsFor([
    { promptTokens: shared, maxNewTokens: 130 },
    { promptTokens: shared, maxNewTokens: 17, temperature: 0.7 },
    { promptTokens: other, maxNewTokens: 30, temperature: 0 },
    { promptTokens: single, maxNewTokens: 9, topK: 5 },
    { promptTokens: shared, maxNewTokens: 70, topP: 0.9 },
    { promptTokens: other, maxNewTokens: 2, temperature: 1.3 },
  ]);

  async function sampled(list: readonly SampleRequest[], { maxSequences = 8, numThreads = 1 } = {}): Promise<Map<string, object>> {
    await using decoder = await createDecoder({ config, pieces, parameter: (name) => weights[name]!, numThreads, maxSequences });
    const options = {
      decoder,
      control: { endOfTurnId: -1, thinkOpenId: -1, thinkCloseId: -1 },
      maxSequences,
      maxPositions: 256,
      vocabSize: config.vocabSize,
    };
    const responses = await collected(sampleResponses(list, options, never));
    return new Map(responses.map(({ request, tokens, logProbs }) => [request.id, { tokens, logProbs: new Uint32Array(logProbs.buffer) }]));
  }

  let expected: Awaited<ReturnType<typeof sampled>>;
  before(async () => {
    expected = await sampled(requests);
  });

  const circumstances: Readonly<Record<string, () => Promise<Map<string, object>>>> = {
    "one at a time": () => sampled(requests, { maxSequences: 1 }),
    "two at a time": () => sampled(requests, { maxSequences: 2 }),
    "many more slots, two threads": () => sampled(requests, { maxSequences: 32, numThreads: 2 }),
    "in another order": () => sampled(requests.toReversed(), { maxSequences: 3 }),
    "without the others of its group": () => sampled(requests.slice(3)),
    "in a cache that another has made longer": () => sampled([...requests.slice(1), ...requestsFor([{ id: "long", maxNewTokens: 200 }])]),
  };
  for (const [name, circumstance] of Object.entries(circumstances)) {
    test(name, async () => {
      for (const [id, bits] of await circumstance()) if (id !== "long") assert.deepEqual(bits, expected.get(id), id);
    });
  }

  test("alone, but with its stream, its temperature or its prompt", async () => {
    const [first] = requests as [SampleRequest];
    for (const about of [{ seed: rngFor("another").seed }, { temperature: 1.1 }, { promptTokens: other }]) {
      assert.notDeepEqual((await sampled([{ ...first, ...about }])).get("r0"), expected.get("r0"));
    }
  });

  test("after a stream of responses that nobody read to its end", async () => {
    await using decoder = await createDecoder({ config, pieces, parameter: (name) => weights[name]!, numThreads: 1, maxSequences: 4 });
    const options = {
      decoder,
      control: { endOfTurnId: -1, thinkOpenId: -1, thinkCloseId: -1 },
      maxSequences: 4,
      maxPositions: 256,
      vocabSize: config.vocabSize,
    };
    for await (const _ of sampleResponses(requests, options, never)) break;
    const responses = await collected(sampleResponses(requests.slice(1, 3), options, never));
    for (const { request, tokens, logProbs } of responses) {
      assert.deepEqual({ tokens, logProbs: new Uint32Array(logProbs.buffer) }, expected.get(request.id));
    }
  });
});
