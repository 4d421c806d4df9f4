import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RlConfig } from "../../src/rl/config.ts";

const parse = (about: object) => RlConfig.safeParse({ steps: 10, maxNewTokens: 8, learningRate: 0.1, ...about });

/** What is wrong, as `path: message`. */
function wrongWith(about: object): string {
  const { error } = parse(about);
  assert.ok(error !== undefined, `nothing is wrong with ${JSON.stringify(about)}`);
  return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

describe("RlConfig", () => {
  test("is GRPO with a wide clip over the token mean, and nothing else, where a recipe says nothing", () => {
    const { advantages, objective, entropy, kl, aggregation, correction, innerEpochs } = parse({}).data!;
    assert.deepEqual(
      { advantages, objective, entropy, kl, aggregation, correction, innerEpochs },
      {
        advantages: { kind: "grpo", groupSize: 8 },
        objective: { kind: "clip", below: 0.2, above: 0.28 },
        entropy: { kind: "none" },
        kl: { kind: "none" },
        aggregation: { kind: "token-mean" },
        correction: { kind: "none" },
        innerEpochs: 1,
      },
    );
  });

  test("rejects the keys of another choice", () => {
    assert.match(wrongWith({ objective: { kind: "gspo", maxRatio: 5 } }), /objective: .*maxRatio/);
    assert.match(wrongWith({ objective: { kind: "reinforce", below: 0.2 } }), /objective: .*below/);
    assert.match(wrongWith({ entropy: { kind: "bonus", weight: 0.1, share: 0.1 } }), /entropy: .*share/);
    assert.match(wrongWith({ aggregation: { kind: "token-mean", length: 8 } }), /aggregation: .*length/);
    assert.match(wrongWith({ kl: { kind: "reward", weight: 0.1, estimator: "k2" } }), /kl: .*estimator/);
  });

  test("says what a choice needs and what would have no effect", () => {
    assert.match(
      wrongWith({ aggregation: { kind: "constant" } }),
      /aggregation\.length: must be there: constant has no divisor without it/,
    );
    assert.match(wrongWith({ kl: { kind: "reward", weight: 0 } }), /kl\.weight: must be above 0; leave rl\.kl out for none/);
    assert.match(wrongWith({ entropy: { kind: "bonus", weight: 0 } }), /entropy\.weight: must be above 0; leave rl\.entropy out/);
    assert.match(wrongWith({ objective: { kind: "clip", dual: 1 } }), /objective\.dual: must be above 1/);
    assert.match(
      wrongWith({ entropy: { kind: "clip-cov", min: 5, max: 5 } }),
      /entropy\.min: must be below max, .*, got 5 and 5; lower min or raise max/,
    );
  });

  test("refuses a divergence in the reward where the advantages would make something else of it", () => {
    for (const kind of ["grpo", "max-rl", "gdpo"]) {
      assert.match(
        wrongWith({ advantages: { kind }, kl: { kind: "reward", weight: 0.1 } }),
        new RegExp(`kl\\.kind: must not be "reward" with "${kind}" advantages: it `),
      );
    }
    for (const kind of ["rloo", "dr-grpo", "reinforce-plus-plus"]) {
      assert.ok(parse({ advantages: { kind }, kl: { kind: "reward", weight: 0.1 } }).success, kind);
    }
  });

  test("refuses one ratio for a sequence with an advantage for each token", () => {
    assert.match(wrongWith({ objective: { kind: "gspo" }, advantages: { kind: "gae" } }), /objective\.kind: must not be "gspo" with "gae"/);
  });

  test("refuses to correct what the step's own policy sampled", () => {
    const corrected = { correction: { kind: "truncated" } };
    assert.match(
      wrongWith(corrected),
      /correction\.kind: must be "none" where every step learns from its own policy's rollouts.* got "truncated"/,
    );
    assert.ok(parse({ ...corrected, sampling: { lag: 1 } }).success);
    assert.ok(parse({ ...corrected, sampling: { partial: { tokensPerStep: 4 } } }).success);
  });

  test("refuses a veto beyond what weights are cut off at, exp(20) = 4.85e8", () => {
    const vetoed = (veto: object) => ({ sampling: { lag: 1 }, correction: { kind: "truncated", veto } });
    assert.ok(parse(vetoed({ min: 2.1e-9, max: 4.8e8 })).success);
    assert.match(wrongWith(vetoed({ max: 4.9e8 })), /veto\.max: must lie within exp\(-20\) and exp\(20\)/);
    assert.match(wrongWith(vetoed({ min: 2e-9 })), /veto\.min: must lie within/);
  });

  test("refuses to hold tokens where they are", () => {
    const held = { entropy: { kind: "kl-cov" } };
    assert.match(wrongWith(held), /entropy\.kind: must not be "kl-cov" where a step is one update/);
    assert.match(wrongWith({ ...held, tasksPerStep: 4, minibatchTasks: 4 }), /kl-cov/);
    assert.match(wrongWith({ ...held, sampling: { lag: 1 }, correction: { kind: "truncated" } }), /kl-cov/);
    assert.ok(parse({ ...held, sampling: { lag: 1 } }).success);
    assert.ok(parse({ ...held, innerEpochs: 2 }).success);
    assert.ok(parse({ ...held, tasksPerStep: 4, minibatchTasks: 2 }).success);
  });
});
