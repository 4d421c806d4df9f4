import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import type { Rollout } from "../../src/data/rollout.ts";
import { startVerifierPool } from "../../src/rewards/pool.ts";
import { inFixedOrder, type ScoredRollout, scoreRollout, scoreRollouts } from "../../src/rewards/score.ts";
import { locateVerifier } from "../../src/rewards/verifiable/open.ts";
import { aRollout, aTask } from "../support/rollouts.ts";
import { tempFolder } from "../support/tempFolder.ts";

const signal = new AbortController().signal;
const terms = [
  { verifier: "task", weight: 1 },
  { verifier: "thinking-format", weight: 0.5 },
];
const tasksById = new Map([
  ["sum", aTask({ id: "sum", verifier: "numeric", reference: { answer: "3" } })],
  ["word", aTask({ id: "word", verifier: "exact", reference: { answer: "yes" } })],
]);

const builtIn = (numWorkers: number) =>
  startVerifierPool({
    verifiers: ["numeric", "exact", "thinking-format"].map((id) => ({ file: locateVerifier(id, "/"), deadlineMs: 2000 })),
    numWorkers,
  });

async function* each(rollouts: readonly Rollout[]): AsyncGenerator<Rollout> {
  yield* rollouts;
}

async function all(scored: AsyncIterable<ScoredRollout>): Promise<ScoredRollout[]> {
  const found: ScoredRollout[] = [];
  for await (const one of scored) found.push(one);
  return found;
}

describe("scoreRollout", () => {
  test("asks the task's own verifier and those of the terms, and composes what they say", async () => {
    await using pool = await builtIn(1);
    const rollout = aRollout({ answerText: "3", thinkingText: "1+<think>2" });
    const score = await scoreRollout({ task: tasksById.get("sum")!, rollout }, { pool, terms, seedWords: [1] }, signal);
    assert.deepEqual(Object.keys(score.verdicts), ["numeric", "thinking-format"]);
    // 1 * 1 + 0.5 * 2/3
    assert.deepEqual(score.reward, { kind: "scored", reward: 4 / 3, components: { numeric: 1, "thinking-format": 2 / 3 } });
  });

  test("gives each verifier a stream that run, verifier, task and rollout decide", async (t) => {
    const file = join(tempFolder(t), "dice.js");
    writeFileSync(
      file,
      `export default { id: "dice", version: 1, checks: "form", reference: { parse: (v) => v },
        verify: (_, { rng }) => ({ kind: "scored", score: rng.uniform(), evidence: rng.seed }) };`,
    );
    await using pool = await startVerifierPool({ verifiers: [{ file, deadlineMs: 2000 }], numWorkers: 1 });
    const task = aTask({ id: "game", verifier: "dice", reference: 0 });
    const scoring = { pool, terms: [{ verifier: "task", weight: 1 }], seedWords: ["run", 5] };
    const { reward } = await scoreRollout({ task, rollout: aRollout({ id: "7.0.1" }) }, scoring, signal);
    const { seed, uniform } = rngFor("run", 5, "dice", "game", "7.0.1");
    assert.ok(reward.kind === "scored" && reward.reward === uniform(), seed);
  });
});

