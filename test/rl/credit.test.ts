import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { PolicyBackend } from "../../src/policy/backend.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { comparedGroups, creditStep } from "../../src/rl/credit.ts";
import { nothingMissing } from "../../src/rl/stepLogProbs.ts";
import { aRollout, aScoredRollout, scored, unscorable } from "../support/rollouts.ts";

const configure = (about: object): RlConfig => RlConfig.parse({ steps: 9, learningRate: 0.1, maxNewTokens: 40, ...about });
const budgets = { kind: "budgets", grid: [16], overrunPenalty: 0.5 };

/** Two right answers of the same verdict; the budget closed the thinking of the second, which halves what it earns. */
const inTime = aScoredRollout(scored(1), { rollout: aRollout({ thinking: { tokens: 9, closedBy: "policy", budget: 16 } }) });
const forced = aScoredRollout(scored(1), { rollout: aRollout({ thinking: { tokens: 16, closedBy: "budget", budget: 16 } }) });
const group = [inTime, forced];
const terms = Object.keys(inTime.verdicts).map((verifier) => ({ verifier, weight: 1 }));

/** A critic that expects nothing. */
const blank: Pick<PolicyBackend, "forward"> = {
  forward: async (samples) =>
    samples.map(({ targets: { length } }) => ({
      logProb: new Float32Array(length),
      entropy: new Float32Array(length),
      value: new Float32Array(length),
    })),
};

describe("creditStep, without a critic", () => {
  const advantagesOf = async (about: object) => {
    const place = { config: configure(about), terms, critic: undefined, isPretraining: false, logProbs: nothingMissing };
    return (await creditStep([group], place)).groups[0]!.map(({ advantage }) => advantage);
  };

  test("prices what a budget cut short before the group is compared", async () => {
    // learned rewards 1 and 0.5, mean 0.75
    assert.deepEqual(await advantagesOf({ advantages: { kind: "dr-grpo" }, thinking: budgets }), [0.25, -0.25]);
  });

  test("prices it in every term of the reward where terms are compared by themselves", async () => {
    const [first, second] = await advantagesOf({ advantages: { kind: "gdpo" }, thinking: budgets });
    assert.ok(first! > 0 && second! < 0, `${first} and ${second}`);
  });

  test("finds nothing to prefer where thinking costs nothing", async () => {
    for (const kind of ["dr-grpo", "gdpo"]) assert.deepEqual(await advantagesOf({ advantages: { kind } }), [undefined, undefined], kind);
  });
});

describe("comparedGroups", () => {
  const [won, lost, failed] = [aScoredRollout(scored(1)), aScoredRollout(scored(0)), aScoredRollout(unscorable("crash"))];
  const groups = [
    [won, won],
    [won, lost],
    [failed, failed],
  ];

  test("calls a group flat whatever a critic or a divergence from the reference makes of it", () => {
    for (const about of [
      {},
      { advantages: { kind: "gae" } },
      { advantages: { kind: "rloo" }, kl: { kind: "reward", weight: 0.1 } },
      { advantages: { kind: "gdpo" } },
    ]) {
      assert.deepEqual(comparedGroups(groups, { config: configure(about), terms }), ["flat", "trained", "dropped"], JSON.stringify(about));
    }
    assert.deepEqual(comparedGroups([group], { config: configure({ thinking: budgets }), terms }), ["trained"]);
  });

  test("knows that a critic needs no second member", () => {
    assert.deepEqual(comparedGroups([[won], [failed]], { config: configure({ advantages: { kind: "gae", groupSize: 1 } }), terms }), [
      "trained",
      "dropped",
    ]);
  });
});

describe("creditStep", () => {
  test("hands a critic what is learned from, and keeps the rewards of the verdicts", async () => {
    const config = configure({
      advantages: { kind: "gae", whiten: false, lambdaPolicy: { kind: "constant", lambda: 1 } },
      thinking: budgets,
    });
    const critic = blank as PolicyBackend; // crediting needs no other verb
    const { groups, valued } = await creditStep([group], { config, terms, critic, isPretraining: false, logProbs: nothingMissing });
    assert.deepEqual(
      valued![0]!.map((member) => member!.returns[0]),
      [1, 0.5],
    );
    assert.deepEqual(
      groups[0]!.map(({ reward, advantage }) => [reward, advantage]),
      [
        [1, 1],
        [1, 0.5],
      ],
    );
  });
});
