import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Worker } from "node:worker_threads";

import { ConfigError, EngineError } from "../../src/base/errors.ts";
import { adamW } from "../../src/optim/adamw.ts";
import { byteTokenizerJson } from "../../src/policy/alphabets.ts";
import { parameterLayout } from "../../src/policy/architecture.ts";
import type { Loss, SampleRequest } from "../../src/policy/backend.ts";
import { encodePrompt } from "../../src/policy/chat.ts";
import type { EmbeddedBackend } from "../../src/train/backend.ts";
import { processCpuMsOf } from "../support/cpuTime.ts";
import { tempFolder } from "../support/tempFolder.ts";
import { adamSettings, collected, gradientOf, oneLayer, openBackend, stateOf, weightedCrossEntropy } from "../support/tinyBackend.ts";
import { randomSequences, requestsFor, samplesFor, tinyParameters, tinyTokenizer } from "../support/tinyPolicy.ts";

const batch = { samples: samplesFor(randomSequences([12, 5, 9], oneLayer)) };
const otherBatch = { samples: samplesFor(randomSequences([6, 7], oneLayer, "other")) };

/** Responses that never end by themselves: the control tokens are beyond the vocabulary. Each would take much longer than any test. */
const endless = { config: { ...oneLayer, maxPositions: 20_000 }, tokenizerJson: byteTokenizerJson() };
const endlessRequests = Array.from({ length: 4 }, (_, group) => ({ group, maxNewTokens: 19_900 }));
/** Of the processor, which a busy machine does not use up: many times what a step takes, and a fraction of what these responses do. */
const letGoCpuMs = 5000;

async function step(backend: EmbeddedBackend, on = batch): Promise<void> {
  await backend.forwardBackward(on, weightedCrossEntropy);
  await backend.optimStep(adamSettings);
}

describe("optimStep", () => {
  test("is AdamW on the accumulated gradient, clipped, with decay on matrices only", async (t) => {
    await using twin = openBackend();
    await twin.forwardBackward(batch, weightedCrossEntropy);
    const gradient = await gradientOf(twin, t);
    await using backend = openBackend({ numThreads: 2, gradientShards: 2 });
    const { gradNorm } = await backend.forwardBackward(batch, weightedCrossEntropy);
    const maxGradNorm = gradNorm! / 3;
    const report = await backend.optimStep({ ...adamSettings, maxGradNorm });
    assert.deepEqual([report["gradNorm"], Math.round(1e6 * report["clipScale"]!)], [gradNorm, 333333]);

    const { entries, total } = parameterLayout(oneLayer);
    const expected = tinyParameters(oneLayer);
    const ranges = entries.map(({ offset, kind }, i) => ({ from: offset, to: entries[i + 1]?.offset ?? total, decays: kind === "matrix" }));
    const optimizer = adamW.update(adamW.init(total), {
      parameters: expected,
      gradient,
      gradientScale: report["clipScale"]!,
      ranges,
      settings: adamSettings,
    });
    assert.deepEqual(await stateOf(backend, t), { parameters: expected, ...optimizer });
  });

  test("clears the gradient: the next one starts from nothing", async () => {
    await using backend = openBackend();
    await step(backend);
    const next = await backend.forwardBackward(otherBatch, weightedCrossEntropy);
    await using fresh = openBackend();
    await step(fresh);
    await fresh.discardGradient();
    assert.deepEqual(await fresh.forwardBackward(otherBatch, weightedCrossEntropy), next);
  });
});

describe("discardGradient", () => {
  test("forgets what was accumulated", async (t) => {
    await using backend = openBackend();
    await backend.forwardBackward(batch, weightedCrossEntropy);
    await backend.discardGradient();
    await step(backend, otherBatch);
    await using fresh = openBackend();
    await step(fresh, otherBatch);
    assert.deepEqual(await stateOf(backend, t), await stateOf(fresh, t));
  });
});

