// Responses that are paused and go on in a later call: under the same parameters they are, in every bit, the ones that were never paused;
// under others each part keeps what was recorded of it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { ConfigError } from "../../src/base/errors.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import type { SampleRequest } from "../../src/policy/backend.ts";
import type { EmbeddedBackend } from "../../src/train/backend.ts";
import { adamSettings, collected, mismatch, openBackend, sampleOf, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, requestsFor, samplesFor, tinyConfig, tinyTokenizer } from "../support/tinyPolicy.ts";

const config = tinyConfig();
const policy = { config };
/** At which every token is likely, so that some responses think. */
const hot = 10;

/** By id, so that the order of completion does not matter. */
function byId(rollouts: readonly Rollout[]): Map<string, Rollout> {
  return new Map(rollouts.map((rollout) => [rollout.id, rollout]));
}

/** Samples in calls of `pauseAfter` tokens until all are done; `between` runs before each call but the first. */
async function inParts(
  backend: EmbeddedBackend,
  requests: readonly SampleRequest[],
  { pauseAfter, between = async () => {} }: { pauseAfter: number; between?: () => Promise<void> },
): Promise<{ readonly done: Map<string, Rollout>; readonly numPauses: number }> {
  const done: Rollout[] = [];
  let numPauses = 0;
  let waiting: readonly SampleRequest[] = requests.map((request) => ({ ...request, pauseAfter }));
  while (waiting.length > 0) {
    const rollouts = await collected(backend.sample(waiting));
    const paused = rollouts.filter(({ finish }) => finish === "paused");
    done.push(...rollouts.filter(({ finish }) => finish !== "paused"));
    for (const rollout of paused) {
      const before = waiting.find(({ id }) => id === rollout.id)!.continues?.tokens.length ?? 0;
      assert.equal(rollout.tokens.length, before + pauseAfter, "a pause comes after so many tokens");
    }
    numPauses += paused.length;
    waiting = paused.map((continues) => ({ ...waiting.find(({ id }) => id === continues.id)!, continues }));
    if (waiting.length > 0) await between();
  }
  return { done: byId(done), numPauses };
}

