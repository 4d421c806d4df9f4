import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { initialGuard } from "../../src/optim/guard.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { type CreditedGroups, creditGroups, learnFrom } from "../../src/rl/update.ts";
import { aRollout, aScoredRollout, scored } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const uniform = -Math.log(8); // what an untrained table of eight tokens gives each of them
const config = RlConfig.parse({ steps: 1, tasksPerStep: 4, minibatchTasks: 2, maxNewTokens: 2, learningRate: 0.1, warmupSteps: 0 });
const clock = { nowMs: () => 0, elapsedMs: () => 0 };

/** A group of two: one token each, one better than the other. */
function pair(logProb = uniform): CreditedGroups[number] {
  const rollout = (token: number) => aRollout({ tokens: Int32Array.of(token), logProbs: Float32Array.of(logProb) });
  return [
    { ...aScoredRollout(scored(1), { rollout: rollout(5) }), advantage: 1 },
    { ...aScoredRollout(scored(0), { rollout: rollout(6) }), advantage: -1 },
  ];
}
/** A group that teaches nothing. */
const flat: CreditedGroups[number] = [aScoredRollout(scored(1)), aScoredRollout(scored(1))];

function learn(groups: CreditedGroups, policy = new TabularPolicy(8)) {
  return learnFrom(groups, { policy, config, clock, step: 0, guard: initialGuard });
}

describe("creditGroups", () => {
  test("puts advantages beside trained members only", () => {
    const member = aScoredRollout(scored(1));
    const groups = creditGroups(
      [
        [member, member],
        [member, member],
      ],
      [{ kind: "trained", advantages: [0.5, undefined] }, { kind: "flat" }],
    );
    assert.deepEqual(
      groups.map((members) => members.map((each) => each.advantage)),
      [
        [0.5, undefined],
        [undefined, undefined],
      ],
    );
    assert.deepEqual(
      groups.map((members) => members.map((each) => "advantage" in each)),
      [
        [true, false],
        [false, false],
      ],
    );
  });
});

describe("learnFrom", () => {
  test("updates once for each minibatch that has something to learn from", async () => {
    const counts = await Promise.all(
      [
        [pair(), pair(), pair(), pair()],
        [pair(), flat, flat, flat],
        [flat, flat, flat, flat],
      ].map(async (groups) => {
        const learned = await learn(groups);
        assert.ok(learned.kind === "learned");
        return [learned.metrics["updates"], learned.metrics["trainedTokens"]];
      }),
    );
    assert.deepEqual(counts, [
      [2, 8],
      [1, 2],
      [0, 0],
    ]);
  });

  test("makes the better token more likely and the worse one less", async () => {
    const policy = new TabularPolicy(8);
    await learn([pair(), flat, flat, flat], policy);
    const afterPrompt = policy.parameters.subarray(4 * 8, 5 * 8);
    assert.ok(afterPrompt[5]! > 0 && afterPrompt[6]! < 0);
  });

  test("has nothing to note when sampling and training agree", async () => {
    const learned = await learn([pair(), flat, flat, flat]);
    assert.ok(learned.kind === "learned");
    assert.deepEqual([learned.notes, learned.metrics["mismatchMax"]], [[], 0]);
  });

  test("notes log-probabilities that sampling recorded otherwise", async () => {
    const learned = await learn([[...pair(), ...pair(uniform + 0.25)], flat, flat, flat]);
    assert.ok(learned.kind === "learned");
    assert.deepEqual(learned.notes, [
      "log-probabilities recomputed in training differ from the sampled ones in 50.0 % of the tokens, by up to 0.250",
    ]);
  });

  test("learns nothing from log-probabilities that are no numbers, not even where no group prefers anything", async () => {
    const policy = new TabularPolicy(8);
    const broken = aRollout({ tokens: Int32Array.of(5, 6), logProbs: Float32Array.of(-1, Number.NaN) });
    const learned = await learn([pair(), [aScoredRollout(scored(1), { rollout: broken })], flat, flat], policy);
    assert.ok(learned.kind === "learned");
    assert.deepEqual([learned.metrics["updates"], learned.metrics["skippedUpdates"], learned.guard.skippedInARow], [0, 1, 1]);
    assert.deepEqual(learned.notes, ["update skipped: log-probabilities of 1 of 12 sampled tokens are not finite"]);
    assert.deepEqual(policy.parameters, new Float32Array(64));
    const suspected = { ...initialGuard, skippedInARow: config.stability.maxSkippedInARow - 1 };
    const back = await learnFrom([[aScoredRollout(scored(1), { rollout: broken })]], { policy, config, clock, step: 0, guard: suspected });
    assert.equal(back.kind, "untrusted");
  });

  test("takes a forced token, which has no log-probability, for what it is", async () => {
    const [better, worse] = pair() as [CreditedGroups[number][number], CreditedGroups[number][number]];
    const forced = { tokens: Int32Array.of(5, 1), logProbs: Float32Array.of(uniform, Number.NaN), chosen: Uint8Array.of(1, 0) };
    const learned = await learn([[{ ...better, rollout: aRollout(forced) }, worse], flat, flat, flat]);
    assert.ok(learned.kind === "learned");
    assert.equal(learned.metrics["updates"], 1);
  });

  test("gives each token the advantage that a critic gave it", async () => {
    const [member] = pair() as [CreditedGroups[number][number]];
    const rollout = aRollout({ tokens: Int32Array.of(5, 6), logProbs: Float32Array.of(uniform, uniform) });
    const policy = new TabularPolicy(8);
    await learn([[{ ...member, rollout, advantage: 0, tokenAdvantages: Float64Array.of(1, -1) }], flat, flat, flat], policy);
    // token 5 after the prompt's 4 becomes likelier, token 6 after 5 less likely
    assert.ok(policy.parameters[4 * 8 + 5]! > 0 && policy.parameters[5 * 8 + 6]! < 0);
  });

  test("remembers norms in the guard, one for each update", async () => {
    const learned = await learn([pair(), pair(), pair(), flat]);
    assert.equal(learned.guard.gradNorms.length, 2);
  });
});