describe("digests", () => {
  test("change exactly when the state does", async (t) => {
    const folder = join(tempFolder(t), "checkpoint");
    await using backend = openBackend();
    const first = await backend.digests();
    await collected(backend.sample(requestsFor([{ maxNewTokens: 3 }])));
    await backend.forwardBackward(batch, weightedCrossEntropy);
    await backend.discardGradient();
    await backend.save(folder);
    assert.deepEqual(await backend.digests(), first);
    await backend.forwardBackward(batch, weightedCrossEntropy);
    await backend.optimStep({ ...adamSettings, learningRate: 0 });
    const still = await backend.digests();
    assert.equal(still.parameters, first.parameters, "a rate of 0 moves the optimizer only");
    assert.notEqual(still.optimizer, first.optimizer);
    await backend.load(folder);
    assert.deepEqual(await backend.digests(), first);
  });

  test("name the parameters that sampled a rollout", async () => {
    await using backend = openBackend();
    for (let i = 0; i < 2; i++) {
      const [rollout] = await collected(backend.sample(requestsFor([{ maxNewTokens: 2 }])));
      assert.deepEqual(rollout!.policy, [{ version: (await backend.digests()).parameters, from: 0 }]);
      await step(backend);
    }
  });
});

describe("sample", () => {
  let backend: EmbeddedBackend;
  before(() => {
    backend = openBackend({ numThreads: 2, maxSequences: 64 });
  });
  after(() => backend[Symbol.asyncDispose]());

  test("gives each response with its request, its texts and its thinking", async () => {
    const promptTokens = encodePrompt({ messages: [{ role: "user", content: "1+2=" }] }, tinyTokenizer);
    const abouts = Array.from({ length: 24 }, (_, i) => ({
      promptTokens,
      group: i % 5,
      index: i,
      maxNewTokens: 20,
      ...(i % 2 === 0 ? { thinkingBudget: 3 } : {}),
    }));
    const requests = requestsFor(abouts);
    const rollouts = await collected(backend.sample(requests));
    assert.deepEqual(new Set(rollouts.map(({ id }) => id)), new Set(requests.map(({ id }) => id)));
    for (const rollout of rollouts) {
      const { id, taskId, group, index, seed, temperature, thinkingBudget } = requests.find((request) => request.id === rollout.id)!;
      assert.deepEqual(
        { id, taskId, group, index, seed, temperature, promptTokens },
        {
          id: rollout.id,
          taskId: rollout.taskId,
          group: rollout.group,
          index: rollout.index,
          seed: rollout.seed,
          temperature: rollout.temperature,
          promptTokens: rollout.promptTokens,
        },
      );
      assert.equal(rollout.thinking.budget, thinkingBudget);
      assert.equal(rollout.tokens.at(-1) === tinyTokenizer.endOfTurnId, rollout.finish === "stop");
      const body = [...rollout.tokens].filter((token) => token !== tinyTokenizer.endOfTurnId);
      if (rollout.tokens[0] !== tinyTokenizer.thinkOpenId) assert.equal(rollout.answerText, tinyTokenizer.decode(body));
    }
  });

  test("closes thinking at the budget and tells it from the policy's own", async () => {
    // Of responses that open with <think>, found by looking at many first tokens, at a temperature at which all tokens are likely.
    const temperature = 10;
    const first = await collected(backend.sample(requestsFor(Array.from({ length: 400 }, () => ({ maxNewTokens: 1, temperature })))));
    const thinkers = first.filter(({ tokens }) => tokens[0] === tinyTokenizer.thinkOpenId).map(({ id }) => id);
    assert.ok(thinkers.length > 0);
    const rollouts = await collected(
      backend.sample(requestsFor(thinkers.map((id) => ({ id, maxNewTokens: 30, thinkingBudget: 2, temperature })))),
    );
    for (const { tokens, chosen, logProbs, thinking } of rollouts.filter(({ tokens }) => tokens.length > 3)) {
      assert.deepEqual([tokens[3], chosen[3], thinking.tokens, thinking.closedBy], [tinyTokenizer.thinkCloseId, 0, 2, "budget"]);
      assert.deepEqual(
        [...logProbs.keys()].filter((i) => Number.isNaN(logProbs[i])),
        [3],
      );
    }
  });

  test("stops when its signal aborts, and samples again afterwards", async () => {
    await using endlessBackend = openBackend({ numThreads: 2, maxSequences: 4 }, endless);
    const controller = new AbortController();
    const finishes: string[] = [];
    for await (const { finish } of endlessBackend.sample(requestsFor([{ maxNewTokens: 2 }, ...endlessRequests]), controller.signal)) {
      finishes.push(finish);
      controller.abort();
    }
    assert.deepEqual(finishes, ["length", "cancelled", "cancelled", "cancelled", "cancelled"]);
    const again = await collected(endlessBackend.sample(requestsFor([{ maxNewTokens: 2 }])));
    assert.notEqual(again[0]!.finish, "cancelled");
    const [never] = await collected(endlessBackend.sample(requestsFor([{}]), AbortSignal.abort()));
    assert.equal(never!.finish, "cancelled");
  });

  test("lets go of the engines when its reader leaves early", async () => {
    await using endlessBackend = openBackend({ numThreads: 2 }, endless);
    await step(endlessBackend); // what is compiled once
    const usedMs = await processCpuMsOf(async () => {
      for await (const _ of endlessBackend.sample(requestsFor([{ maxNewTokens: 1 }, ...endlessRequests]))) break;
      await step(endlessBackend);
    });
    assert.ok(usedMs < letGoCpuMs, `${usedMs} ms`);
  });

  test("has nothing to give for no requests", async () => {
    assert.deepEqual(await collected(backend.sample([])), []);
  });

  const wrong: readonly [string, Partial<SampleRequest>][] = [
    ["a prompt must have at least one token, got none", { promptTokens: new Int32Array() }],
    ["a prompt must leave room in the policy's 256 positions, got 256 tokens", { promptTokens: new Int32Array(256) }],
    ["tokens must be in 0..63, got 64", { promptTokens: Int32Array.of(1, 64) }],
    ["tokens must be in 0..63, got -1", { promptTokens: Int32Array.of(-1) }],
    ["temperature must be 0 or more, got -0.1", { temperature: -0.1 }],
    ["temperature must be 0 or more, got NaN", { temperature: Number.NaN }],
    ["topK must be a whole number from 1 on, got 0", { topK: 0 }],
    ["topP must be more than 0 and at most 1, got 0", { topP: 0 }],
    ["topP must be more than 0 and at most 1, got 1.5", { topP: 1.5 }],
    ["maxNewTokens must be a whole number from 1 on, got 0", { maxNewTokens: 0 }],
    ["maxNewTokens must be a whole number from 1 on, got 2.5", { maxNewTokens: 2.5 }],
    ["thinkingBudget must be a whole number from 0 on, got -1", { thinkingBudget: -1 }],
    ['seed must be 48 hexadecimal digits, got "12"', { seed: "12" }],
  ];
  test("refuses what it cannot do, and samples nothing of the list", async () => {
    for (const [rule, about] of wrong) {
      await assert.rejects(collected(backend.sample(requestsFor([{}, about]))), (error) => {
        return error instanceof ConfigError && error.message === `sample: ${rule} (request "r1")`;
      });
    }
    assert.equal((await collected(backend.sample(requestsFor([{ maxNewTokens: 1 }])))).length, 1);
  });
});