describe("a response that was paused", () => {
  let backend: EmbeddedBackend;
  let requests: readonly SampleRequest[];
  let undisturbed: Map<string, Rollout>;
  before(async () => {
    backend = openBackend({ maxSequences: 16 }, policy);
    // Found by their first tokens, of which there are many.
    const asked = { maxNewTokens: 24, temperature: hot };
    const first = await collected(backend.sample(requestsFor(Array.from({ length: 2000 }, () => ({ ...asked, maxNewTokens: 1 })))));
    const opening = first.filter(({ tokens }) => tokens[0] === tinyTokenizer.thinkOpenId);
    const thinkers = await collected(backend.sample(requestsFor(opening.map(({ id }) => ({ id, ...asked })))));
    const closing = thinkers.filter(({ thinking }) => thinking.closedBy === "policy").slice(0, 2);
    const endless = thinkers.filter(({ thinking }) => thinking.closedBy === "none").slice(0, 2);
    const [long, single] = randomSequences([30, 1], config, "prompt") as [Int32Array, Int32Array];
    requests = [
      // Thinking under budgets that end within the first part, at its end, after it, and not at all.
      ...[2, 3, 7, undefined].flatMap((budget) =>
        requestsFor([...closing, ...endless].map(({ id }) => ({ id, ...asked }))).map((request) => {
          return { ...request, id: `${request.id} ${budget}`, ...(budget === undefined ? {} : { thinkingBudget: budget }) };
        }),
      ),
      ...requestsFor([
        { promptTokens: long, maxNewTokens: 40, group: 1 },
        { promptTokens: long, maxNewTokens: 17, group: 1, temperature: 0.7 },
        { promptTokens: single, maxNewTokens: 11, temperature: 0 },
        { promptTokens: single, maxNewTokens: 11, topK: 9 },
        { promptTokens: long, maxNewTokens: 9, topP: 0.8 },
      ]),
    ].map((request) => ({ ...request, recordExperts: true as const }));
    undisturbed = byId(await collected(backend.sample(requests)));
    const closed = new Set([...undisturbed.values()].map(({ thinking }) => thinking.closedBy));
    assert.ok(closed.size === 3, `${[...closed]}`);
  });
  after(() => backend[Symbol.asyncDispose]());

  for (const pauseAfter of [1, 3, 4, 10]) {
    test(`every ${pauseAfter} tokens ends as if it never had been`, async () => {
      const { done, numPauses } = await inParts(backend, requests, { pauseAfter });
      assert.ok(numPauses > 10);
      assert.deepEqual(done, undisturbed);
    });
  }

  test("goes on the same alone, in other company and with more engines", async () => {
    await using other = openBackend({ maxSequences: 64, numThreads: 2 }, policy);
    const paused = (await collected(other.sample(requests.map((request) => ({ ...request, pauseAfter: 5 }))))).filter(
      ({ finish }) => finish === "paused",
    );
    for (const continues of paused.slice(0, 4)) {
      const request = requests.find(({ id }) => id === continues.id)!;
      const [rollout] = await collected(backend.sample([{ ...request, continues }]));
      assert.deepEqual(rollout, undisturbed.get(request.id));
    }
  });

  test("that is at its end is not paused", async () => {
    const numTokens = Math.max(...requests.map(({ maxNewTokens }) => maxNewTokens));
    const rollouts = await collected(backend.sample(requests.map((request) => ({ ...request, pauseAfter: numTokens }))));
    assert.deepEqual(byId(rollouts), undisturbed);
  });

  test("is recomputed to the same bits in training, its experts replayed or not", async () => {
    const samples = [...(await inParts(backend, requests, { pauseAfter: 3 })).done.values()]
      .filter(({ id }) => !["r2", "r3", "r4"].includes(id)) // drawn from less than the whole distribution, or with none at all
      .map(sampleOf);
    for (const batch of [samples, samples.map(({ experts: _, ...sample }) => sample)]) {
      const { different, worst } = await backend.forwardBackward({ samples: batch }, mismatch);
      await backend.discardGradient();
      assert.deepEqual({ different, worst }, { different: 0, worst: 0 });
    }
  });

  test("and is then cancelled keeps what it had", async () => {
    const [request] = requests;
    const [continues] = await collected(backend.sample([{ ...request!, pauseAfter: 4 }]));
    const [rollout] = await collected(backend.sample([{ ...request!, continues: continues! }], AbortSignal.abort()));
    const start = rollout!.tokens.slice(0, 4); // the signal may arrive after a step
    assert.deepEqual([rollout!.finish, start, rollout!.policy], ["cancelled", continues!.tokens, continues!.policy]);
  });
});

