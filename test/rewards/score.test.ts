import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { rngFor } from "../../src/base/rng.ts";
import { startVerifierPool } from "../../src/rewards/pool.ts";
import { scoreRollout } from "../../src/rewards/score.ts";
import { locateVerifier } from "../../src/rewards/verifiable/open.ts";
import { aRollout, aTask } from "../support/rollouts.ts";
import { tempFolder } from "../support/tempFolder.ts";

const signal = new AbortController().signal;
const terms = [
  { verifier: "task", weight: 1 },
  { verifier: "thinking-format", weight: 0.5 },
];
const sum = aTask({ id: "sum", verifier: "numeric", reference: { answer: "3" } });

const builtIn = () =>
  startVerifierPool({
    verifiers: ["numeric", "exact", "thinking-format"].map((id) => ({ file: locateVerifier(id, "/"), deadlineMs: 2000 })),
    numWorkers: 1,
  });

describe("scoreRollout", () => {
  test("asks the task's own verifier and those of the terms, and composes what they say", async () => {
    await using pool = await builtIn();
    const rollout = aRollout({ answerText: "3", thinkingText: "1+<think>2" });
    const score = await scoreRollout({ task: sum, rollout }, { pool, terms, seedWords: [1] }, signal);
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