/** The engines' threads. */
function threadsOf(backend: EmbeddedBackend): Worker[] {
  const { engines } = backend as unknown as { engines: { engines: readonly { worker: Worker }[] } };
  return engines.engines.map(({ worker }) => worker);
}

/** Not a message of the protocol: the thread throws outside every call. */
function breakThread(backend: EmbeddedBackend, thread: number): void {
  threadsOf(backend)[thread]!.postMessage(null);
}

describe("a backend whose engine fails", () => {
  test("reports a graph that cannot be built or run, drops the gradient, and goes on", async (t) => {
    await using backend = openBackend();
    const noScalar: Loss = { ...weightedCrossEntropy, name: "no scalar", build: (inputs) => ({ loss: inputs.logProb_N, metrics: {} }) };
    await assert.rejects(backend.forwardBackward(batch, noScalar), /the loss must be a scalar/);
    await backend.forwardBackward(batch, weightedCrossEntropy);
    const foreign = { samples: batch.samples.map((sample) => ({ ...sample, tokens: sample.tokens.map(() => 1000) })) };
    await assert.rejects(backend.forwardBackward(foreign, weightedCrossEntropy), EngineError);
    await step(backend, otherBatch);
    await using fresh = openBackend();
    await step(fresh, otherBatch);
    assert.deepEqual(await stateOf(backend, t), await stateOf(fresh, t));
  });

  const isThreadFailure = (error: unknown): boolean =>
    error instanceof EngineError && /thread failed: .*; resume the run from its last checkpoint/.test(error.message);

  test("fails every open and later call when a thread dies", { timeout: 60_000 }, async () => {
    for (const victim of [0, 1]) {
      const backend = openBackend({ numThreads: 2 }, endless);
      await backend.digests();
      const failed = assert.rejects(collected(backend.sample(requestsFor(endlessRequests))), isThreadFailure);
      breakThread(backend, victim);
      await failed;
      await assert.rejects(backend.forwardBackward(batch, weightedCrossEntropy), EngineError);
      await assert.rejects(collected(backend.sample(requestsFor(endlessRequests))), EngineError);
      await backend[Symbol.asyncDispose]();
    }
  });

  test("tells a reader who was busy when the thread died", { timeout: 60_000 }, async () => {
    const backend = openBackend({ numThreads: 2 }, endless);
    const responses = backend.sample(requestsFor([{ maxNewTokens: 1 }, ...endlessRequests]));
    await responses.next();
    const ended = new Promise((resolve) => threadsOf(backend)[0]!.once("exit", resolve));
    breakThread(backend, 0);
    await ended;
    await assert.rejects(responses.next(), isThreadFailure);
    await backend[Symbol.asyncDispose]();
  });

  test("keeps its parameters to save when its threads have ended", async (t) => {
    const backend = openBackend({ numThreads: 2 });
    await step(backend);
    const before = await stateOf(backend, t);
    for (const thread of threadsOf(backend)) await thread.terminate();
    await assert.rejects(backend.forwardBackward(batch, weightedCrossEntropy), /thread ended with code 1; resume the run/);
    assert.deepEqual(await stateOf(backend, t), before);
    await backend[Symbol.asyncDispose]();
  });
});

describe("disposing", () => {
  test("cancels what is being sampled", { timeout: 60_000 }, async () => {
    const backend = openBackend({}, endless);
    await backend.digests();
    const rollouts = collected(backend.sample(requestsFor(endlessRequests)));
    await new Promise(setImmediate); // by now the request is on its way
    await backend[Symbol.asyncDispose]();
    assert.deepEqual(new Set((await rollouts).map(({ finish }) => finish)), new Set(["cancelled"]));
  });

  test("may happen twice, also at once, and ends the backend", async () => {
    const backend = openBackend();
    await step(backend);
    await Promise.all([backend[Symbol.asyncDispose](), backend[Symbol.asyncDispose]()]);
    await backend[Symbol.asyncDispose]();
    await assert.rejects(backend.forwardBackward(batch, weightedCrossEntropy), /the engine was closed/);
    await assert.rejects(collected(backend.sample(requestsFor([{}]))), EngineError);
  });
});
