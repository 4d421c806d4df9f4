import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { initialGuard } from "../../src/optim/guard.ts";
import type { ForwardSample, PolicyBackend } from "../../src/policy/backend.ts";
import { RlConfig } from "../../src/rl/config.ts";
import { teachCritic, type ValuedGroups, valuedCredits, valueGroups } from "../../src/rl/critic.ts";
import type { GaeConfig } from "../../src/rl/gaeConfig.ts";
import type { RewardedRollout } from "../../src/rl/rollout.ts";
import { criticOf } from "../../src/train/backend.ts";
import { aRollout, aTask } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";
import { engineConfig, openBackend } from "../support/tinyBackend.ts";

function configOf(about: object = {}, rest: object = {}): { config: RlConfig; gae: GaeConfig } {
  const config = RlConfig.parse({
    steps: 9,
    maxNewTokens: 4,
    learningRate: 0.01,
    warmupSteps: 0,
    advantages: { kind: "gae", whiten: false, ...about },
    ...rest,
  });
  return { config, gae: config.advantages as GaeConfig };
}

/** After token 1 comes 2, then 3; the middle one may be forced. */
function member(reward: number | undefined, { isForced = false } = {}): RewardedRollout {
  const chosen = Uint8Array.of(1, isForced ? 0 : 1, 1);
  return {
    task: aTask(),
    rollout: aRollout({ promptTokens: Int32Array.of(1), tokens: Int32Array.of(2, 3, 4), chosen }),
    verdicts: {},
    reward,
  };
}

/** Values states by the number of tokens before the decision: 0.1 each. */
function fakeCritic(asked: ForwardSample[] = []): PolicyBackend {
  const forward: PolicyBackend["forward"] = async (samples) => {
    asked.push(...samples);
    return samples.map(({ targets }) => ({
      logProb: new Float32Array(targets.length),
      entropy: new Float32Array(targets.length),
      value: Float32Array.from(targets, (target) => target / 8), // exact in single precision
    }));
  };
  return { forward } as Partial<PolicyBackend> as PolicyBackend; // valuing needs no other verb
}

describe("valueGroups", () => {
  test("credits each decision by its own state, and gives the return to the critic", async () => {
    const { gae } = configOf({ lambdaPolicy: { kind: "constant", lambda: 0.5 } });
    const [[valued]] = (await valueGroups([[member(1)]], { critic: fakeCritic(), gae, isPretraining: false })) as [ValuedGroups[number]];
    assert.deepEqual(valued!.values, Float32Array.of(0.125, 0.25, 0.375));
    // deltas 0.125, 0.125, 0.625; A_1 = 0.125 + 0.3125, A_0 = 0.125 + 0.21875
    assert.deepEqual(valued!.advantages, Float64Array.of(0.34375, 0.4375, 0.625));
    assert.deepEqual(valued!.returns, Float64Array.of(1, 1, 1));
  });

  test("steps over forced tokens: they are no decisions, and the next state is that of the next decision", async () => {
    const { gae } = configOf({ lambdaPolicy: { kind: "constant", lambda: 0 } });
    const asked: ForwardSample[] = [];
    const groups = await valueGroups([[member(1, { isForced: true })]], { critic: fakeCritic(asked), gae, isPretraining: false });
    assert.deepEqual(asked[0]!.targets, Int32Array.of(1, 3));
    assert.deepEqual(groups[0]![0]!.advantages, Float64Array.of(0.375 - 0.125, 1 - 0.375));
  });

  test("leaves out what could not be scored, as if it had not been there", async () => {
    const { gae } = configOf({ whiten: true });
    const value = (groups: RewardedRollout[][]) => valueGroups(groups, { critic: fakeCritic(), gae, isPretraining: false });
    const [some, alone] = [
      await value([[member(0.5), member(undefined)], [member(undefined)], [member(1)]]),
      await value([[member(0.5)], [member(1)]]),
    ];
    assert.deepEqual([some[0]![0], some[2]![0]], [alone[0]![0], alone[1]![0]]);
    assert.deepEqual([some[0]![1], some[1]![0]], [undefined, undefined]);
    assert.deepEqual(
      valuedCredits(some).map(({ kind }) => kind),
      ["trained", "dropped", "trained"],
    );
  });

  test("whitens over all decisions of the step", async () => {
    const { gae } = configOf({ whiten: true });
    const groups = await valueGroups([[member(0)], [member(1, { isForced: true })]], { critic: fakeCritic(), gae, isPretraining: false });
    const all = groups.flat().flatMap((valued) => [...valued!.advantages]);
    assert.equal(all.length, 5);
    assert.ok(Math.abs(all.reduce((a, b) => a + b)) < 1e-9);
    assert.ok(Math.abs(all.reduce((sum, a) => sum + a * a, 0) / 4 - 1) < 1e-6);
  });

  test("learns whole returns while it is pretrained, whatever its own lambda", async () => {
    const { gae } = configOf({ lambdaCritic: 0 });
    const returns = async (isPretraining: boolean) =>
      (await valueGroups([[member(1)]], { critic: fakeCritic(), gae, isPretraining }))[0]![0]!.returns;
    assert.deepEqual(await returns(true), Float64Array.of(1, 1, 1));
    assert.deepEqual(await returns(false), Float64Array.of(0.25, 0.375, 1));
  });

  test("says the mean over its decisions of each member", async () => {
    const { gae } = configOf({ lambdaPolicy: { kind: "constant", lambda: 1 } });
    const [credit] = valuedCredits(await valueGroups([[member(1)]], { critic: fakeCritic(), gae, isPretraining: false }));
    assert.deepEqual(credit, { kind: "trained", advantages: [0.75] }); // 1 - (1 + 2 + 3) / 24
  });
});