describe("scoreRollouts", () => {
  test("scores every rollout but the cancelled, and says whose score is whose", async () => {
    await using pool = await builtIn(2);
    const rollouts = Array.from({ length: 40 }, (_, i) =>
      aRollout({
        id: `0.${i >> 2}.${i % 4}`,
        taskId: i % 2 === 0 ? "sum" : "word",
        group: i >> 2,
        index: i % 4,
        answerText: i % 3 === 0 ? "3" : "yes",
        finish: i === 5 ? "cancelled" : "stop",
      }),
    );
    const scored = await all(
      scoreRollouts(each(rollouts), { pool, terms: [{ verifier: "task", weight: 1 }], seedWords: [], tasksById }, signal),
    );
    assert.equal(scored.length, 39);
    const ordered = inFixedOrder(scored);
    assert.deepEqual(
      ordered.map(({ rollout }) => rollout.id),
      rollouts.filter((_, i) => i !== 5).map(({ id }) => id),
    );
    for (const { rollout, reward } of scored) {
      const right = (rollout.taskId === "sum") === (rollout.answerText === "3");
      assert.ok(reward.kind === "scored" && reward.reward === (right ? 1 : 0), rollout.id);
    }
  });

  test("scores while others are still being sampled", async () => {
    await using pool = await builtIn(1);
    const firstScored = Promise.withResolvers<void>();
    async function* sampling(): AsyncGenerator<Rollout> {
      yield aRollout({ id: "a", taskId: "sum", answerText: "3" });
      await firstScored.promise; // would wait for ever, were scores held back until sampling ends
      yield aRollout({ id: "b", taskId: "sum", index: 1 });
    }
    const ids: string[] = [];
    for await (const { rollout } of scoreRollouts(sampling(), { pool, terms, seedWords: [], tasksById }, signal)) {
      ids.push(rollout.id);
      firstScored.resolve();
    }
    assert.deepEqual(ids, ["a", "b"]);
  });

  test("gives results in order of completion, which `inFixedOrder` takes away", async (t) => {
    const folder = join(tempFolder(t), "gate");
    mkdirSync(folder);
    const file = join(folder, "..", "gate.js");
    // "wait" has a verdict only after "open" was scored by the other worker.
    writeFileSync(
      file,
      `import { readdirSync, writeFileSync } from "node:fs";
      export default { id: "gate", version: 1, checks: "form", reference: { parse: (v) => v }, async verify({ answer }) {
        if (answer === "open") setTimeout(() => writeFileSync(${JSON.stringify(join(folder, "open"))}, ""), 50);
        else while (readdirSync(${JSON.stringify(folder)}).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        return { kind: "scored", score: 1, evidence: answer };
      } };`,
    );
    await using pool = await startVerifierPool({ verifiers: [{ file, deadlineMs: 5000 }], numWorkers: 2 });
    const tasks = new Map([["t", aTask({ id: "t", verifier: "gate", reference: 0 })]]);
    const rollouts = ["wait", "open"].map((answerText, index) => aRollout({ id: answerText, taskId: "t", index, answerText }));
    const scoring = { pool, terms: [{ verifier: "task", weight: 1 }], seedWords: [], tasksById: tasks };
    const scored = await all(scoreRollouts(each(rollouts), scoring, signal));
    assert.deepEqual(
      scored.map(({ rollout }) => rollout.id),
      ["open", "wait"],
    );
    assert.deepEqual(
      inFixedOrder(scored).map(({ rollout }) => rollout.id),
      ["wait", "open"],
    );
    assert.equal(readdirSync(folder).length, 1);
  });

  test("passes on what goes wrong while sampling, and an abort", async () => {
    await using pool = await builtIn(1);
    async function* failing(): AsyncGenerator<Rollout> {
      yield aRollout({ taskId: "sum" });
      throw new Error("the engine died");
    }
    await assert.rejects(all(scoreRollouts(failing(), { pool, terms, seedWords: [], tasksById }, signal)), /the engine died/);
    const stop = new AbortController();
    async function* stopping(): AsyncGenerator<Rollout> {
      stop.abort(new Error("enough"));
      yield aRollout({ taskId: "sum" });
      yield aRollout({ taskId: "sum", index: 1 });
    }
    await assert.rejects(all(scoreRollouts(stopping(), { pool, terms, seedWords: [], tasksById }, stop.signal)), /enough/);
  });

  test("ends the source and the calls when nobody reads on", async () => {
    await using pool = await builtIn(1);
    let ended = false;
    async function* endless(): AsyncGenerator<Rollout> {
      try {
        for (let index = 0; ; index++) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield aRollout({ id: `${index}`, taskId: "sum", index });
        }
      } finally {
        ended = true;
      }
    }
    for await (const { rollout } of scoreRollouts(endless(), { pool, terms, seedWords: [], tasksById }, signal)) {
      if (rollout.index >= 3) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(ended);
  });
});
