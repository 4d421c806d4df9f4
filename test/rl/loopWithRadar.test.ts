// The loop with a reward that has a hole: it pays for the right token anywhere in the response, where a held-out verifier wants it first.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { RolloutScore } from "../../src/rewards/score.ts";
import { unlistedMetrics } from "../support/metricsPage.ts";
import { scored } from "../support/rollouts.ts";
import { aRecord, configure, restarted, type ScoreRollout, train } from "../support/tabularRun.ts";

const about = (action: string) =>
  configure({
    steps: 60,
    learningRate: 0.2,
    maxNewTokens: 8,
    radar: { verifier: "first", windowSteps: 5 },
    alarms: { hack: { action }, flatGroups: { action: "off" }, entropy: { action: "off" } },
  });
const terms = [{ verifier: "anywhere", weight: 1 }];
const verdicts = (anywhere: number, first: number): RolloutScore => ({
  verdicts: { anywhere: scored(anywhere), first: scored(first) },
  reward: { kind: "scored", reward: anywhere, components: {} },
});
const flawed: ScoreRollout = async ({ rollout: { tokens } }) => verdicts(tokens.includes(6) ? 1 : 0, tokens[0] === 6 ? 1 : 0);
const honest: ScoreRollout = async ({ rollout: { tokens } }) => verdicts(tokens[0] === 6 ? 1 : 0, tokens[0] === 6 ? 1 : 0);

describe("trainPolicy, with a radar", () => {
  test("says that the reward is won without the thing", async () => {
    const { record } = await train({ config: about("warn"), deps: { score: flawed, terms } });
    const told = record.steps.flatMap(({ step, notes }) => (notes.some((note) => note.startsWith('alarm "hack"')) ? [step] : []));
    assert.ok(told.length > 0 && told[0]! < 40, `told at ${told}`);
    const last = record.steps.at(-1)!.metrics;
    assert.ok(last["reward"]! - last["radar/heldOut"]! > 0.2, JSON.stringify(last));
    assert.deepEqual(unlistedMetrics(Object.keys(last)), []);
  });

  test("is quiet about a reward that means what it says", async () => {
    const { record } = await train({ config: about("warn"), deps: { score: honest, terms } });
    const causes = record.steps.flatMap(({ notes }) => notes.filter((note) => /differ|fell/.test(note)));
    assert.deepEqual(causes, []);
    assert.ok(record.steps.at(-1)!.metrics["radar/heldOut"]! > 0.9);
  });

  test("ends where the undisturbed run ends after it was killed, with the same alarms", async () => {
    const config = about("slow");
    const deps = { score: flawed, terms };
    const undisturbed = await train({ config, deps });
    const killed = aRecord();
    const crash: ScoreRollout = async (asked, signal) => {
      if (asked.rollout.id.startsWith("20.2.")) throw new Error("killed");
      return flawed(asked, signal);
    };
    await assert.rejects(train({ config, record: killed, deps: { ...deps, score: crash } }), /killed/);
    const resumed = await train({ ...(await restarted(killed)), config, deps });
    assert.equal(resumed.record.chain, undisturbed.record.chain);
    assert.deepEqual(
      resumed.record.steps.map(({ notes }) => notes),
      undisturbed.record.steps.map(({ notes }) => notes),
    );
    assert.ok(undisturbed.record.steps.at(-1)!.guard.learningRateScale < 1);
  });
});