describe("teachCritic", () => {
  const numTokens = 8;
  async function taught(critic: TabularPolicy, { config, gae }: ReturnType<typeof configOf>, times: number) {
    const reports: Awaited<ReturnType<typeof teachCritic>>[] = [];
    for (let step = 0; step < times; step++) {
      const groups = await valueGroups([[member(1)], [member(0)], [member(1)], [member(1)]], { critic, gae, isPretraining: false });
      reports.push(await teachCritic(groups, { critic, gae, config, step, guard: initialGuard }));
    }
    return reports;
  }

  test("moves values to the mean return", async () => {
    const critic = new TabularPolicy(numTokens, { isCritic: true });
    const reports = await taught(critic, configOf(), 80);
    const [first, last] = [reports[0]!.metrics, reports.at(-1)!.metrics];
    assert.deepEqual([first["critic/value"], first["critic/return"]], [0, 0.75]);
    assert.ok(Math.abs(first["critic/squaredError"]! - 0.75) < 1e-6);
    assert.ok(Math.abs(last["critic/value"]! - 0.75) < 0.02, `value ${last["critic/value"]}`);
    assert.ok(Math.abs(last["critic/squaredError"]! - 0.75 * 0.25) < 0.01);
    assert.deepEqual(
      [1, 2, 3, 4].map((row) => Math.round(20 * critic.parameters[numTokens ** 2 + row]!)),
      [15, 15, 15, 0], // nothing was decided after the last token
    );
    assert.ok(critic.parameters.subarray(0, numTokens ** 2).every((logit) => logit === 0));
  });

  test("tells prompts apart with a transformer that starts as the policy", async () => {
    await using policy = openBackend();
    await using critic = criticOf(policy, engineConfig());
    const about = configOf({ valueClip: 10 }, { learningRate: 0.001 });
    const from = (prompt: number, reward: number): RewardedRollout => {
      const rollout = aRollout({ promptTokens: Int32Array.of(1, prompt), tokens: Int32Array.of(3, 4, 5) });
      return { ...member(reward), rollout };
    };
    const rollouts = [[from(7, 1), from(8, 0)], [from(9, 0.5)]];
    let explained = 0;
    for (let step = 0; step < 40; step++) {
      const groups = await valueGroups(rollouts, { critic, gae: about.gae, isPretraining: false });
      explained = (await teachCritic(groups, { critic, ...about, step, guard: initialGuard })).metrics["critic/explainedVariance"]!;
      if (step === 0) assert.equal(explained, 0, "values start at 0");
    }
    assert.ok(explained > 0.9, `explains ${explained} of the variance`);
  });

  test("takes one update for each minibatch and pass, at its own rate", async () => {
    const critic = new TabularPolicy(numTokens, { isCritic: true });
    let updates = 0;
    const counting: PolicyBackend = Object.assign(Object.create(critic) as TabularPolicy, {
      forward: critic.forward.bind(critic),
      forwardBackward: critic.forwardBackward.bind(critic),
      optimStep: (settings: Parameters<PolicyBackend["optimStep"]>[0]) => {
        updates++;
        assert.equal(settings.learningRate, 0.1);
        return critic.optimStep(settings);
      },
    });
    await taught(counting as TabularPolicy, configOf({ critic: { passes: 3 } }, { tasksPerStep: 4, minibatchTasks: 2 }), 1);
    assert.equal(updates, 6);
  });

  test("skips an update that is no number and says so", async () => {
    const critic = new TabularPolicy(numTokens, { isCritic: true, faultAt: (call) => call === 0 });
    const [first, second] = await taught(critic, configOf(), 2);
    assert.match(first!.notes.join(), /critic's update skipped: .*gradient norm NaN/);
    assert.equal(first!.metrics["critic/loss"], undefined);
    assert.deepEqual(second!.notes, []);
    assert.ok(critic.parameters.every(Number.isFinite));
  });
});
