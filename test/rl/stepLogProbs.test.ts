import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { ForwardSample } from "../../src/policy/backend.ts";
import { RlConfig } from "../../src/rl/config.ts";
import type { RewardedRollout } from "../../src/rl/rollout.ts";
import { referenceLogRatios, rewardDivergence, stepLogProbs } from "../../src/rl/stepLogProbs.ts";
import { aRollout, aScoredRollout, scored, unscorable } from "../support/rollouts.ts";
import { TabularPolicy } from "../support/tabularPolicy.ts";

const configure = (about: object) => RlConfig.parse({ steps: 2, maxNewTokens: 2, learningRate: 0.1, ...about });
const uniform = Math.fround(-Math.log(8));

/** A policy that remembers what it was asked. */
class AskedPolicy extends TabularPolicy {
  readonly asked: ForwardSample[] = [];
  override async forward(samples: readonly ForwardSample[]) {
    this.asked.push(...samples);
    return super.forward(samples);
  }
}

/** Two tokens, sampled by `version` with log-probability -0.5 each; the second was forced. */
function sampledBy(version: string, about: { readonly verdict?: ReturnType<typeof scored> } = {}): RewardedRollout {
  const rollout = aRollout({ policy: [{ version, from: 0 }], chosen: Uint8Array.of(1, 0), logProbs: Float32Array.of(-0.5, Number.NaN) });
  return aScoredRollout(about.verdict ?? scored(1), { rollout });
}

describe("stepLogProbs", () => {
  test("asks nobody where the recipe needs nothing", async () => {
    const policy = new AskedPolicy(8);
    const found = await stepLogProbs([sampledBy("older")], { config: configure({}), policy, reference: undefined });
    assert.deepEqual([policy.asked.length, found.old.size, found.reference.size], [0, 0, 0]);
  });

  test("asks the policy about what another one sampled, even in part, and only where that is corrected", async () => {
    const policy = new AskedPolicy(8);
    const { parameters: own } = await policy.digests();
    const members = [sampledBy(own), sampledBy("older"), sampledBy("older", { verdict: unscorable("crash") })];
    const mixed = {
      ...members[0]!,
      rollout: {
        ...members[0]!.rollout,
        policy: [
          { version: "older", from: 0 },
          { version: own, from: 1 },
        ],
      },
    };
    const config = configure({ sampling: { lag: 1 }, correction: { kind: "truncated" } });
    const { old } = await stepLogProbs([...members, mixed], { config, policy, reference: undefined });
    assert.deepEqual([...old.keys()], [members[1]!.rollout, mixed.rollout]);
    assert.deepEqual([...old.values()], [Float32Array.of(uniform), Float32Array.of(uniform)]);
  });

  test("replays recorded experts where they will be replayed in training, and not in the reference", async () => {
    const [policy, reference] = [new AskedPolicy(8), new AskedPolicy(8)];
    const member = sampledBy("older");
    const experts = Uint16Array.of(1, 2, 3);
    const config = configure({ sampling: { lag: 1 }, correction: { kind: "truncated" }, kl: { kind: "loss", weight: 0.1 } });
    await stepLogProbs([{ ...member, rollout: { ...member.rollout, experts } }], { config, policy, reference });
    assert.deepEqual([policy.asked[0]!.experts, reference.asked[0]!.experts], [experts, undefined]);
  });

  test("asks the reference about all that is scored", async () => {
    const members = [sampledBy("v"), sampledBy("v", { verdict: unscorable("crash") })];
    const [policy, reference] = [new AskedPolicy(8), new AskedPolicy(8)];
    const config = configure({ kl: { kind: "loss", weight: 0.1 } });
    const found = await stepLogProbs(members, { config, policy, reference });
    assert.deepEqual([policy.asked.length, reference.asked.length], [0, 1]);
    assert.deepEqual([...found.reference.keys()], [members[0]!.rollout]);
  });
});

describe("referenceLogRatios", () => {
  test("are taken from the policy that training starts from", () => {
    const { rollout } = sampledBy("v");
    const reference = new Map([[rollout, Float32Array.of(-2)]]);
    assert.deepEqual(referenceLogRatios(rollout, { old: new Map(), reference }), Float32Array.of(1.5));
    assert.deepEqual(referenceLogRatios(rollout, { old: new Map([[rollout, Float32Array.of(-1)]]), reference }), Float32Array.of(1));
  });
});

describe("rewardDivergence", () => {
  test("is the mean over tokens where the divergence is in the reward, and nowhere else", () => {
    const [a, b] = [sampledBy("v").rollout, sampledBy("v").rollout];
    const logProbs = {
      old: new Map(),
      reference: new Map([
        [a, Float32Array.of(-2)],
        [b, Float32Array.of(-1)],
      ]),
    };
    const of = (kl: object) => rewardDivergence(logProbs, configure({ advantages: { kind: "rloo" }, kl }));
    assert.deepEqual(of({ kind: "reward", weight: 0.1 }), { klRef: 1 });
    assert.deepEqual(of({ kind: "loss", weight: 0.1 }), {});
  });
});
