import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { initialGuard } from "../../src/optim/guard.ts";
import type { PolicyBackend } from "../../src/policy/backend.ts";
import { initialAlarms } from "../../src/rl/alarms.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { type CreditedGroups, creditGroups, learnFrom } from "../../src/rl/update.ts";
import type { StepWatch } from "../../src/rl/watch.ts";
import { aRollout, aScoredRollout, scored } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const uniform = -Math.log(8); // what an untrained table of eight tokens gives each of them
const configure = (changes: object = {}): RlConfig =>
  RlConfig.parse({ steps: 1, tasksPerStep: 4, minibatchTasks: 2, maxNewTokens: 2, learningRate: 0.1, warmupSteps: 0, ...changes });
const config = configure();
const watch: StepWatch = {
  step: 0,
  config: config.alarms,
  areVerdictsCarried: false,
  state: { alarms: initialAlarms, radar: undefined },
  alarms: [],
};
const hasLearned = () => true;
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

function learn(groups: CreditedGroups, policy = new TabularPolicy(8), changes: object = {}) {
  const config = configure(changes);
  const watched = { ...watch, config: config.alarms };
  return learnFrom(groups, { policy, config, seed: 7, clock, step: 0, guard: initialGuard, watch: watched, hasLearned });
}

describe("creditGroups", () => {
  const member = aScoredRollout(scored(1));
  const three = [
    [member, member],
    [member, member],
    [member, member],
  ];
  const credits = [
    { kind: "trained", advantages: [0.5, undefined] },
    { kind: "flat", advantages: [0, undefined] },
    { kind: "dropped" },
  ] as const;

  test("puts advantages beside trained members only", () => {
    const groups = creditGroups(three.slice(0, 2), { credits, config: configure({}) });
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

  for (const about of [{ entropy: { kind: "bonus", weight: 0.01 } }, { kl: { kind: "loss", weight: 0.01 } }]) {
    test(`has flat groups learned from where a term of the loss needs no advantage: ${Object.keys(about)}`, () => {
      const groups = creditGroups(three, { credits, config: configure(about) });
      assert.deepEqual(
        groups.map((members) => members.map(({ advantage }) => advantage)),
        [
          [0.5, undefined],
          [0, undefined],
          [undefined, undefined],
        ],
      );
    });
  }
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
    const learned = await learn([[...pair(), ...pair(uniform + 0.0625)], flat, flat, flat]);
    assert.ok(learned.kind === "learned");
    assert.deepEqual(learned.notes, [
      "log-probabilities recomputed in training differ from the sampled ones in 50.0 % of the tokens, by up to 0.0625",
    ]);
  });

  test("asks the policy where no update compares, and notes the same", async () => {
    const flatBut = (logProb: number) => pair(logProb).map(({ advantage: _, ...member }) => member);
    const [sound, faulty] = [await learn([flatBut(uniform)]), await learn([flatBut(uniform), flatBut(uniform + 0.0625)])];
    assert.ok(sound.kind === "learned" && faulty.kind === "learned");
    assert.deepEqual([sound.metrics["mismatchMax"], sound.notes], [0, []]);
    assert.deepEqual([faulty.metrics["mismatchMax"], faulty.metrics["mismatchShare"], faulty.notes.length], [0.0625, 0.5, 1]);
  });

  test("does not learn where they are too far from what it computes itself and the recipe says so", async () => {
    const policy = new TabularPolicy(8);
    // half of the tokens are off by 1/4: (1 + e^(1/4)) / 2 = 1.142
    const about = { alarms: { mismatch: { action: "skip" } } };
    const learned = await learn([[...pair(), ...pair(uniform + 0.25)], flat, flat, flat], policy, about);
    assert.ok(learned.kind === "learned");
    assert.deepEqual(policy.parameters, new Float32Array(64));
    assert.deepEqual([learned.metrics["skippedUpdates"], learned.guard.skippedInARow, learned.watch.alarms.length], [1, 1, 1]);
    assert.match(learned.notes.join(), /update skipped: alarm "mismatch": .* mean exp \|log w\| is 1\.142, more than 1\.05/);
    // what the alarm saw is told all the same
    assert.deepEqual([learned.metrics["mismatchMax"], learned.metrics["mismatchShare"]], [0.25, 0.5]);
    assert.ok(Math.abs(learned.metrics["mismatchFactor"]! - 1.142) < 1e-3 && learned.metrics["gradNorm"]! > 0);
  });

  test("does not take the step's other updates either", async () => {
    const policy = new TabularPolicy(8);
    const groups = [[...pair(), ...pair(uniform + 0.25)], flat, pair(), flat]; // the second minibatch is as it should be
    const learned = await learn(groups, policy, { alarms: { mismatch: { action: "skip" } } });
    assert.ok(learned.kind === "learned");
    assert.deepEqual(policy.parameters, new Float32Array(64));
    assert.deepEqual([learned.metrics["updates"], learned.metrics["skippedUpdates"], learned.guard.skippedInARow], [0, 1, 1]);
  });

  test("shows the alarms the first update that the guard trusts", async () => {
    const broken = pair().map((member) => ({ ...member, advantage: Number.NaN }));
    const learned = await learn([broken, flat, [...pair(), ...pair(uniform + 0.25)], flat]);
    assert.ok(learned.kind === "learned");
    assert.deepEqual([learned.metrics["updates"], learned.metrics["skippedUpdates"]], [1, 1]);
    assert.deepEqual(
      learned.watch.alarms.map(({ alarm }) => alarm),
      ["mismatch"],
    );
  });

  test("slows down from the update after the one that raised the alarm, and says what the last one was applied with", async () => {
    const off = [...pair(), ...pair(uniform + 0.25)];
    const about = { alarms: { mismatch: { action: "slow" }, slowFactor: 0.5 } };
    const [one, two] = [await learn([off, flat, flat, flat], undefined, about), await learn([off, flat, pair(), flat], undefined, about)];
    assert.ok(one.kind === "learned" && two.kind === "learned");
    assert.deepEqual([one.metrics["learningRate"], one.guard.learningRateScale], [0.1, 0.5]);
    assert.deepEqual([two.metrics["learningRate"], two.guard.learningRateScale], [0.05, 0.5]);
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
    const back = await learnFrom([[aScoredRollout(scored(1), { rollout: broken })]], {
      policy,
      config,
      seed: 7,
      clock,
      step: 0,
      guard: suspected,
      watch,
      hasLearned,
    });
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

describe("learnFrom, several times over", () => {
  test("takes an update for each minibatch in every pass, and says of the first what was sampled and of the last how far it went", async () => {
    const learned = await learn([pair(), pair(), pair(), pair()], undefined, { innerEpochs: 3 });
    assert.ok(learned.kind === "learned");
    const { metrics } = learned;
    assert.deepEqual([metrics["updates"], metrics["trainedTokens"], metrics["mismatchMax"]], [6, 24, 0]);
    assert.ok(metrics["kl/last"]! > metrics["kl"]! && metrics["kl"]! > 0);
    assert.ok(metrics["ratioMax"]! > 1 && metrics["ratioMin"]! < 1 && metrics["ratioEss"]! < 1);
  });

  test("goes on to the same policy as taking the passes by hand", async () => {
    const [once, byHand] = [new TabularPolicy(8), new TabularPolicy(8)];
    await learn([pair(), pair(), flat, flat], once, { innerEpochs: 2 });
    for (const _ of [1, 2]) await learn([pair(), pair(), flat, flat], byHand);
    assert.deepEqual(once.parameters, byHand.parameters);
  });

  test("does not go on past a clip that holds every token", async () => {
    const [few, many] = [new TabularPolicy(8), new TabularPolicy(8)];
    const tight = { objective: { kind: "clip", below: 1e-6, above: 1e-6 }, adam: { beta1: 0, weightDecay: 0 } };
    await learn([pair(), flat, flat, flat], few, { ...tight, innerEpochs: 1 });
    const learned = await learn([pair(), flat, flat, flat], many, { ...tight, innerEpochs: 4 });
    assert.ok(learned.kind === "learned");
    assert.deepEqual(many.parameters, few.parameters);
    assert.equal(learned.metrics["clippedAbove"]! + learned.metrics["clippedBelow"]!, 3 / 4);
  });
});

describe("learnFrom with a correction", () => {
  test("changes nothing where the policy itself sampled", async () => {
    const [plain, corrected] = [new TabularPolicy(8), new TabularPolicy(8)];
    await learn([pair(), pair(), flat, flat], plain);
    const learned = await learn([pair(), pair(), flat, flat], corrected, {
      ...{ steps: 2, sampling: { lag: 1 } },
      correction: { kind: "truncated" },
    });
    assert.ok(learned.kind === "learned");
    assert.deepEqual(corrected.parameters, plain.parameters);
    assert.deepEqual([learned.metrics["correction/weight"], learned.metrics["correction/ess"]], [1, 1]);
  });
});

describe("learnFrom, refused by the guard", () => {
  test("tells the numbers of the update that was not applied", async () => {
    const learned = await learn([pair(), pair()], new TabularPolicy(8, { faultAt: () => true }), { tasksPerStep: 2 });
    assert.ok(learned.kind === "learned");
    const { updates, skippedUpdates, mismatchMax, mismatchShare, entropy, gradNorm } = learned.metrics;
    assert.deepEqual([updates, skippedUpdates, mismatchMax, mismatchShare], [0, 1, 0, 0]);
    assert.ok(entropy! > 0 && !Number.isFinite(gradNorm!), `${entropy} and ${gradNorm}`);
  });
});

describe("learnFrom with covariance control", () => {
  test("repeats itself, and draws other tokens for another seed", async () => {
    const about = { entropy: { kind: "clip-cov", share: 0.25, min: -9, max: 9 } };
    const policies = await Promise.all(
      [1, 1, 2, 3].map(async (seed) => {
        const policy = new TabularPolicy(8);
        await learnFrom([pair(), pair(), pair(), pair()], {
          policy,
          config: configure(about),
          seed,
          clock,
          step: 0,
          guard: initialGuard,
          watch,
          hasLearned,
        });
        return policy.parameters.join();
      }),
    );
    assert.equal(policies[0], policies[1]);
    assert.ok(new Set(policies).size > 1);
  });

  test("draws other tokens for every pass over the same batch", async () => {
    const kept: string[] = [];
    const policy = new TabularPolicy(8);
    const seen: PolicyBackend["forwardBackward"] = (batch, loss) => {
      kept.push(batch.samples.flatMap(({ columns }) => [...columns["kept"]!]).join());
      return TabularPolicy.prototype.forwardBackward.call(policy, batch, loss);
    };
    policy.forwardBackward = seen;
    const groups = Array.from({ length: 8 }, () => pair());
    await learn(groups, policy, {
      tasksPerStep: 8,
      minibatchTasks: 8,
      innerEpochs: 4,
      entropy: { kind: "clip-cov", share: 0.25, min: -9, max: 9 },
    });
    assert.equal(kept.length, 4);
    assert.ok(new Set(kept).size > 1, kept[0]);
  });

  test("holds the tokens that kl-cov takes nearer to where they were", async () => {
    const about = { minibatchTasks: 4, innerEpochs: 8, objective: { kind: "reinforce" } };
    const [free, held] = [new TabularPolicy(8), new TabularPolicy(8)];
    await learn([pair(), pair(), pair(), pair()], free, about);
    await learn([pair(), pair(), pair(), pair()], held, { ...about, entropy: { kind: "kl-cov", share: 1, weight: 10 } });
    const far = (policy: TabularPolicy): number => Math.max(...policy.parameters.map(Math.abs));
    assert.ok(far(held) < 0.8 * far(free), `${far(held)} and ${far(free)}`);
  });
});