describe("a response that goes on under other parameters", () => {
  const requests = requestsFor([
    { maxNewTokens: 12, recordExperts: true },
    { maxNewTokens: 5, recordExperts: true },
  ]);
  const step = async (backend: EmbeddedBackend): Promise<void> => {
    await backend.forwardBackward({ samples: samplesFor(randomSequences([12, 9], config)) }, weightedCrossEntropy);
    await backend.optimStep(adamSettings);
  };

  test("names the parameters of each part, and keeps what was recorded of the earlier ones", async () => {
    await using backend = openBackend({}, policy);
    await using still = openBackend({}, policy);
    const undisturbed = byId(await collected(still.sample(requests)));
    const versions: string[] = [];
    const note = async () => void versions.push((await backend.digests()).parameters);
    await note();
    const between = async (): Promise<void> => {
      await step(backend);
      await note();
    };
    const { done } = await inParts(backend, requests, { pauseAfter: 4, between });
    const expected = [0, 4, 8].map((from, i) => ({ version: versions[i], from }));
    assert.deepEqual(done.get("r0")!.policy, expected);
    assert.deepEqual(done.get("r1")!.policy, expected.slice(0, 2));
    const [rollout, alike] = [done.get("r0")!, undisturbed.get("r0")!];
    const earlier = ({ tokens, logProbs, experts, promptTokens }: Rollout) => {
      const numExperts = (promptTokens.length + 3) * 4; // two of two layers' experts for each token that was fed
      return { tokens: tokens.slice(0, 4), logProbs: logProbs.slice(0, 4), experts: experts!.slice(0, numExperts) };
    };
    assert.deepEqual(earlier(rollout), earlier(alike));
    assert.notDeepEqual(rollout.logProbs.slice(4), alike.logProbs.slice(4));
    assert.equal(rollout.experts!.length, alike.experts!.length);
  });

  for (const routing of ["recorded", "own"] as const) {
    test(`samples its new tokens as training recomputes them, with ${routing} experts for the earlier ones`, async () => {
      await using backend = openBackend({}, policy);
      const { recordExperts: _, ...plain } = requests[0]!;
      const request: SampleRequest = { ...plain, maxNewTokens: 40, ...(routing === "own" ? {} : { recordExperts: true }) };
      const [continues] = await collected(backend.sample([{ ...request, pauseAfter: 6 }]));
      for (let i = 0; i < 4; i++) await step(backend);
      const [rollout] = await collected(backend.sample([{ ...request, continues: continues! }]));
      const sample = sampleOf(rollout!);
      const late = { ...sample, targets: sample.targets.slice(6), columns: { recorded: sample.columns["recorded"]!.slice(6) } };
      const { different, routingAgreement = 0 } = await backend.forwardBackward({ samples: [late] }, mismatch);
      assert.equal(different, 0);
      assert.ok(routing === "own" || routingAgreement < 1, "the router would not choose others for the earlier tokens");
      const all = await backend.forwardBackward({ samples: [sample] }, mismatch);
      assert.ok(all["different"]! > 0, "the earlier tokens were recorded under other parameters");
    });
  }
});

describe("sample refuses to go on with", () => {
  let backend: EmbeddedBackend;
  let request: SampleRequest;
  let continues: Rollout;
  before(async () => {
    backend = openBackend({}, policy);
    [request] = requestsFor([{ maxNewTokens: 20, thinkingBudget: 50, recordExperts: true }]) as [SampleRequest];
    [continues] = (await collected(backend.sample([{ ...request, pauseAfter: 2 }]))) as [Rollout];
    assert.equal(continues.finish, "paused");
  });
  after(() => backend[Symbol.asyncDispose]());

  const { recordExperts: _, ...plain } = requestsFor([{}])[0]!;
  const wrong: readonly [string, (about: { request: SampleRequest; continues: Rollout }) => SampleRequest][] = [
    [
      'only a paused rollout can go on, got one with finish "length"',
      ({ request, continues }) => ({ ...request, continues: { ...continues, finish: "length" } }),
    ],
    [
      "a rollout goes on with its own prompt, got another one of 2 tokens",
      ({ request, continues }) => ({ ...request, promptTokens: Int32Array.of(1, 2), continues }),
    ],
    [
      `a rollout goes on with its own seed "${plain.seed}", got "${"0".repeat(48)}"`,
      ({ request, continues }) => ({ ...request, seed: "0".repeat(48), continues }),
    ],
    ["a rollout goes on at its own temperature 1, got 0.5", ({ request, continues }) => ({ ...request, temperature: 0.5, continues })],
    [
      "a rollout goes on with its own thinkingBudget 50, got 51",
      ({ request, continues }) => ({ ...request, thinkingBudget: 51, continues }),
    ],
    [
      "maxNewTokens counts the tokens before the pause, and must leave room after 2, got 2",
      ({ request, continues }) => ({ ...request, maxNewTokens: 2, continues }),
    ],
    [
      "recordExperts must be as before the pause, got true after false",
      ({ request, continues: { experts: _, ...continues } }) => ({ ...request, continues }),
    ],
    [
      "the experts of 4 tokens are 16 numbers, got 15",
      ({ request, continues }) => ({ ...request, continues: { ...continues, experts: continues.experts!.slice(1) } }),
    ],
    ["pauseAfter must be a whole number from 1 on, got 0", ({ request }) => ({ ...request, pauseAfter: 0 })],
  ];
  for (const [rule, change] of wrong) {
    test(rule, async () => {
      await assert.rejects(collected(backend.sample([change({ request, continues })])), (error) => {
        return error instanceof ConfigError && error.message === `sample: ${rule} (request "r0")`;
      });
    });
  }
});
